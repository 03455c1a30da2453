/* SPDX-License-Identifier: Apache-2.0 */
#include "number.h"

#include "world.h"

static void expect_form(const char *source, const char *form)
{
    char out[256];

    expect_str(((struct str){ out, number_put(out, str_of(source)) }), form);
}

Test(number, all_forms_of_one_agree, .timeout = 5)
{
    static const char *const forms[] = { "1",     "1.0",    "1e0",   "1E+00",  "10e-1",
                                         "0.1e1", "100E-2", "1.000", "0.001e3" };

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        expect_form(forms[i], "1");
        cr_assert(number_is(str_of(forms[i]), 1));
    }
}

Test(number, zero_has_no_sign_and_no_exponent, .timeout = 5)
{
    expect_form("-0", "0");
    expect_form("0.000", "0");
    expect_form("-0e99999999999", "0");
    cr_assert(number_is(STR("-0.0E5"), 0));
}

Test(number, what_a_double_would_round_stays, .timeout = 5)
{
    expect_form("0.1000000000000000055", "0.1000000000000000055");
    expect_form("9007199254740993", "9007199254740993");
    expect_form("1e400", "1e400");
    expect_form("1e-400", "1e-400");
}

Test(number, it_is_plain_up_to_21_digits_and_down_to_a_millionth, .timeout = 5)
{
    expect_form("1e20", "100000000000000000000");
    expect_form("1e21", "1e21");
    expect_form("0.000001", "0.000001");
    expect_form("0.0000001", "1e-7");
    expect_form("-12.50e1", "-125");
    expect_form("120.5", "120.5");
    expect_form("1234567890123456789012345", "1.234567890123456789012345e24");
}

Test(number, an_exponent_beyond_sense_stands_for_itself, .timeout = 5)
{
    expect_form("1e99999999999999999999", "1e99999999999999999999");
    expect_form("1e0000000000000000000001", "10");
}

Test(number, an_integer_is_big_when_64_bits_do_not_hold_it, .timeout = 5)
{
    static const struct {
        const char *text;
        bool big;
    } rows[] = { { "9223372036854775807", false },
                 { "9223372036854775808", true },
                 { "-9223372036854775808", false },
                 { "-9223372036854775809", true },
                 { "10000000000000000000", true },
                 { "1000000000000000000", false },
                 { "1e30", false },
                 { "18446744073709551616", true } };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct number n;

        number_read(&n, str_of(rows[i].text));
        cr_expect_eq(number_is_big(&n), rows[i].big, "%s", rows[i].text);
    }
}

Test(number, a_whole_one_may_have_a_point_or_an_exponent, .timeout = 5)
{
    cr_assert(number_is_whole(STR("-1.0")));
    cr_assert(number_is_whole(STR("12.5e1")));
    cr_assert(number_is_whole(STR("0.0")));
    cr_assert(number_is_whole(STR("1e99999999999")));
    cr_assert_not(number_is_whole(STR("12.5")));
    cr_assert_not(number_is_whole(STR("1e-99999999999")));
}

Test(number, any_two_are_compared_exactly, .timeout = 5)
{
    static const char *const rising[] = { "-1e99999999999",
                                          "-1e400",
                                          "-10",
                                          "-9.99",
                                          "-1e-99999999999",
                                          "0",
                                          "1e-99999999999",
                                          "0.1",
                                          "9007199254740992",
                                          "9007199254740993",
                                          "1e400",
                                          "1e99999999999" };

    for (size_t i = 1; i < sizeof(rising) / sizeof(rising[0]); i++) {
        cr_assert_lt(number_compare(str_of(rising[i - 1]), str_of(rising[i])), 0);
        cr_assert_gt(number_compare(str_of(rising[i]), str_of(rising[i - 1])), 0);
    }
    cr_assert_eq(number_compare(STR("1.0"), STR("10e-1")), 0);
    cr_assert_eq(number_compare(STR("-0"), STR("0")), 0);
}
