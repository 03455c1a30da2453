/* SPDX-License-Identifier: Apache-2.0 */
#include "window.h"

#include <criterion/criterion.h>

static struct window w, again;
static struct buf ticks, hours;

static void start(void)
{
    window_init(&w, 2);
    window_init(&again, 2);
}

static void stop(void)
{
    window_deinit(&w);
    window_deinit(&again);
    buf_deinit(&ticks);
    buf_deinit(&hours);
}

TestSuite(window, .init = start, .fini = stop, .timeout = 30);

static void add(uint64_t from, uint64_t to, uint64_t yes, uint64_t no)
{
    for (uint64_t t = from; t < to; t++)
        window_add(&w, t, (uint64_t[]){ yes, no });
}

Test(window, it_adds_up_from_a_tick_on)
{
    uint64_t sum[2];

    add(100, 110, 1, 2);
    cr_assert_eq(window_sum(&w, 105, sum), 15);
    cr_assert_eq(sum[0], 5);
    cr_assert_eq(sum[1], 10);
}

Test(window, old_ticks_become_hours_and_nothing_is_lost)
{
    uint64_t sum[2];

    add(6000, 6600, 1, 1);
    cr_assert_eq(window_sum(&w, 0, sum), 1200);
    cr_assert_eq(w.ticks, WINDOW_TICKS);
    cr_assert_eq(w.hours, 9);
}

Test(window, what_is_older_than_a_day_is_forgotten)
{
    uint64_t sum[2];

    add(6000, 6120, 1, 1);
    add(20000, 20060, 1, 1);
    add(20060, 20061, 1, 1);
    cr_assert_leq(window_sum(&w, 0, sum), 2 * 61 + 2 * 60);
    add(20061, 20062, 1, 1);
    cr_assert_eq(window_sum(&w, 0, sum), 2 * 62);
}

Test(window, the_beginning_of_a_change_is_found)
{
    add(1000, 1040, 5, 95);
    add(1040, 1052, 20, 80);
    cr_assert_eq(window_since(&w, 0, .07, true), 1040);
    cr_assert_eq(window_since(&w, 1, .93, false), 1040);
}

Test(window, a_beginning_before_the_ticks_is_found_by_its_hour)
{
    add(6000, 6120, 5, 95);
    add(6120, 6300, 20, 80);
    cr_assert_eq(window_since(&w, 0, .07, true), 6120);
}

Test(window, it_comes_back_from_its_text)
{
    add(6000, 6200, 3, 4);
    window_put_ticks(&w, &ticks);
    window_put_hours(&w, &hours);
    cr_assert(window_read_ticks(&again, buf_str(&ticks)));
    cr_assert(window_read_hours(&again, buf_str(&hours)));
    cr_assert_eq(again.hours, w.hours);
    cr_assert_eq(window_sum(&again, 0, (uint64_t[2]){ 0 }), 1400);
}

Test(window, other_texts_are_refused)
{
    cr_assert_not(window_read_ticks(&again, STR("5")));
    cr_assert_not(window_read_ticks(&again, STR("5:1")));
    cr_assert_not(window_read_ticks(&w, STR("5:1,2,3")));
    window_deinit(&w);
    window_init(&w, 2);
    cr_assert_not(window_read_ticks(&w, STR("5:1,2 5:1,2")));
}

Test(window, more_rows_than_it_holds_are_refused)
{
    for (unsigned i = 0; i <= WINDOW_HOURS; i++)
        buf_put_printf(&hours, "%s%u:1,1", i > 0 ? " " : "", i);
    cr_assert_not(window_read_hours(&again, buf_str(&hours)));
}
