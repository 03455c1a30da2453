/* SPDX-License-Identifier: Apache-2.0 */
#include "tape.h"

#include <criterion/criterion.h>
#include <stdio.h>

static char block[64 * 1024];

Test(tape, gives_a_late_reader_everything_in_order, .timeout = 10)
{
    struct tape *t = tape_new();
    struct tape_cursor c = { 0 };
    struct buf in = { 0 };
    struct buf out = { 0 };

    for (int i = 0; i < 50000; i++) {
        char text[16];
        int n = snprintf(text, sizeof(text), "%d,", i);

        cr_assert(tape_add(t, (struct str){ text, (size_t)n }));
        buf_put(&in, (struct str){ text, (size_t)n });
    }
    while (tape_read(t, &c, &out, 777) > 0)
        continue;
    cr_assert(str_eq(buf_str(&in), buf_str(&out)));
    cr_assert_eq(c.read, in.len);
    buf_deinit(&in);
    buf_deinit(&out);
    tape_unref(t);
}

Test(tape, gives_a_reader_that_is_up_to_date_only_what_is_new, .timeout = 10)
{
    struct tape *t = tape_new();
    struct tape_cursor c = { 0 };
    struct buf out = { 0 };

    cr_assert_eq(tape_read(t, &c, &out, 10), 0);
    for (int i = 0; i < 3000; i++) {
        cr_assert(tape_add(t, STR("abc")));
        cr_assert_eq(tape_read(t, &c, &out, 10), 3);
        cr_assert_eq(tape_read(t, &c, &out, 10), 0);
    }
    cr_assert_eq(out.len, 9000);
    buf_deinit(&out);
    tape_unref(t);
}

Test(tape, is_full_at_its_ceiling_and_stays_so, .timeout = 10)
{
    struct tape *t = tape_new();

    for (size_t size = 0; size < TAPE_BYTES; size += sizeof(block))
        cr_assert(tape_add(t, (struct str){ block, sizeof(block) }));
    cr_assert_not(tape_is_full(t));
    cr_assert_not(tape_add(t, STR("x")));
    cr_assert(tape_is_full(t));
    cr_assert_not(tape_add(t, STR("")));
    cr_assert_eq(tape_size(t), TAPE_BYTES);
    tape_unref(t);
}

Test(tape, heeds_the_ceiling_of_the_readers_buffer, .timeout = 10)
{
    struct tape *t = tape_new();
    struct tape_cursor c = { 0 };
    struct buf out = { .most = 4 };

    cr_assert(tape_add(t, STR("abcdefgh")));
    cr_assert_eq(tape_read(t, &c, &out, 4), 4);
    cr_assert_eq(tape_read(t, &c, &out, 4), 0);
    buf_reset(&out);
    cr_assert_eq(tape_read(t, &c, &out, 4), 4);
    cr_assert(str_eq(buf_str(&out), STR("efgh")));
    buf_deinit(&out);
    tape_unref(t);
}

Test(tape, lives_until_its_last_reader_lets_go, .timeout = 10)
{
    struct tape *t = tape_new();
    struct tape *reader = tape_ref(t);
    struct tape_cursor c = { 0 };
    struct buf out = { 0 };

    cr_assert(tape_add(t, STR("abc")));
    tape_unref(t);
    cr_assert_eq(tape_read(reader, &c, &out, 10), 3);
    buf_deinit(&out);
    tape_unref(reader);
    tape_unref(NULL);
}
