/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/week.h"

#include <criterion/criterion.h>

static struct week *w, *again;
static struct counts c;
static struct buf text, other;

static void start(void)
{
    w = week_new();
    again = week_new();
    cr_assert(counts_read(&c, STR("no=9 yes=1")));
}

static void stop(void)
{
    week_free(w);
    week_free(again);
    counts_deinit(&c);
    buf_deinit(&text);
    buf_deinit(&other);
}

TestSuite(week, .init = start, .fini = stop, .timeout = 30);

enum { HOUR = 3600 * 1000 };

Test(week, it_begins_on_monday_at_midnight)
{
    cr_assert_eq(week_hour_of(1767571200000), 0); /* 2026-01-05T00:00Z */
    cr_assert_eq(week_hour_of(1767571199999), 167);
    cr_assert_eq(week_hour_of(1767571200000 + 30ull * HOUR), 30);
}

Test(week, saturday_and_sunday_are_its_end)
{
    cr_assert_not(week_is_weekend(119));
    cr_assert(week_is_weekend(120));
    cr_assert(week_is_weekend(167));
}

Test(week, ticks_of_one_hour_are_seen_once)
{
    week_add(w, 1767571200000, &c);
    week_add(w, 1767571260000, &c);
    cr_assert_eq(w->at[0].seen, 1);
    cr_assert_eq(counts_total(&w->at[0].counts), 20);
}

Test(week, the_same_hour_of_another_week_is_seen_again)
{
    week_add(w, 1767571200000, &c);
    week_add(w, 1767571200000 + 168ull * HOUR, &c);
    cr_assert_eq(w->at[0].seen, 2);
    cr_assert_eq(week_span(w), 169);
}

Test(week, it_comes_back_from_its_text)
{
    for (uint64_t h = 0; h < 200; h += 7)
        week_add(w, 1767571200000 + h * HOUR, &c);
    week_put(w, &text);
    cr_assert(week_read(again, buf_str(&text)));
    week_put(again, &other);
    cr_assert(str_eq(buf_str(&text), buf_str(&other)));
}

Test(week, what_is_no_week_is_not_read)
{
    cr_assert_not(week_read(again, STR("")));
    cr_assert_not(week_read(again, STR("1")));
    cr_assert_not(week_read(again, STR("1,2;168:1:1:a=1")));
    cr_assert_not(week_read(again, STR("1,2;3:0:1:a=1")));
}
