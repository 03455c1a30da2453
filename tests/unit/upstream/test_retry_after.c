/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/upstream/retry_after.h"

#include <criterion/criterion.h>

enum { NOON_MS_TAIL = 250 };

/* Wed, 25 Nov 2026 12:00:00.250 GMT */
static const uint64_t now_ms = UINT64_C(1795608000) * 1000 + NOON_MS_TAIL;

static int64_t of(const char *value, const char *ms)
{
    return retry_after_s(str_of(value), str_of(ms), now_ms);
}

TestSuite(retry_after, .timeout = 10);

Test(retry_after, seconds_are_taken_as_they_are)
{
    cr_expect_eq(of("7", NULL), 7);
    cr_expect_eq(of(" 0 ", NULL), 0);
}

Test(retry_after, parts_of_a_second_are_rounded_up)
{
    cr_expect_eq(of("0.5", NULL), 1);
    cr_expect_eq(of("2.0", NULL), 2);
}

Test(retry_after, a_date_is_counted_from_now)
{
    cr_expect_eq(of("Wed, 25 Nov 2026 12:00:31 GMT", NULL), 30);
    cr_expect_eq(of("Wed, 25 Nov 2026 11:00:00 GMT", NULL), 0);
}

Test(retry_after, milliseconds_are_rounded_up_where_there_is_nothing_else)
{
    cr_expect_eq(of(NULL, "4500"), 5);
    cr_expect_eq(of(NULL, "4000"), 4);
    cr_expect_eq(of("9", "4500"), 9);
}

Test(retry_after, what_nobody_understands_says_nothing)
{
    static const char *const odd[] = {
        "", "soon", "-3", "1e3", "1.x", "Wed, 25 Nov 2026", "99999999999999999999"
    };

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        cr_expect_eq(of(odd[i], NULL), -1, "%s", odd[i]);
    cr_expect_eq(of(NULL, NULL), -1);
}
