/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/upstream/retry_after.h"

#include <criterion/criterion.h>

enum { NOON_MS_TAIL = 250 };

/* Wed, 25 Nov 2026 12:00:00.250 GMT */
static const uint64_t now_ms = UINT64_C(1795608000) * 1000 + NOON_MS_TAIL;

static int64_t of(const char *value, const char *ms)
{
    return retry_after_ms(str_of(value), str_of(ms), now_ms);
}

TestSuite(retry_after, .timeout = 10);

Test(retry_after, seconds_are_taken_as_they_are)
{
    cr_expect_eq(of("7", NULL), 7000);
    cr_expect_eq(of(" 0 ", NULL), 0);
}

Test(retry_after, parts_of_a_second_are_read)
{
    cr_expect_eq(of("0.5", NULL), 500);
    cr_expect_eq(of("2.0", NULL), 2000);
    cr_expect_eq(of("3.", NULL), 3000);
}

Test(retry_after, parts_of_a_millisecond_are_rounded_up)
{
    cr_expect_eq(of("0.0001", NULL), 1);
    cr_expect_eq(of("1.00000000000000000000000001", NULL), 1001);
    cr_expect_eq(of(NULL, "100.5"), 101);
}

Test(retry_after, a_date_is_counted_from_now)
{
    cr_expect_eq(of("Wed, 25 Nov 2026 12:00:31 GMT", NULL), 30750);
    cr_expect_eq(of("Wed, 25 Nov 2026 11:00:00 GMT", NULL), 0);
}

Test(retry_after, milliseconds_go_before_seconds)
{
    cr_expect_eq(of(NULL, "4500"), 4500);
    cr_expect_eq(of("1", " 100 "), 100);
    cr_expect_eq(of("9", "soon"), 9000);
}

Test(retry_after, what_is_above_a_day_is_a_day)
{
    static const char *const much[] = { "86401",
                                        "9223372036854776",
                                        "9223372036854775807",
                                        "99999999999999999999",
                                        "99999999999999999999.99",
                                        "Wed, 25 Nov 9999 12:00:31 GMT" };

    for (size_t i = 0; i < sizeof(much) / sizeof(much[0]); i++)
        cr_expect_eq(of(much[i], NULL), RETRY_AFTER_MOST_MS, "%s", much[i]);
    cr_expect_eq(of(NULL, "86400001"), RETRY_AFTER_MOST_MS);
    cr_expect_eq(of(NULL, "9223372036854775807"), RETRY_AFTER_MOST_MS);
    cr_expect_eq(of("86399", NULL), 86399000);
}

Test(retry_after, what_nobody_understands_says_nothing)
{
    static const char *const odd[] = { "",    "soon",  "-3", "1e3",
                                       "1.x", "1.2.3", ".5", "Wed, 25 Nov 2026" };

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        cr_expect_eq(of(odd[i], NULL), -1, "%s", odd[i]);
    cr_expect_eq(of(NULL, NULL), -1);
}
