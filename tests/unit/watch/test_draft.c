/* SPDX-License-Identifier: Apache-2.0 */
#include "draft.h"
#include "histogram.h"

#include <criterion/criterion.h>

static struct draft d, again;
static struct buf text, other;
static size_t most = DRAFT_STEPS;

static void stop(void)
{
    draft_deinit(&d);
    draft_deinit(&again);
    buf_deinit(&text);
    buf_deinit(&other);
}

TestSuite(draft, .fini = stop, .timeout = 30);

static void add(struct draft *to, uint64_t yes, uint64_t no)
{
    struct counts tick = answers(yes, no);

    draft_add(to, &tick, 50, most);
    counts_deinit(&tick);
}

Test(draft, ticks_of_few_answers_are_put_together)
{
    for (int i = 0; i < 10; i++)
        add(&d, 1, 9);
    cr_assert_eq(d.count, 2);
    cr_assert_eq(counts_total(&d.total), 100);
}

Test(draft, it_is_enough_when_both_bounds_are_reached)
{
    for (int i = 0; i < 5; i++)
        add(&d, 1, 99);
    cr_assert(draft_is_enough(&d, 500, 5));
    cr_assert_not(draft_is_enough(&d, 501, 5));
    cr_assert_not(draft_is_enough(&d, 500, 6));
}

Test(draft, it_comes_back_from_its_text_in_the_middle_of_a_step)
{
    add(&d, 1, 99);
    add(&d, 2, 7);
    draft_put(&d, &text);
    cr_assert(draft_read(&again, buf_str(&text)));
    add(&d, 20, 30);
    add(&again, 20, 30);
    buf_reset(&text);
    draft_put(&d, &text);
    draft_put(&again, &other);
    cr_assert(str_eq(buf_str(&text), buf_str(&other)));
    cr_assert_eq(counts_total(&again.total), 159);
}

Test(draft, an_empty_one_has_a_text)
{
    draft_put(&d, &text);
    cr_assert(draft_read(&again, buf_str(&text)));
    cr_assert_eq(again.count, 0);
}

Test(draft, beyond_its_room_steps_are_not_told_apart_and_none_is_lost)
{
    most = 2;
    for (int i = 0; i < 5; i++)
        add(&d, 1, 99);
    cr_assert_eq(d.count, 2);
    draft_put(&d, &text);
    cr_assert(str_eq(buf_str(&text), STR("no=99 yes=1;no=99 yes=1|no=297 yes=3|")));
    cr_assert(draft_read(&again, buf_str(&text)));
    cr_assert_eq(counts_total(&again.total), 500);
}

Test(draft, other_texts_are_refused)
{
    cr_assert_not(draft_read(&d, STR("")));
    cr_assert_not(draft_read(&d, STR("a=1|")));
    cr_assert_not(draft_read(&d, STR("a=1;b||")));
}

Test(draft, by_the_hour_it_takes_two_weeks)
{
    struct counts tick = answers(1, 99);

    for (uint64_t hour = 0; hour < DRAFT_WEEKS_H; hour++) {
        cr_assert_not(draft_is_enough(&d, 100, 1));
        draft_add(&d, &tick, 50, DRAFT_HOUR_STEPS);
        draft_add_hour(&d, (500000 + hour) * 3600000, &tick);
    }
    cr_assert(draft_is_enough(&d, 100, 1));
    draft_put(&d, &text);
    cr_assert(draft_read(&again, buf_str(&text)));
    draft_put(&again, &other);
    cr_assert(str_eq(buf_str(&text), buf_str(&other)));
    cr_assert(draft_is_enough(&again, 100, 1));
    again.week->last -= 1;
    cr_assert_not(draft_is_enough(&again, 100, 1));
    draft_drop_week(&again);
    cr_assert(draft_is_enough(&again, 100, 1));
    counts_deinit(&tick);
}

Test(draft, by_the_hour_no_more_steps_are_asked_for_than_are_told_apart)
{
    struct counts tick = answers(1, 99);

    for (uint64_t hour = 0; hour < DRAFT_WEEKS_H; hour++) {
        draft_add(&d, &tick, 50, DRAFT_HOUR_STEPS);
        draft_add_hour(&d, (500000 + hour) * 3600000, &tick);
    }
    cr_assert(draft_is_enough(&d, 100, DRAFT_HOUR_STEPS + 100));
    counts_deinit(&tick);
}
