/* SPDX-License-Identifier: Apache-2.0 */
#include "histogram.h"
#include "judge_inner.h"

#include "weir/base/metric.h"
#include "weir/net/loop.h"
#include "weir/watch/store.h"
#include "weir/watch/ticks.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* A judge between two rounds, with more series than are told by name. */

enum { NOW = 100000, MANY = 1200, NAMED = METRIC_SERIES - 1 };

static struct loop *loop;
static struct ticks *ticks;
static struct metrics *metrics;
static struct judge *judge;
static struct str other[4];

static void start(void)
{
    const struct judge_settings settings = { .tick_ms = 60000,
                                             .probability = .05,
                                             .per_ms = 3600 * 1000 };

    loop = loop_new(NULL);
    ticks = ticks_new();
    metrics = metrics_new();
    judge = judge_new(loop, store_file_new(loop, ticks, STR("")), &settings, metrics,
                      metrics_shard(metrics));
    judge->upto = NOW;
    for (unsigned i = 0; i < 4; i++)
        other[i] = STR("other");
}

static void stop(void)
{
    judge_free(judge);
    ticks_free(ticks);
    metrics_free(metrics);
    loop_free(loop);
}

TestSuite(judge_measure, .init = start, .fini = stop, .timeout = 60);

static struct subject *watch(const char *member)
{
    struct subject *s = book_subject(&judge->book, str_of(member));

    s->unread = false;
    s->tick = s->last = NOW;
    return s;
}

/* With a baseline, and answers enough to say that it is well. */
static struct subject *make_judged(const char *member)
{
    struct subject *s = watch(member);
    const uint64_t counts[ECUSUM_BINS] = { 500, 500 };

    (void)subject_adopt(s, book_add_baseline(&judge->book, refusal_baseline(60)));
    window_add(&s->drift->window, NOW - 1, counts);
    return s;
}

static void latch(struct subject *s, enum drift_latched on)
{
    s->drift->latch = (struct drift_latch){ on, NOW, NOW, 60, 0 };
}

static void watch_many(void)
{
    for (unsigned i = 0; i < MANY; i++) {
        char member[32];

        (void)snprintf(member, sizeof(member), "chat:v:p%04u", i);
        (void)watch(member);
    }
}

static int64_t alarm_of(const char *prediction, const char *segment)
{
    return metric_read(
        metrics, METRIC_DRIFT_ALARM,
        METRIC_LABEL(STR("chat"), STR("v"), str_of(prediction), str_of(segment)));
}

static void count_told(void *ctx, const struct str *labels, int64_t value)
{
    unsigned *told = ctx;

    (void)labels;
    *told += value != METRIC_ABSENT ? 1 : 0;
}

static unsigned told_of(enum metric metric)
{
    unsigned told = 0;

    metrics_each(metrics, metric, count_told, &told);
    return told;
}

static void fire(const char *member)
{
    latch(make_judged(member), LATCHED_CONFIRMED);
}

Test(judge_measure, what_fires_is_named_whatever_its_name)
{
    watch_many();
    fire("chat:v:zz");
    judge_measure(judge);
    cr_assert_eq(alarm_of("zz", ""), 1);
    cr_assert_eq(metric_read(metrics, METRIC_DRIFT_ALARM, other), 0);
}

Test(judge_measure, as_many_are_told_as_ever_and_one_for_the_rest)
{
    watch_many();
    judge_measure(judge);
    cr_assert_eq(told_of(METRIC_DRIFT_ALARM), METRIC_SERIES);
    fire("chat:v:zz");
    judge_measure(judge);
    cr_assert_eq(told_of(METRIC_DRIFT_ALARM), METRIC_SERIES);
}

Test(judge_measure, where_all_have_a_name_there_is_no_other)
{
    fire("chat:v:zz");
    judge_measure(judge);
    cr_assert_eq(alarm_of("zz", ""), 1);
    cr_assert_eq(told_of(METRIC_DRIFT_ALARM), 1);
}

Test(judge_measure, what_is_suspected_is_named_before_what_is_well)
{
    watch_many();
    latch(make_judged("chat:v:zz"), LATCHED_SUSPECTED);
    judge_measure(judge);
    cr_assert_eq(told_of(METRIC_DRIFT_SCORE), 1);
    cr_assert_eq(metric_read(metrics, METRIC_DRIFT_SCORE, other), METRIC_ABSENT);
}

/* So much of the evidence that an alarm takes. */
static void score(struct subject *s, double part)
{
    for (unsigned k = 0; k < s->drift->confirmed.bins; k++)
        for (unsigned i = 0; i < ECUSUM_PER_BIN; i++)
            s->drift->confirmed.ln_m[k][i] = part * judge->threshold;
}

Test(judge_measure, of_what_does_not_fire_the_highest_scores_are_named)
{
    char member[32];

    for (unsigned i = 0; i < MANY; i++) {
        (void)snprintf(member, sizeof(member), "chat:v:p%04u", i);
        (void)make_judged(member);
    }
    score(make_judged("chat:v:zy"), .55);
    score(make_judged("chat:v:zz"), .95);
    judge_measure(judge);
    cr_assert_gt(metric_read(metrics, METRIC_DRIFT_SCORE,
                             METRIC_LABEL(STR("chat"), STR("v"), STR("zz"), STR(""))),
                 900000);
    cr_assert_gt(metric_read(metrics, METRIC_DRIFT_SCORE,
                             METRIC_LABEL(STR("chat"), STR("v"), STR("zy"), STR(""))),
                 500000);
    cr_assert_lt(metric_read(metrics, METRIC_DRIFT_SCORE, other), 100000);
}

Test(judge_measure, other_tells_the_worst_of_the_rest_and_not_the_last)
{
    for (unsigned i = 0; i < MANY; i++) {
        char member[32];
        struct subject *s;

        (void)snprintf(member, sizeof(member), "chat:v:p%04u", i);
        s = make_judged(member);
        latch(s, LATCHED_CONFIRMED);
        score(s, i == NAMED ? .5 : 0);
    }
    (void)watch("chat:v:zz");
    judge_measure(judge);
    cr_assert_eq(metric_read(metrics, METRIC_DRIFT_ALARM, other), 1);
    cr_assert_float_eq((double)metric_read(metrics, METRIC_DRIFT_SCORE, other), 5e5, 1e4);
    cr_assert_eq(alarm_of("p0000", ""), 1);
    cr_assert_eq(told_of(METRIC_DRIFT_ALARM), METRIC_SERIES);
}

Test(judge_measure, a_segment_tells_the_worst_of_its_values)
{
    (void)watch("chat:v:p@plan=basic");
    fire("chat:v:p@plan=pro");
    (void)watch("chat:v:p@plan=zero");
    judge_measure(judge);
    cr_assert_eq(alarm_of("p", "plan"), 1);
    cr_assert_eq(told_of(METRIC_DRIFT_ALARM), 1);
}

static bool is_told(const char *prediction)
{
    return alarm_of(prediction, "") != METRIC_ABSENT;
}

static void resolve(struct subject *s, uint64_t tick)
{
    struct alarm *a = alarm_new(&s->of);

    latch(s, LATCHED_NOT);
    alarm_name(a, s->member, s->drift->baseline->id, NOW);
    a->state = ALARM_RESOLVED;
    a->updated_ms = tick * judge->settings.tick_ms;
    book_put_alarm(&judge->book, a);
}

Test(judge_measure, what_has_fired_is_told_as_0_for_an_hour_and_then_gives_its_place_up)
{
    struct subject *s;

    watch_many();
    fire("chat:v:zz");
    judge_measure(judge);
    s = book_find(&judge->book, STR("chat:v:zz"));
    s->drift->window.ticks = 0; /* by now there is too little to say that it is well */
    resolve(s, NOW);
    judge_measure(judge);
    cr_assert(is_told("zz"));
    cr_assert_eq(alarm_of("zz", ""), 0);
    judge->upto = NOW + 61;
    judge_measure(judge);
    cr_assert_not(is_told("zz"));
}
