/* SPDX-License-Identifier: Apache-2.0 */
#include "value.h"

#include <criterion/criterion.h>
#include <locale.h>

static uint64_t duration(const char *text)
{
    uint64_t us = 7;

    cr_assert(value_duration(str_of(text), &us), "%s", text);
    return us;
}

Test(value, durations_have_five_units, .timeout = 10)
{
    cr_assert_eq(duration("250ms"), 250000);
    cr_assert_eq(duration("5s"), 5000000);
    cr_assert_eq(duration("2m"), 120000000);
    cr_assert_eq(duration("1h"), UINT64_C(3600000000));
    cr_assert_eq(duration("7d"), UINT64_C(604800000000));
    cr_assert_eq(duration("0"), 0);
    cr_assert_eq(duration("0s"), 0);
}

Test(value, what_is_no_duration_is_refused, .timeout = 10)
{
    static const char *const wrong[] = { "",   "5",    "s",   "-1s", "1.5s",  "5 s",
                                         "5S", "5sec", "+5s", "5s ", "1m30s", "5us" };
    uint64_t us;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        cr_assert_not(value_duration(str_of(wrong[i]), &us), "%s", wrong[i]);
}

Test(value, a_duration_too_long_to_count_is_refused, .timeout = 10)
{
    uint64_t us;

    cr_assert_not(value_duration(STR("18446744073709551615d"), &us));
    cr_assert_not(value_duration(STR("99999999999999999999s"), &us));
}

Test(value, sizes_are_powers_of_two, .timeout = 10)
{
    uint64_t bytes;

    cr_assert(value_size(STR("64KiB"), &bytes) && bytes == 65536);
    cr_assert(value_size(STR("32MiB"), &bytes) && bytes == 32u << 20);
    cr_assert(value_size(STR("2GiB"), &bytes) && bytes == UINT64_C(2) << 30);
    cr_assert(value_size(STR("512B"), &bytes) && bytes == 512);
    cr_assert(value_size(STR("0"), &bytes) && bytes == 0);
    cr_assert_not(value_size(STR("64MB"), &bytes));
    cr_assert_not(value_size(STR("64"), &bytes));
    cr_assert_not(value_size(STR("99999999999GiB"), &bytes));
}

Test(value, numbers_do_not_depend_on_the_locale, .timeout = 10)
{
    double n = 0;

    (void)setlocale(LC_ALL, "de_DE.UTF-8");
    cr_assert(value_number(STR("0.5"), &n) && n == 0.5);
    cr_assert(value_number(STR("-1e3"), &n) && n == -1000);
    cr_assert_not(value_number(STR("0,5"), &n));
    cr_assert_not(value_number(STR("0x10"), &n));
    cr_assert_not(value_number(STR("true"), &n));
    cr_assert_not(value_number(STR(""), &n));
    cr_assert_not(value_number(STR("nan"), &n));
}

Test(value, addresses_are_host_and_port, .timeout = 10)
{
    struct str host;
    uint16_t port;

    cr_assert(value_address(STR("127.0.0.1:8080"), &host, &port) && port == 8080);
    cr_assert(str_eq(host, STR("127.0.0.1")));
    cr_assert(value_address(STR("[::1]:0"), &host, &port) && port == 0);
    cr_assert(str_eq(host, STR("::1")));
    cr_assert(value_address(STR("localhost:65535"), &host, &port) && port == 65535);
}

Test(value, half_an_address_is_refused, .timeout = 10)
{
    static const char *const wrong[] = { "",      "?",     ":8080",  "127.0.0.1", "a:70000",
                                         "a:-1",  "a:",    "::1:80", "[]:80",     "a b:1",
                                         "a/b:1", "u@h:1", "[::1]" };
    struct str host;
    uint16_t port;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        cr_assert_not(value_address(str_of(wrong[i]), &host, &port), "%s", wrong[i]);
}

Test(value, a_url_holds_no_credentials, .timeout = 10)
{
    cr_assert(value_is_url(STR("http://127.0.0.1:8001/v1")));
    cr_assert(value_is_url(STR("https://[::1]:443")));
    cr_assert_not(value_is_url(STR("https://user:word@host/v1")));
    cr_assert_not(value_is_url(STR("ftp://host")));
    cr_assert_not(value_is_url(STR("http://")));
    cr_assert_not(value_is_url(STR("http:///v1")));
    cr_assert_not(value_is_url(STR("http://a b")));
    cr_assert_not(value_is_url(STR("not a url")));
    cr_assert_not(value_is_url(STR("")));
}

Test(value, a_pointer_may_go_on_inside_a_text, .timeout = 10)
{
    cr_assert(value_is_pointer(STR("/choices/0/message/content")));
    cr_assert(value_is_pointer(STR("/choices/0/message/content#/intent")));
    cr_assert(value_is_pointer(STR("/a~0b~1c")));
    cr_assert(value_is_pointer(STR("")));
    cr_assert_not(value_is_pointer(STR("choices")));
    cr_assert_not(value_is_pointer(STR("/a~2")));
    cr_assert_not(value_is_pointer(STR("/a~")));
    cr_assert_not(value_is_pointer(STR("/a#")));
    cr_assert_not(value_is_pointer(STR("/a#b")));
}

Test(value, text_is_utf8_without_control_characters, .timeout = 10)
{
    cr_assert(value_is_text(STR("gr\xc3\xbc\xc3\x9f dich")));
    cr_assert_not(value_is_text(STR("a\r\nb")));
    cr_assert_not(value_is_text(STR("a\x7f")));
    cr_assert_not(value_is_text(STR("\xc3(")));
}

Test(value, a_share_is_a_number_from_0_to_100_and_a_percent_sign, .timeout = 10)
{
    double share = 7;

    cr_assert(value_share(STR("5%"), &share));
    cr_assert_float_eq(share, 0.05, 1e-12);
    cr_assert(value_share(STR("0.5%"), &share));
    cr_assert_float_eq(share, 0.005, 1e-12);
    cr_assert(value_share(STR("100%"), &share));
    cr_assert_float_eq(share, 1, 1e-12);
    cr_assert_not(value_share(STR("5"), &share));
    cr_assert_not(value_share(STR("%"), &share));
    cr_assert_not(value_share(STR("-1%"), &share));
    cr_assert_not(value_share(STR("100.1%"), &share));
    cr_assert_not(value_share(STR(""), &share));
}

Test(value, a_percentile_is_p50_to_p99, .timeout = 10)
{
    double percentile = 7;

    cr_assert(value_percentile(STR("p50"), &percentile));
    cr_assert_float_eq(percentile, 0.5, 1e-12);
    cr_assert(value_percentile(STR("p99"), &percentile));
    cr_assert_float_eq(percentile, 0.99, 1e-12);
    cr_assert_not(value_percentile(STR("p49"), &percentile));
    cr_assert_not(value_percentile(STR("p100"), &percentile));
    cr_assert_not(value_percentile(STR("p9"), &percentile));
    cr_assert_not(value_percentile(STR("95%"), &percentile));
    cr_assert_not(value_percentile(STR(""), &percentile));
}

Test(value, prose_may_have_lines_and_tabs_and_nothing_else, .timeout = 10)
{
    cr_assert(value_is_prose(STR("one\r\n\ttwo \xc3\xa4")));
    cr_assert(value_is_prose(STR("")));
    cr_assert_not(value_is_prose(STR("a\x1b[31m")));
    cr_assert_not(value_is_prose((struct str){ "a\0b", 3 }));
    cr_assert_not(value_is_prose(STR("\xff")));
    cr_assert_not(value_is_text(STR("a\nb")));
}
