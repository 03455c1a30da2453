/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/utf8.h"

#include <criterion/criterion.h>

Test(utf8, every_code_point_is_read_back_in_its_length, .timeout = 10)
{
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        char out[UTF8_LONGEST];
        size_t len;

        if (code >= 0xD800 && code <= 0xDFFF)
            continue;
        len = utf8_put(out, code);
        if (utf8_length(out, len) != len || utf8_length(out, len - 1) != 0)
            cr_assert_fail("U+%04X", code);
    }
}

Test(utf8, surrogates_and_what_is_too_large_become_the_replacement, .timeout = 5)
{
    char out[UTF8_LONGEST];

    cr_assert_eq(utf8_put(out, 0xD800), 3);
    cr_assert_arr_eq(out, "\xEF\xBF\xBD", 3);
    cr_assert_eq(utf8_put(out, 0x110000), 3);
}

Test(utf8, forms_that_the_standard_forbids_are_no_character, .timeout = 5)
{
    static const char *const bad[] = {
        "\x80",
        "\xBF",
        "\xC0\x80",
        "\xC1\xBF",
        "\xC2",
        "\xC2 ",
        "\xE0\x9F\xBF",
        "\xED\xA0\x80",
        "\xED\xBF\xBF",
        "\xE2\x82",
        "\xE2\x82\xC0",
        "\xFE",
        "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_eq(utf8_length(bad[i], strlen(bad[i])), 0, "row %zu", i);
}
