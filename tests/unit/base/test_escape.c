/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/escape.h"

#include <criterion/criterion.h>

static struct str escaped(struct buf *b, struct str name)
{
    buf_reset(b);
    cr_assert_eq(escape_add(b, name), OK);
    return buf_str(b);
}

Test(escape, unreserved_characters_stay, .timeout = 5)
{
    struct buf b = { 0 };

    cr_assert(str_eq(escaped(&b, STR("aZ09-._~")), STR("aZ09-._~")));
    buf_deinit(&b);
}

Test(escape, every_other_byte_is_percent_and_two_digits, .timeout = 5)
{
    struct buf b = { 0 };

    cr_assert(str_eq(escaped(&b, STR("a:b;c d%")), STR("a%3Ab%3Bc%20d%25")));
    cr_assert(str_eq(escaped(&b, STR("\n\xC3\xA4/")), STR("%0A%C3%A4%2F")));
    cr_assert(str_eq(escaped(&b, STR("a\0b")), STR("a%00b")));
    buf_deinit(&b);
}

Test(escape, past_the_ceiling_nothing_is_added, .timeout = 5)
{
    struct buf b;

    buf_init(&b, 4);
    cr_assert_eq(escape_add(&b, STR("a::")), ERR_TOO_LARGE);
    cr_assert_eq(b.len, 0);
    buf_deinit(&b);
}
