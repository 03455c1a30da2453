/* SPDX-License-Identifier: Apache-2.0 */
#include "top_line.h"

#include <criterion/criterion.h>

static struct buf out;

static void stop(void)
{
    buf_deinit(&out);
}

TestSuite(top_line, .fini = stop, .timeout = 20);

static bool puts_as(struct str text, unsigned columns, struct str wanted)
{
    buf_reset(&out);
    (void)top_line_put(&out, text, columns);
    return str_eq(buf_str(&out), wanted);
}

Test(top_line, a_text_is_cut_at_its_columns)
{
    cr_assert(puts_as(STR("abcdef"), 4, STR("abcd")));
    cr_assert_eq(top_line_put(&out, STR("ab"), 4), 2);
}

Test(top_line, a_wide_letter_takes_two_columns_or_is_left_out)
{
    cr_assert(puts_as(STR("\u4e2d\u6587x"), 3, STR("\u4e2d")));
    cr_assert_eq(top_line_put(&out, STR("\U0001F600\U0001F600"), 9), 4);
}

Test(top_line, a_mark_upon_a_letter_takes_none)
{
    cr_assert_eq(top_line_put(&out, STR("e\u0301"), 9), 1);
}

Test(top_line, what_moves_the_cursor_is_a_question_mark)
{
    cr_assert(puts_as(STR("a\033[2Jb\n"), 20, STR("a?[2Jb?")));
    cr_assert(puts_as(STR("a\u202e"
                          "b\xc2\x9b"),
                      20, STR("a?b?")));
}

Test(top_line, a_broken_byte_is_one_too)
{
    cr_assert(puts_as(STR("a\xff\xc3"), 20, STR("a??")));
}

Test(top_line, a_column_is_filled_up)
{
    top_line_column(&out, STR("\u4e2d"), 4);
    top_line_column(&out, STR("longer"), 4);
    cr_assert(str_eq(buf_str(&out), STR("\u4e2d   long ")));
}
