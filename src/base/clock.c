/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/clock.h"

#include <string.h>
#include <time.h>

enum { MS_A_DAY = 86400000, DAYS_BEFORE_1970 = 719468, DAYS_AN_ERA = 146097 };

uint64_t clock_now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_wall_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void put_digits(char *at, unsigned n, unsigned digits)
{
    while (digits-- > 0) {
        at[digits] = (char)('0' + n % 10);
        n /= 10;
    }
}

/*
 * Reckoned by hand, since gmtime_r takes a lock of the whole process and every log line needs
 * the time. Years are counted from March, so that the leap day is the last of its year;
 * an era is the 400 years after which the calendar repeats.
 */
void clock_text(uint64_t wall_ms, char out[CLOCK_TEXT])
{
    uint64_t days = wall_ms / MS_A_DAY + DAYS_BEFORE_1970;
    unsigned ms = (unsigned)(wall_ms % MS_A_DAY);
    unsigned day_of_era = (unsigned)(days % DAYS_AN_ERA);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
                            day_of_era / 146096) /
                           365;
    unsigned day_of_year = day_of_era -
                           (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month = (5 * day_of_year + 2) / 153; /* 0 is March */
    unsigned day = day_of_year - (153 * month + 2) / 5 + 1;
    uint64_t year = days / DAYS_AN_ERA * 400 + year_of_era + (month >= 10);

    memcpy(out, "0000-00-00T00:00:00.000Z", 25);
    put_digits(out, (unsigned)(year % 10000), 4);
    put_digits(out + 5, month < 10 ? month + 3 : month - 9, 2);
    put_digits(out + 8, day, 2);
    put_digits(out + 11, ms / 3600000, 2);
    put_digits(out + 14, ms / 60000 % 60, 2);
    put_digits(out + 17, ms / 1000 % 60, 2);
    put_digits(out + 20, ms % 1000, 3);
}
