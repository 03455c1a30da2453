/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/buf.h"

#include <criterion/criterion.h>

Test(buf, what_is_added_stands_in_order, .timeout = 5)
{
    struct buf b = { 0 };

    buf_put_text(&b, "one ");
    cr_assert_eq(buf_printf(&b, "%d ", 2), OK);
    cr_assert_eq(buf_add(&b, STR("three")), OK);
    cr_assert(str_eq(buf_str(&b), STR("one 2 three")));
    buf_deinit(&b);
}

Test(buf, past_its_ceiling_nothing_changes, .timeout = 5)
{
    struct buf b;

    buf_init(&b, 5);
    cr_assert_eq(buf_add(&b, STR("1234")), OK);
    cr_assert_eq(buf_add(&b, STR("56")), ERR_TOO_LARGE);
    cr_assert_eq(buf_printf(&b, "%d", 56), ERR_TOO_LARGE);
    cr_assert(str_eq(buf_str(&b), STR("1234")));
    cr_assert_eq(buf_add(&b, STR("5")), OK);
    buf_deinit(&b);
    cr_assert_eq(b.most, 5);
}

Test(buf, room_becomes_part_of_it_once_grown, .timeout = 5)
{
    struct buf b = { 0 };
    char *at;

    cr_assert_eq(buf_room(&b, 1000, &at), OK);
    memcpy(at, "abc", 3);
    buf_grown(&b, 3);
    cr_assert(str_eq(buf_str(&b), STR("abc")));
    buf_deinit(&b);
}

Test(buf, a_reset_keeps_the_memory, .timeout = 5)
{
    struct buf b = { 0 };
    char *at;

    buf_put_text(&b, "abc");
    at = b.at;
    buf_reset(&b);
    cr_assert_eq(b.len, 0);
    buf_put_text(&b, "def");
    cr_assert_eq(b.at, at);
    buf_deinit(&b);
}

Test(buf, dropping_takes_bytes_off_the_front, .timeout = 5)
{
    struct buf b = { 0 };

    buf_put_text(&b, "abcdef");
    buf_drop(&b, 2);
    cr_assert(str_eq(buf_str(&b), STR("cdef")));
    buf_drop(&b, 4);
    cr_assert_eq(b.len, 0);
    buf_deinit(&b);
}

Test(buf, a_splice_may_be_shorter_or_longer_than_what_it_replaces, .timeout = 5)
{
    struct buf b = { 0 };

    buf_put_text(&b, "{\"model\":\"a\"}");
    cr_assert_eq(buf_splice(&b, 9, 12, STR("\"much-longer\"")), OK);
    cr_assert(str_eq(buf_str(&b), STR("{\"model\":\"much-longer\"}")));
    cr_assert_eq(buf_splice(&b, 9, 22, STR("\"\"")), OK);
    cr_assert(str_eq(buf_str(&b), STR("{\"model\":\"\"}")));
    cr_assert_eq(buf_splice(&b, 0, 0, STR(" ")), OK);
    cr_assert(str_eq(buf_str(&b), STR(" {\"model\":\"\"}")));
    buf_deinit(&b);
}

Test(buf, a_splice_past_the_ceiling_changes_nothing, .timeout = 5)
{
    struct buf b;

    buf_init(&b, 6);
    cr_assert_eq(buf_add(&b, STR("abcdef")), OK);
    cr_assert_eq(buf_splice(&b, 1, 2, STR("xx")), ERR_TOO_LARGE);
    cr_assert(str_eq(buf_str(&b), STR("abcdef")));
    buf_deinit(&b);
}

Test(buf, many_small_pieces_add_up, .timeout = 5)
{
    struct buf b = { 0 };

    for (int i = 0; i < 10000; i++)
        buf_put_printf(&b, "%04d", i);
    cr_assert_eq(b.len, 40000);
    cr_assert(str_ends(buf_str(&b), STR("99989999")));
    buf_deinit(&b);
}
