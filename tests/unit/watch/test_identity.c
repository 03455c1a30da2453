/* SPDX-License-Identifier: Apache-2.0 */
#include "identity.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct identity i, again;
static struct buf told, text, other;
static uint64_t tick;

static void start(void)
{
    tick = 1000000;
}

static void stop(void)
{
    identity_deinit(&i);
    identity_deinit(&again);
    buf_deinit(&told);
    buf_deinit(&text);
    buf_deinit(&other);
}

TestSuite(identity, .init = start, .fini = stop, .timeout = 30);

static void note(void *ctx, const struct identity_news *news)
{
    (void)ctx;
    buf_put(&told, news->words);
    buf_put_printf(&told, " (%.*s, %.*s)\n", STR_ARG(news->before), STR_ARG(news->after));
}

/* So many ticks, in each of which `a` answered so often and `b` so often. */
static void ticks(unsigned count, const char *a, uint64_t of_a, const char *b, uint64_t of_b)
{
    for (unsigned k = 0; k < count; k++) {
        struct counts c = { 0 };

        if (of_a > 0)
            counts_add(&c, str_of(a), of_a);
        if (of_b > 0)
            counts_add(&c, str_of(b), of_b);
        identity_fold(&i, ++tick, &c, note, NULL);
        counts_deinit(&c);
    }
}

static void expect(const char *wanted)
{
    cr_assert(str_eq(buf_str(&told), str_of(wanted)), "got: %.*s", STR_ARG(buf_str(&told)));
}

Test(identity, what_was_always_so_is_no_news)
{
    ticks(500, "fp_a", 50, "fp_b", 3);
    expect("");
}

Test(identity, a_name_that_takes_the_place_of_another_is_told_once)
{
    ticks(50, "fp_a", 20, "", 0);
    ticks(500, "fp_b", 20, "", 0);
    expect("fp_a \u2192 fp_b ({\"values\":[{\"value\":\"fp_a\",\"share\":1}]}, "
           "{\"values\":[{\"value\":\"fp_b\",\"share\":1}]})\n");
}

Test(identity, a_name_that_takes_over_within_a_tick_is_told_the_same_way)
{
    ticks(50, "fp_a", 20, "", 0);
    ticks(1, "fp_a", 5, "fp_b", 15);
    ticks(100, "fp_b", 20, "", 0);
    cr_assert(str_starts(buf_str(&told), STR("fp_a \u2192 fp_b (")));
    cr_assert_eq(told.at[told.len - 1], '\n');
    cr_assert_eq((char *)memchr(told.at, '\n', told.len), told.at + told.len - 1);
}

Test(identity, one_that_comes_beside_another_is_told_with_its_share)
{
    ticks(50, "fp_a", 30, "", 0);
    ticks(100, "fp_a", 27, "fp_b", 3);
    expect("fp_b is new, in 10.0 % of answers ({\"values\":[{\"value\":\"fp_a\",\"share\":1}]}"
           ", {\"values\":[{\"value\":\"fp_a\",\"share\":0.9},{\"value\":\"fp_b\",\"share\":0.1"
           "}]})\n");
}

Test(identity, one_that_goes_is_told_when_its_absence_is_no_chance)
{
    ticks(100, "fp_a", 15, "fp_b", 5);
    ticks(9, "fp_a", 20, "", 0);
    expect("");
    ticks(1, "fp_a", 20, "", 0);
    cr_assert(str_starts(buf_str(&told), STR("fp_b is no longer seen; it was in 2")));
}

Test(identity, it_may_come_back_and_go_again_without_a_word)
{
    ticks(100, "fp_a", 15, "fp_b", 5);
    ticks(30, "fp_a", 20, "", 0);
    buf_reset(&told);
    ticks(100, "fp_a", 15, "fp_b", 5);
    ticks(200, "fp_a", 20, "", 0);
    expect("");
}

Test(identity, two_that_take_turns_are_no_news)
{
    ticks(200, "fp_a", 20, "fp_b", 20);
    for (unsigned k = 0; k < 100; k++) {
        ticks(7, "fp_a", 20, "", 0);
        ticks(7, "fp_b", 20, "", 0);
    }
    expect("");
}

Test(identity, a_stray_answer_is_no_news)
{
    ticks(50, "fp_a", 20, "", 0);
    ticks(1, "fp_a", 19, "fp_x", 1);
    ticks(3000, "fp_a", 20, "", 0);
    ticks(1, "fp_a", 19, "fp_x", 1);
    ticks(100, "fp_a", 20, "", 0);
    expect("");
}

Test(identity, a_name_that_was_not_seen_for_a_month_is_new_again)
{
    ticks(50, "fp_a", 1, "fp_b", 1);
    ticks(IDENTITY_MONTH + 2, "fp_a", 1, "", 0);
    buf_reset(&told);
    ticks(5, "fp_a", 1, "fp_b", 1);
    cr_assert(str_starts(buf_str(&told), STR("fp_b is new")));
}

Test(identity, a_month_without_answers_is_no_month_of_other_answers)
{
    ticks(50, "fp_a", 10, "", 0);
    tick += 2 * IDENTITY_MONTH;
    ticks(50, "fp_a", 10, "", 0);
    ticks(50, "fp_b", 10, "", 0);
    cr_assert(str_starts(buf_str(&told), STR("fp_a \u2192 fp_b (")));
}

static void ticks_of_ever_new_names(unsigned count)
{
    char a[32], b[32];

    for (unsigned k = 0; k < count; k++) {
        (void)snprintf(a, sizeof(a), "fp_%llu_a", (unsigned long long)tick);
        (void)snprintf(b, sizeof(b), "fp_%llu_b", (unsigned long long)tick);
        ticks(1, a, 1, b, 1);
    }
}

Test(identity, a_new_name_for_each_answer_is_told_once)
{
    ticks_of_ever_new_names(5000);
    expect("changes with each answer: 12 new ones in 12 answers (null, "
           "{\"new\":12,\"answers\":12})\n");
}

Test(identity, it_is_told_also_when_it_begins_later)
{
    ticks(50, "fp_a", 2, "", 0);
    tick = (tick / IDENTITY_DAY + 1) * IDENTITY_DAY;
    ticks_of_ever_new_names(5000);
    expect("changes with each answer: 12 new ones in 12 answers (null, "
           "{\"new\":12,\"answers\":12})\n");
}

Test(identity, more_names_in_a_tick_than_can_be_told_apart_are_the_same)
{
    ticks(3, "fp_a", 32, "other", 5000);
    cr_assert(str_starts(buf_str(&told), STR("keeps changing: 12 new ones")) ||
              str_starts(buf_str(&told), STR("keeps changing: 13 new ones")) || told.len == 0);
}

Test(identity, after_a_quiet_day_it_listens_again)
{
    ticks_of_ever_new_names(50);
    ticks(2 * IDENTITY_DAY, "fp_a", 2, "", 0);
    buf_reset(&told);
    ticks(100, "fp_b", 2, "", 0);
    cr_assert(str_starts(buf_str(&told), STR("fp_b is new")) ||
              str_starts(buf_str(&told), STR("fp_a \u2192 fp_b")));
}

Test(identity, a_new_name_every_hour_is_told_four_times_a_day_at_most)
{
    unsigned lines = 0;

    ticks(50, "fp_a", 5, "", 0);
    tick = (tick / IDENTITY_DAY + 1) * IDENTITY_DAY;
    for (unsigned k = 0; k < 11; k++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "fp_%u", k);
        ticks(60, name, 5, "", 0);
    }
    for (size_t k = 0; k < told.len; k++)
        lines += told.at[k] == '\n';
    cr_assert_eq(lines, IDENTITY_TOLD);
}

Test(identity, a_rotating_set_is_taken_as_it_is)
{
    for (unsigned k = 0; k < 20; k++) {
        struct counts c = { 0 };

        for (unsigned n = 0; n < 20; n++) {
            char name[32];

            (void)snprintf(name, sizeof(name), "fp_%u", n);
            counts_add(&c, str_of(name), 10);
        }
        identity_fold(&i, ++tick, &c, note, NULL);
        counts_deinit(&c);
    }
    ticks(1, "fp_3", 10, "", 0);
    expect("");
}

Test(identity, a_restart_on_the_way_changes_nothing)
{
    ticks(60, "fp a,b", 17, "fp_b", 3);
    ticks(2, "fp_c", 17, "fp_b", 3);
    identity_put(&i, &text);
    cr_assert(identity_read(&again, buf_str(&text)));
    identity_put(&again, &other);
    cr_assert(str_eq(buf_str(&text), buf_str(&other)));
    cr_assert_eq(i.count, again.count);
}

Test(identity, other_text_is_refused)
{
    cr_assert_not(identity_read(&i, STR("")));
    cr_assert_not(identity_read(&again, STR("1,2,3")));
    identity_deinit(&again);
    cr_assert_not(identity_read(&again, STR("1,2,3,4,5,6,0,1,1 a,b")));
}
