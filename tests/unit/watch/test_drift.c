/* SPDX-License-Identifier: Apache-2.0 */
#include "drift.h"
#include "histogram.h"

#include <criterion/criterion.h>

static struct baseline *b;
static struct drift d, again;
static struct buf text, other;
static double score, threshold;

static void start(void)
{
    b = refusal_baseline(60);
    drift_init(&d, b);
    drift_init(&again, b);
    threshold = ecusum_threshold(43200, 1, .05);
}

static void stop(void)
{
    drift_deinit(&d);
    drift_deinit(&again);
    baseline_free(b);
    buf_deinit(&text);
    buf_deinit(&other);
}

TestSuite(drift, .init = start, .fini = stop, .timeout = 60);

static enum drift_turn fold(struct drift *to, uint64_t tick, uint64_t yes, uint64_t no)
{
    struct counts c = answers(yes, no);
    enum drift_turn turn = drift_fold(to, threshold, &(struct drift_tick){ tick, &c, NULL },
                                      &score);

    counts_deinit(&c);
    return turn;
}

static bool same_state(void)
{
    buf_reset(&text);
    buf_reset(&other);
    drift_put(&d, &text);
    drift_put(&again, &other);
    return str_eq(buf_str(&text), buf_str(&other));
}

/* Ticks until it turns so; 0: not within `most`. */
static uint64_t turn_after(enum drift_turn wanted, uint64_t yes, uint64_t no, uint64_t from,
                           uint64_t most)
{
    for (uint64_t t = from; t < from + most; t++)
        if (fold(&d, t, yes, no) == wanted)
            return t - from + 1;
    return 0;
}

Test(drift, an_unchanged_model_never_alarms)
{
    for (uint64_t t = 1; t < 3000; t++)
        cr_assert_eq(fold(&d, t, 3 + t % 5, 97 - t % 5), DRIFT_STAYED);
    cr_assert_eq(drift_verdict(&d, 3000), DRIFT_OK);
}

Test(drift, an_idle_model_never_alarms)
{
    fold(&d, 1, 20, 30);
    for (uint64_t t = 2; t < 100000; t++)
        cr_assert_eq(fold(&d, t, 0, 0), DRIFT_STAYED);
    cr_assert_eq(d.confirmed.ticks, 1);
}

Test(drift, many_more_refusals_alarm_within_minutes)
{
    uint64_t ticks;

    for (uint64_t t = 1; t < 100; t++)
        fold(&d, t, 5, 95);
    ticks = turn_after(DRIFT_ALARM, 40, 60, 100, 60);
    cr_assert(ticks > 0 && ticks < 30, "%llu", (unsigned long long)ticks);
    cr_assert_geq(score, 1);
    cr_assert_eq(drift_verdict(&d, 200), DRIFT_CONFIRMED);
}

Test(drift, it_is_suspected_before_it_is_confirmed)
{
    uint64_t suspected = turn_after(DRIFT_SUSPICION, 20, 80, 1, 300);

    cr_assert_gt(suspected, 0);
    cr_assert_eq(drift_verdict(&d, suspected), DRIFT_SUSPECTED);
    cr_assert_gt(turn_after(DRIFT_ALARM, 20, 80, 1 + suspected, 300), 0);
}

Test(drift, the_beginning_of_the_change_is_known)
{
    for (uint64_t t = 1; t < 50; t++)
        fold(&d, t, 4, 96);
    turn_after(DRIFT_ALARM, 40, 60, 50, 60);
    cr_assert_eq(d.latch.since, 50);
}

Test(drift, an_alarm_is_raised_once_while_the_change_lasts)
{
    uint64_t at = turn_after(DRIFT_ALARM, 40, 60, 1, 60);

    cr_assert_gt(at, 0);
    for (uint64_t t = at + 1; t < at + 600; t++)
        cr_assert_eq(fold(&d, t, 40, 60), DRIFT_STAYED);
}

Test(drift, it_is_over_when_the_evidence_stays_away)
{
    uint64_t at = turn_after(DRIFT_ALARM, 40, 60, 1, 60);
    uint64_t over = turn_after(DRIFT_OVER, 4, 96, at + 1, 400);

    cr_assert_geq(over, DRIFT_LEAST_HOLD);
    cr_assert_lt(over, 3 * DRIFT_LEAST_HOLD);
    cr_assert_eq(drift_verdict(&d, at + over), DRIFT_OK);
    cr_assert_eq(d.latch.on, LATCHED_NOT);
}

Test(drift, silence_is_no_recovery)
{
    uint64_t at = turn_after(DRIFT_ALARM, 40, 60, 1, 60);

    cr_assert_eq(turn_after(DRIFT_OVER, 0, 0, at + 1, 1000), 0);
    cr_assert_eq(drift_verdict(&d, at + 1001), DRIFT_CONFIRMED);
}

Test(drift, a_slow_change_does_not_flap)
{
    uint64_t at, raised = 0;

    b->phi = 0; /* by tick means alone, which are slow to see it */
    at = turn_after(DRIFT_ALARM, 9, 91, 1, 2000);
    cr_assert_gt(at, DRIFT_LEAST_HOLD);
    for (uint64_t t = at + 1; t < 3 * at; t++)
        raised += fold(&d, t, 9, 91) != DRIFT_STAYED ? 1 : 0;
    cr_assert_eq(raised, 0);
}

Test(drift, few_answers_say_nothing)
{
    fold(&d, 1, 5, 95);
    cr_assert_eq(drift_verdict(&d, 1), DRIFT_INSUFFICIENT_DATA);
    fold(&d, 2, 5, 95);
    cr_assert_eq(drift_verdict(&d, 2), DRIFT_OK);
}

Test(drift, what_was_seen_long_ago_says_nothing_of_today)
{
    for (uint64_t t = 1; t < 20; t++)
        fold(&d, t, 5, 95);
    cr_assert_eq(drift_verdict(&d, 2 * DRIFT_DAY), DRIFT_INSUFFICIENT_DATA);
}

Test(drift, a_value_never_given_before_is_noticed)
{
    uint64_t at = 0;

    for (uint64_t t = 1; t < 60 && at == 0; t++) {
        struct counts c = { 0 };

        cr_assert(counts_read(&c, STR("yes=4 no=66 maybe=30")));
        if (drift_fold(&d, threshold, &(struct drift_tick){ t, &c, NULL }, &score) ==
            DRIFT_ALARM)
            at = t;
        counts_deinit(&c);
    }
    cr_assert_gt(at, 0);
}

Test(drift, the_order_of_values_within_a_tick_does_not_show)
{
    for (uint64_t t = 1; t < 40; t++) {
        struct counts one = { 0 }, two = { 0 };

        counts_add(&one, STR("yes"), t % 9);
        counts_add(&one, STR("no"), 40 + t);
        counts_add(&two, STR("no"), 30);
        counts_add(&two, STR("no"), 10 + t);
        counts_add(&two, STR("yes"), t % 9);
        drift_fold(&d, threshold, &(struct drift_tick){ t, &one, NULL }, &score);
        drift_fold(&again, threshold, &(struct drift_tick){ t, &two, NULL }, &score);
        counts_deinit(&one);
        counts_deinit(&two);
    }
    cr_assert(same_state());
}

Test(drift, a_restart_after_any_tick_changes_nothing)
{
    for (uint64_t t = 1; t < 120; t++) {
        struct str lines;

        fold(&d, t, t < 60 ? t % 7 : 20, 30 + t % 40);
        fold(&again, t, t < 60 ? t % 7 : 20, 30 + t % 40);
        buf_reset(&text);
        drift_put(&again, &text);
        drift_deinit(&again);
        lines = buf_str(&text);
        cr_assert(drift_read(&again, b, &lines));
        cr_assert_eq(lines.len, 0);
    }
    cr_assert(same_state());
    cr_assert_eq(d.latch.on, LATCHED_CONFIRMED);
}

Test(drift, a_state_of_another_size_is_refused)
{
    struct str lines;
    struct counts total = { 0 };
    struct baseline *larger;

    cr_assert(counts_read(&total, STR("a=100 b=100 c=100")));
    larger = baseline_new(&(struct baseline_origin){ .of = refusal(),
                                                     .total = &total,
                                                     .tolerance = 1.2,
                                                     .alpha = .01,
                                                     .from = STR("file") });
    fold(&d, 1, 5, 95);
    drift_put(&d, &text);
    drift_deinit(&again);
    lines = buf_str(&text);
    cr_assert_not(drift_read(&again, larger, &lines));
    baseline_free(larger);
    counts_deinit(&total);
    drift_init(&again, b);
}

/* ---- by the hour of the week ---------------------------------------------------------------- */

enum { HOUR_TICKS = 60 };
static const uint64_t monday = 1767571200000 / 60000; /* a tick: 2026-01-05T00:00Z */

static uint64_t refusing_at(uint64_t tick)
{
    return (tick - monday) / HOUR_TICKS % 24 < 8 ? 40 : 5;
}

/* Two weeks in which 40 of a hundred refuse by night and 5 by day. */
static void adopt_week(void)
{
    struct week *w = week_new();
    struct counts total = { 0 };

    for (uint64_t t = monday; t < monday + 14 * 24 * HOUR_TICKS; t += 10) {
        struct counts c = answers(refusing_at(t), 100 - refusing_at(t));

        week_add(w, t * 60000, &c);
        counts_merge(&total, &c);
        counts_deinit(&c);
    }
    stop();
    b = baseline_new(&(struct baseline_origin){ .of = refusal(),
                                                .total = &total,
                                                .week = w,
                                                .tick_ms = 60000,
                                                .tolerance = 1.2,
                                                .alpha = .01,
                                                .from = STR("ticks") });
    drift_init(&d, b);
    drift_init(&again, b);
    counts_deinit(&total);
    week_free(w);
}

Test(drift, what_goes_by_the_hour_is_no_change)
{
    adopt_week();
    for (uint64_t t = monday; t < monday + 7 * 24 * HOUR_TICKS; t++)
        cr_assert_eq(fold(&d, t, refusing_at(t), 100 - refusing_at(t)), DRIFT_STAYED);
    cr_assert_lt(drift_score(&d, threshold), .1);
}

Test(drift, the_night_by_day_is_a_change)
{
    uint64_t noon = monday + 12 * HOUR_TICKS, before[ECUSUM_BINS];
    uint64_t at;

    adopt_week();
    at = turn_after(DRIFT_ALARM, 40, 60, noon, 60);
    cr_assert_gt(at, 0);
    cr_assert_eq(d.latch.since, noon);
    drift_before(&d, d.latch.since, before);
    cr_assert_float_eq((double)before[2] / (double)(before[0] + before[2]), .05, .001);
}

Test(drift, a_step_over_two_hours_is_held_against_both)
{
    uint64_t t = monday + 7 * HOUR_TICKS + 30;

    adopt_week();
    for (unsigned day = 0; day < 60; day++, t += 24 * HOUR_TICKS) {
        cr_assert_eq(fold(&d, t, 12, 18), DRIFT_STAYED);
        cr_assert_eq(fold(&d, t + HOUR_TICKS, 2, 28), DRIFT_STAYED);
    }
    cr_assert_lt(drift_score(&d, threshold), .1);
}

Test(drift, by_the_hour_a_restart_changes_nothing_either)
{
    adopt_week();
    for (uint64_t t = monday; t < monday + 100; t++) {
        struct str lines;

        fold(&d, t, 10, 20);
        fold(&again, t, 10, 20);
        buf_reset(&text);
        drift_put(&again, &text);
        drift_deinit(&again);
        lines = buf_str(&text);
        cr_assert(drift_read(&again, b, &lines));
    }
    cr_assert(same_state());
}

/* ---- against a control ------------------------------------------------------------------------ */

static void adopt_control(void)
{
    struct counts total = answers(100, 1900), ticks[100], control[100];

    for (size_t t = 0; t < 100; t++) {
        ticks[t] = answers(3 + t % 5, 97 - t % 5);
        control[t] = answers(3 + t / 5 % 5, 97 - t / 5 % 5);
    }
    stop();
    b = baseline_new(&(struct baseline_origin){ .of = refusal(),
                                                .total = &total,
                                                .ticks = ticks,
                                                .tick_count = 100,
                                                .control = STR("old"),
                                                .control_ticks = control,
                                                .tolerance = 1.2,
                                                .alpha = .01,
                                                .from = STR("control") });
    drift_init(&d, b);
    drift_init(&again, b);
    counts_deinit(&total);
    for (size_t t = 0; t < 100; t++) {
        counts_deinit(&ticks[t]);
        counts_deinit(&control[t]);
    }
}

static enum drift_turn fold_both(struct drift *to, uint64_t tick, uint64_t yes, uint64_t old)
{
    struct counts c = answers(yes, 100 - yes), control = answers(old, 100 - old);
    enum drift_turn turn = drift_fold(to, threshold, &(struct drift_tick){ tick, &c, &control },
                                      &score);

    counts_deinit(&c);
    counts_deinit(&control);
    return turn;
}

Test(drift, what_moves_the_control_as_well_is_no_change)
{
    adopt_control();
    cr_assert_gt(b->phi, 0);
    for (uint64_t t = 1; t < 3000; t++)
        cr_assert_eq(fold_both(&d, t, 5 + t / 60 % 60, 5 + t / 60 % 60), DRIFT_STAYED);
    cr_assert_eq(drift_verdict(&d, 3000), DRIFT_OK);
}

Test(drift, what_the_control_does_not_do_is_suspected_and_confirmed)
{
    uint64_t suspected = 0, confirmed = 0, before[ECUSUM_BINS];

    adopt_control();
    for (uint64_t t = 1; t < 120; t++)
        fold_both(&d, t, 5, 5);
    for (uint64_t t = 120; t < 900 && confirmed == 0; t++)
        switch (fold_both(&d, t, 40, 10)) {
        case DRIFT_SUSPICION: suspected = t; break;
        case DRIFT_ALARM: confirmed = t; break;
        case DRIFT_STAYED:
        case DRIFT_OVER: break;
        }
    cr_assert(suspected >= 120 && suspected < 130, "%llu", (unsigned long long)suspected);
    cr_assert(confirmed > suspected && confirmed < 300, "%llu", (unsigned long long)confirmed);
    cr_assert_eq(d.latch.since, 120);
    drift_before(&d, d.latch.since, before);
    cr_assert_float_eq((double)before[2] / (double)(before[0] + before[2]), .1, 1e-9);
}

Test(drift, without_the_control_there_is_no_evidence)
{
    adopt_control();
    for (uint64_t t = 1; t < 300; t++)
        cr_assert_eq(fold(&d, t, 90, 10), DRIFT_STAYED);
    cr_assert_eq(d.confirmed.ticks, 0);
    cr_assert_eq(drift_verdict(&d, 300), DRIFT_INSUFFICIENT_DATA);
}

Test(drift, against_a_control_a_restart_changes_nothing_either)
{
    adopt_control();
    for (uint64_t t = 1; t < 150; t++) {
        struct str lines;

        fold_both(&d, t, 30, 10);
        fold_both(&again, t, 30, 10);
        buf_reset(&text);
        drift_put(&again, &text);
        drift_deinit(&again);
        lines = buf_str(&text);
        cr_assert(drift_read(&again, b, &lines));
        cr_assert_eq(lines.len, 0);
    }
    cr_assert(same_state());
}
