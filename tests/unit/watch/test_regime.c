/* SPDX-License-Identifier: Apache-2.0 */
#include "reading.h"
#include "regime.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

/*
 * Months of minutes: how long answers are, or how long they take, is drawn from a lognormal
 * distribution whose median moves as the test wants it. Seeded, so each run is the same.
 */

enum { MINUTE_MS = 60 * 1000, DAY = 1440 };

static const double PI = 3.14159265358979;

static struct regime r, again;
static struct regime_news news;
static struct buf text, other;
static uint64_t seed, tick;
static unsigned reports;
static uint64_t reported_at;

static void start(void)
{
    seed = 20240806;
    tick = 1000000;
}

static void stop(void)
{
    buf_deinit(&text);
    buf_deinit(&other);
}

TestSuite(regime, .init = start, .fini = stop, .timeout = 120);

static double uniform(void)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return ((double)(seed >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(2 * PI * uniform());
}

static void minute(unsigned answers, double median, double spread)
{
    struct counts c = { 0 };
    bool any = false;

    for (unsigned k = 0; k < answers; k++) {
        double x = median * exp(spread * normal());
        char room[SCALE_WORD];

        counts_add(&c, scale_word(scale_bin(x / r.unit), room), 1);
        any = true;
    }
    tick++;
    if (any && regime_fold(&r, regime_threshold(MINUTE_MS), tick, &c, &news)) {
        reports++;
        reported_at = tick;
    }
    counts_deinit(&c);
}

static void minutes(unsigned count, unsigned answers, double median, double spread)
{
    for (unsigned k = 0; k < count; k++)
        minute(answers, median, spread);
}

/* ---- nothing has changed ------------------------------------------------------------------- */

Test(regime, two_months_of_the_same_lengths_bring_no_report)
{
    cr_assert(regime_init(&r, READING_LENGTH));
    minutes(60 * DAY, 20, 212, 1.0);
    cr_assert_eq(reports, 0);
}

Test(regime, minutes_that_vary_of_themselves_bring_no_report)
{
    cr_assert(regime_init(&r, READING_LENGTH));
    for (unsigned k = 0; k < 30 * DAY; k++)
        minute(20, 212 * exp(0.5 * normal()), 0.8);
    cr_assert_eq(reports, 0);
}

Test(regime, minutes_that_hang_together_bring_no_report)
{
    double drift = 0;

    cr_assert(regime_init(&r, READING_TIME));
    for (unsigned k = 0; k < 30 * DAY; k++) { /* half of a disturbance is left after a minute */
        drift = 0.5 * drift + 0.15 * normal();
        minute(20, 0.8 * exp(drift), 0.6);
    }
    cr_assert_eq(reports, 0);
}

Test(regime, a_speed_that_goes_with_the_hours_load_brings_no_report)
{
    cr_assert(regime_init(&r, READING_TIME));
    for (unsigned k = 0; k < 30 * DAY; k++) {
        double hour = sin(2 * PI * k / DAY);

        minute((unsigned)(25 + 20 * hour), 0.8 * exp(0.7 * hour), 0.6);
    }
    cr_assert_eq(reports, 0);
}

Test(regime, a_change_within_the_tolerance_brings_no_report)
{
    cr_assert(regime_init(&r, READING_TIME));
    minutes(DAY, 60, 0.8, 0.6);
    minutes(10 * DAY, 60, 1.0, 0.6);
    cr_assert_eq(reports, 0);
}

Test(regime, an_idle_model_is_not_reported)
{
    cr_assert(regime_init(&r, READING_TIME));
    minutes(DAY, 20, 0.8, 0.6);
    tick += 20 * DAY;
    minutes(DAY, 20, 0.8, 0.6);
    cr_assert_eq(reports, 0);
}

/* ---- something has ------------------------------------------------------------------------- */

Test(regime, longer_answers_are_reported_within_half_an_hour)
{
    uint64_t changed;

    cr_assert(regime_init(&r, READING_LENGTH));
    minutes(DAY, 60, 212, 1.0);
    changed = tick + 1;
    minutes(60, 60, 380, 1.0);
    cr_assert_eq(reports, 1);
    cr_assert_lt(reported_at, changed + 30);
    cr_assert_geq(news.since + 1, changed);
    cr_assert_leq(news.since, changed + 2);
    cr_assert_float_eq(news.before.p50, 212, 30);
    cr_assert_float_eq(news.after.p50, 380, 60);
}

Test(regime, answers_half_as_long_again_are_reported_of_twenty_a_minute)
{
    uint64_t changed;

    cr_assert(regime_init(&r, READING_LENGTH));
    minutes(2 * DAY, 20, 212, 1.0);
    changed = tick + 1;
    minutes(6 * 60, 20, 318, 1.0);
    cr_assert_eq(reports, 1);
    cr_assert_lt(reported_at, changed + 6 * 60);
    cr_assert_float_eq(news.before.p50, 212, 30);
    cr_assert_float_eq(news.after.p50, 318, 45);
}

Test(regime, so_are_they_where_all_are_of_one_length)
{
    cr_assert(regime_init(&r, READING_LENGTH));
    minutes(60, 20, 212, 0.02);
    minutes(10, 20, 318, 0.02);
    cr_assert_eq(reports, 1);
}

Test(regime, counts_in_other_words_tell_nothing)
{
    struct counts coarse = { 0 };

    cr_assert(regime_init(&r, READING_LENGTH));
    minutes(60, 20, 212, 1.0);
    counts_add(&coarse, STR("le_1024"), 1000);
    for (unsigned k = 0; k < 60; k++)
        cr_assert_not(regime_fold(&r, regime_threshold(MINUTE_MS), ++tick, &coarse, &news));
    minutes(60, 20, 212, 1.0);
    cr_assert_eq(reports, 0);
    counts_deinit(&coarse);
}

Test(regime, so_are_shorter_ones)
{
    cr_assert(regime_init(&r, READING_LENGTH));
    minutes(DAY, 60, 380, 1.0);
    minutes(20, 60, 150, 1.0);
    cr_assert_eq(reports, 1);
    cr_assert_lt(news.after.p50, news.before.p50);
}

Test(regime, a_slower_model_is_reported_on_its_first_day_too)
{
    cr_assert(regime_init(&r, READING_TIME));
    minutes(30, 60, 0.8, 0.6);
    minutes(20, 60, 2.1, 0.6);
    cr_assert_eq(reports, 1);
    cr_assert_float_eq(news.before.p50, 0.8, 0.15);
    cr_assert_float_eq(news.after.p50, 2.1, 0.4);
}

Test(regime, with_few_answers_a_step_takes_several_minutes)
{
    cr_assert(regime_init(&r, READING_TIME));
    minutes(DAY, 5, 0.8, 0.6);
    minutes(60, 5, 3.0, 0.6);
    cr_assert_eq(reports, 1);
    cr_assert_geq(news.after.n, 7 * REGIME_STEP_N);
}

Test(regime, a_change_is_reported_once)
{
    cr_assert(regime_init(&r, READING_TIME));
    minutes(DAY, 60, 0.8, 0.6);
    minutes(3 * DAY, 60, 2.1, 0.6);
    cr_assert_eq(reports, 1);
}

Test(regime, what_goes_to_and_fro_is_no_longer_news_after_a_few_times)
{
    cr_assert(regime_init(&r, READING_TIME));
    tick = 1000 * (uint64_t)DAY;
    for (unsigned k = 0; k < 14; k++) {
        minutes(50, 60, 0.8, 0.4);
        minutes(50, 60, 3.0, 0.4);
    }
    cr_assert_leq(reports, REGIME_TOLD + 2);
}

/* ---- as text ------------------------------------------------------------------------------- */

Test(regime, a_restart_on_the_way_changes_nothing)
{
    cr_assert(regime_init(&r, READING_LENGTH));
    cr_assert(regime_init(&again, READING_LENGTH));
    minutes(500, 33, 212, 1.0);
    minutes(3, 33, 800, 1.0);
    regime_put(&r, &text);
    cr_assert(regime_read(&again, buf_str(&text)));
    regime_put(&again, &other);
    cr_assert(str_eq(buf_str(&text), buf_str(&other)));
    cr_assert(memcmp(&r, &again, sizeof(r)) == 0);
}

Test(regime, other_text_is_refused)
{
    cr_assert(regime_init(&r, READING_TIME));
    cr_assert_not(regime_read(&r, STR("")));
    cr_assert_not(regime_read(&r, STR("1 2 3")));
}

Test(regime, other_predictions_are_not_watched_so)
{
    cr_assert_not(regime_init(&r, STR("refusal")));
    cr_assert_not(regime_init(&r, STR("output_tokens")));
}
