/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/course.h"

#include <criterion/criterion.h>

static struct course *course;
static uint64_t sum;
static unsigned cells;

static void start(void)
{
    course = course_new();
}

static void stop(void)
{
    course_free(course);
}

TestSuite(course, .init = start, .fini = stop, .timeout = 20);

static void set(uint64_t tick, const char *text)
{
    struct str one = str_of(text);

    course_set(course, tick, &one, 1);
}

static void add(void *ctx, uint64_t tick, const struct course_word *w, uint32_t count)
{
    (void)tick;
    if (str_eq(w->prediction, str_of(ctx))) {
        sum += count;
        cells++;
    }
}

static uint64_t counted(char *prediction, struct course_ask ask)
{
    sum = cells = 0;
    if (ask.to == 0)
        ask.to = UINT64_MAX;
    course_each(course, &ask, add, prediction);
    return sum;
}

static char intent[] = "intent";

Test(course, texts_of_gateways_are_added_up)
{
    const struct str texts[] = { STR("m:v\n intent=refund 2\n"),
                                 STR("m:v\n intent=refund 3\n") };

    course_set(course, 7, texts, 2);
    cr_assert_eq(counted(intent, (struct course_ask){ 0 }), 5);
    cr_assert_eq(cells, 1);
    cr_assert_eq(course_gateways(course, 7), 2);
}

Test(course, a_tick_that_is_set_again_is_another)
{
    set(7, "m:v\n intent=refund 2\n");
    set(7, "m:v\n intent=refund 3\n");
    cr_assert_eq(counted(intent, (struct course_ask){ 0 }), 3);
}

Test(course, ticks_are_asked_for_by_their_numbers)
{
    set(7, "m:v\n intent=refund 1\n");
    set(8, "m:v\n intent=refund 10\n");
    set(9, "m:v\n intent=refund 100\n");
    cr_assert_eq(counted(intent, (struct course_ask){ .from = 8, .to = 9 }), 10);
}

Test(course, empty_names_stand_for_all_but_a_segment_for_all_answers)
{
    set(7, "m:v\n intent=refund 1\nn:w\n intent=refund 10\nm:v@plan=pro\n intent=refund 100\n");
    cr_assert_eq(counted(intent, (struct course_ask){ 0 }), 11);
    cr_assert_eq(counted(intent, (struct course_ask){ .model = STR("m") }), 1);
    cr_assert_eq(counted(intent, (struct course_ask){ .version = STR("w") }), 10);
    cr_assert_eq(counted(intent, (struct course_ask){ .segment = STR("plan=pro") }), 100);
}

Test(course, a_day_is_held)
{
    set(1, "m:v\n intent=refund 1\n");
    set(1 + COURSE_TICKS, "m:v\n intent=refund 10\n");
    cr_assert_eq(counted(intent, (struct course_ask){ 0 }), 10);
    set(1, "m:v\n intent=refund 100\n");
    cr_assert_eq(counted(intent, (struct course_ask){ 0 }), 10);
}

Test(course, what_is_no_text_of_ours_says_nothing)
{
    set(7, " intent=refund 1\nnonsense\n intent=refund 1\nm:%ZZ\n intent=refund 1\n\n\n"
           "m:v\n intent 1\n intent=refund\n intent=refund x\n ~seconds=999 1\n intent=a 0\n");
    cr_assert_eq(counted(intent, (struct course_ask){ 0 }), 0);
    cr_assert_not(course_has(course, 7));
}

Test(course, counts_stop_at_the_most_and_do_not_wrap)
{
    set(7, "m:v\n intent=refund 4294967290\nm:v\n intent=refund 100\n");
    cr_assert_eq(counted(intent, (struct course_ask){ 0 }), UINT32_MAX);
}

static void see(void *ctx, const struct course_series *s)
{
    cr_assert(str_eq(s->model, STR("a b")));
    ++*(unsigned *)ctx;
}

Test(course, series_that_are_long_over_are_not_offered)
{
    unsigned seen = 0;

    set(1, "old:v\n intent=refund 1\n");
    set(1 + COURSE_TICKS, "a%20b:v\n intent=refund 1\n");
    course_each_series(course, see, &seen);
    cr_assert_eq(seen, 1);
}

Test(course, the_middle_of_a_bin_is_near_all_that_is_in_it)
{
    for (uint64_t us = 2; us < 4000000000; us += us / 50 + 1) {
        double ms = course_bin_ms(course_bin(us));

        cr_assert_float_eq(ms, (double)us / 1e3, (double)us / 1e3 * 0.0906, "%lu",
                           (unsigned long)us);
    }
}

Test(course, the_ends_of_the_bins_take_all_that_is_beyond)
{
    cr_assert_eq(course_bin(0), 0);
    cr_assert_eq(course_bin(UINT64_C(1) << 60), COURSE_BINS - 1);
}
