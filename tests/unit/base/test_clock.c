/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/clock.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <time.h>

static const char *text_of(uint64_t wall_ms)
{
    static char text[CLOCK_TEXT];

    clock_text(wall_ms, text);
    return text;
}

Test(clock, time_is_written_in_utc_with_milliseconds, .timeout = 5)
{
    cr_assert_str_eq(text_of(0), "1970-01-01T00:00:00.000Z");
    cr_assert_str_eq(text_of(951782399999), "2000-02-28T23:59:59.999Z");
    cr_assert_str_eq(text_of(951782400000), "2000-02-29T00:00:00.000Z");
    cr_assert_str_eq(text_of(1769903999123), "2026-01-31T23:59:59.123Z");
    cr_assert_str_eq(text_of(4107542400000), "2100-03-01T00:00:00.000Z");
}

Test(clock, every_day_of_200_years_agrees_with_the_c_library, .timeout = 30)
{
    for (time_t day = 0; day < 200 * 366; day++) {
        time_t at = day * 86400 + 45296;
        char want[CLOCK_TEXT];
        struct tm tm;

        gmtime_r(&at, &tm);
        strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.000Z", &tm);
        cr_assert_str_eq(text_of((uint64_t)at * 1000), want);
    }
}

Test(clock, time_never_runs_backwards, .timeout = 5)
{
    uint64_t last = clock_now_us();

    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_now_us();

        cr_assert_geq(now, last);
        last = now;
    }
}
