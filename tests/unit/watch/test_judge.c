/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/clock.h"
#include "weir/base/metric.h"
#include "weir/net/loop.h"
#include "weir/net/timer.h"
#include "weir/watch/judge.h"
#include "weir/watch/pace.h"
#include "weir/watch/store.h"
#include "weir/watch/ticks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The whole of it in one process, with ticks of a twentieth of a second: counts are put where
 * workers put them, and the pages say what the judge makes of them.
 */

enum { TICK_LONG_MS = 50, LOOK_US = 10 * 1000 };

static struct metrics *metrics;
static struct metric_shard *shard;
static struct loop *loop;
static struct ticks *ticks;
static struct judge *judge;
static struct pace pace;
static struct buf page;
static char path[64];
static uint64_t counted;      /* the last tick that was counted into */
static unsigned yes_of_a_100; /* what the model says now */
static const char *awaited;
static void (*put_page)(const struct judge *j, struct buf *out);
static struct timer look;
static struct judge_order order;
static enum err ended;
static unsigned deliveries;

static bool counts_old;   /* another version answers the same */
static const char *build; /* what the upstream calls itself; NULL: nothing */

static void count_a_tick(void)
{
    const struct tick_histogram names = { STR("chat"), STR("v1"), STR("system_fingerprint"),
                                          STR("upstream=open%20ai") };
    const struct tick_histogram of = { STR("chat"), STR("v1"), STR("refusal"), STR("") };
    const struct tick_histogram old = { STR("chat"), STR("v0"), STR("refusal"), STR("") };
    uint64_t now = pace_tick(&pace, clock_wall_ms());

    if (now == counted)
        return;
    counted = now;
    ticks_add(ticks, now, &of, STR("yes"), yes_of_a_100 + now % 3);
    ticks_add(ticks, now, &of, STR("no"), 100 - yes_of_a_100 - now % 3);
    if (counts_old)
        ticks_add(ticks, now, &old, STR("no"), 100);
    if (build)
        ticks_add(ticks, now, &names, str_of(build), 9);
}

static void on_look(struct timer *t)
{
    if (yes_of_a_100 > 0)
        count_a_tick();
    buf_reset(&page);
    put_page(judge, &page);
    if (memmem(page.at, page.len, awaited, strlen(awaited)))
        loop_stop(loop);
    else
        timer_arm(t, LOOK_US);
}

/* Counts and judges until the page says so. */
static void run_until(void (*put)(const struct judge *j, struct buf *out), const char *text)
{
    put_page = put;
    awaited = text;
    timer_arm(&look, 1);
    loop_run(loop);
}

static const struct str by_hand[] = { { "refusal", 7 } };
static size_t by_hand_count;

static void open_judge(bool automatic)
{
    const struct judge_settings settings = {
        .tick_ms = TICK_LONG_MS,
        .probability = .05,
        .per_ms = 3600 * 1000,
        .min_n = 500,
        .baseline_ticks = 5,
        .tolerance = 1.2,
        .alpha = .01,
        .automatic = automatic,
        .changes = true,
        .by_hand = by_hand,
        .by_hand_count = by_hand_count,
    };

    judge = judge_new(loop, store_file_new(loop, ticks, str_of(path)), &settings, metrics,
                      shard);
    judge_start(judge);
}

static void on_idle_look(struct timer *t)
{
    if (judge_is_idle(judge))
        loop_stop(loop);
    else
        timer_arm(t, 1000);
}

static void close_judge(void)
{
    struct timer idle;

    judge_stop(judge);
    timer_init(&idle, loop, on_idle_look);
    timer_arm(&idle, 1);
    loop_run(loop);
    judge_free(judge);
    judge = NULL;
}

static void start(void)
{
    int fd;

    (void)snprintf(path, sizeof(path), "/tmp/weir-judge-XXXXXX");
    fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
    unlink(path);
    metrics = metrics_new();
    shard = metrics_shard(metrics);
    loop = loop_new(NULL);
    ticks = ticks_new();
    pace = pace_of(TICK_LONG_MS);
    yes_of_a_100 = 5;
    timer_init(&look, loop, on_look);
}

static void stop(void)
{
    if (judge)
        close_judge();
    ticks_free(ticks);
    loop_free(loop);
    metrics_free(metrics);
    buf_deinit(&page);
    buf_deinit(&order.answer);
    unlink(path);
}

TestSuite(judge, .init = start, .fini = stop, .timeout = 60);

static int64_t gauge(enum metric metric)
{
    return metric_read(metrics, metric,
                       METRIC_LABEL(STR("chat"), STR("v1"), STR("refusal"), STR("")));
}

static void on_ordered(struct judge_order *o, enum err err)
{
    (void)o;
    ended = err;
    loop_stop(loop);
}

static void on_delivery(void *owner)
{
    (void)owner;
    deliveries++;
}

static void take_key(void *ctx, struct str key, struct str json)
{
    struct buf *out = ctx;

    cr_assert(str_starts(json, STR("{\"id\":")));
    buf_reset(out);
    buf_put(out, key);
}

Test(judge, a_histogram_gets_a_baseline_by_itself_and_is_well)
{
    open_judge(true);
    run_until(judge_put_drift, "\"state\":\"ok\"");
    cr_assert(memmem(page.at, page.len, "\"judge\":\"this replica\"", 22));
    cr_assert_eq(gauge(METRIC_DRIFT_ALARM), 0);
    cr_assert_geq(gauge(METRIC_DRIFT_SCORE), 0);
    cr_assert_eq(metric_read(metrics, METRIC_DRIFT_HISTOGRAMS, NULL), 1);
    cr_assert_gt(metric_read(metrics, METRIC_DRIFT_TICKS, NULL), 0);
}

Test(judge, a_change_fires_and_is_to_be_delivered_until_it_was)
{
    struct buf key = { 0 };

    open_judge(true);
    judge_on_delivery(judge, on_delivery, NULL);
    run_until(judge_put_drift, "\"state\":\"ok\"");
    yes_of_a_100 = 60;
    run_until(judge_put_alarms, "\"state\":\"firing\"");
    cr_assert(memmem(page.at, page.len, "\"severity\":\"confirmed\"", 22));
    cr_assert(memmem(page.at, page.len, "refusal=yes ", 12));
    run_until(judge_put_drift, "\"state\":\"confirmed\"");
    cr_assert_eq(gauge(METRIC_DRIFT_ALARM), 1);
    cr_assert_gt(deliveries, 0);
    judge_each_delivery(judge, take_key, &key);
    cr_assert(str_ends(buf_str(&key), STR(":firing")) ||
              str_ends(buf_str(&key), STR(":pending")));
    judge_delivered(judge, &order, buf_str(&key), on_ordered);
    loop_run(loop);
    cr_assert_eq(ended, OK);
    buf_deinit(&key);
}

Test(judge, a_restart_goes_on_with_the_same_alarm)
{
    struct buf before = { 0 };

    open_judge(true);
    run_until(judge_put_drift, "\"state\":\"ok\"");
    yes_of_a_100 = 60;
    run_until(judge_put_alarms, "\"state\":\"firing\"");
    close_judge();
    open_judge(true);
    run_until(judge_put_alarms, "\"state\":\"firing\"");
    judge_put_alarms(judge, &before);
    run_until(judge_put_drift, "\"state\":\"confirmed\"");
    buf_reset(&page);
    judge_put_alarms(judge, &page);
    cr_assert(str_eq(buf_str(&before), buf_str(&page)));
    buf_deinit(&before);
}

/* As when its state was lost: the file has a second alarm, which no state knows of. */
static void add_orphan(void)
{
    char text[1 << 16], *alarm, *end;
    FILE *file = fopen(path, "r+");
    size_t size;

    cr_assert(file);
    size = fread(text, 1, sizeof(text) - 1, file);
    text[size] = '\0';
    cr_assert((alarm = strstr(text, "\nalarm {\"id\":\"")));
    alarm++;
    end = strchr(alarm, '\n') + 1;
    rewind(file);
    (void)fwrite(text, 1, (size_t)(end - text), file);
    memcpy(alarm, "alarm {\"id\":\"feedfeedfeedfeed", 29);
    (void)fwrite(alarm, 1, size - (size_t)(alarm - text), file);
    cr_assert_eq(fclose(file), 0);
}

Test(judge, an_alarm_that_no_state_knows_of_is_resolved)
{
    open_judge(true);
    run_until(judge_put_drift, "\"state\":\"ok\"");
    yes_of_a_100 = 60;
    run_until(judge_put_alarms, "\"state\":\"firing\"");
    close_judge();
    add_orphan();
    open_judge(true);
    run_until(judge_put_alarms, "\"state\":\"resolved\"");
    cr_assert(memmem(page.at, page.len, "feedfeedfeedfeed", 16));
    cr_assert(memmem(page.at, page.len, "\"state\":\"firing\"", 16));
}

Test(judge, a_prediction_by_hand_gets_no_baseline_by_itself)
{
    by_hand_count = 1;
    open_judge(true);
    run_until(judge_put_drift, "\"n\":15"); /* fifteen hundred: three times what is enough */
    cr_assert(memmem(page.at, page.len, "\"state\":\"no_baseline\"", 21));
    cr_assert_eq(metric_read(metrics, METRIC_DRIFT_HISTOGRAMS, NULL), 1);
}

Test(judge, without_answers_nothing_is_judged)
{
    yes_of_a_100 = 0;
    open_judge(true);
    run_until(judge_put_drift, "\"judge\":\"this replica\"");
    cr_assert(memmem(page.at, page.len, "\"histograms\":0", 14));
}

Test(judge, by_hand_a_baseline_is_made_of_what_was_counted)
{
    struct judge_recipe recipe = { .model = STR("chat"), .to_ms = UINT64_MAX / 2, .pin = true };

    open_judge(false);
    run_until(judge_put_drift, "\"after_count\":2"); /* two hundred refusals, or so */
    recipe.from_ms = clock_wall_ms() - 60 * 1000;
    judge_create_baseline(judge, &order, &recipe, on_ordered);
    loop_run(loop);
    cr_assert_eq(ended, OK, "%s", order.why.text);
    cr_assert(memmem(order.answer.at, order.answer.len, "\"prediction\":\"refusal\"", 22));
}

static void configure_v1(void)
{
    struct watchlist *list = watchlist_new(STR("chat"));
    const struct str version = STR("v1");

    judge_watch(judge, &(struct judge_model){ list, &version, 1 }, 1);
    watchlist_unref(list);
}

Test(judge, a_control_that_no_route_names_comes_with_a_hint)
{
    static const char hint[] = "\"hint\":\"control: this gateway has no route to the version ";
    struct judge_recipe recipe = { .model = STR("chat"),
                                   .version = STR("v1"),
                                   .prediction = STR("refusal"),
                                   .control = STR("v0"),
                                   .to_ms = UINT64_MAX / 2 };

    counts_old = true;
    open_judge(false);
    configure_v1();
    run_until(judge_put_drift, "\"after_count\":2");
    recipe.from_ms = clock_wall_ms() - 60 * 1000;
    judge_create_baseline(judge, &order, &recipe, on_ordered);
    loop_run(loop);
    cr_assert_eq(ended, OK, "%s", order.why.text);
    cr_assert(memmem(order.answer.at, order.answer.len, hint, strlen(hint)));
}

static void expect(enum err wanted)
{
    loop_run(loop);
    cr_assert_eq(ended, wanted);
    cr_assert_eq(order.why.text[0] == '\0', wanted == OK);
    buf_deinit(&order.answer);
}

Test(judge, orders_about_what_is_not_there_are_refused)
{
    struct judge_silence past = { .until_ms = 1 };
    struct judge_recipe recipe = { .model = STR("chat"), .from_ms = 5, .to_ms = 1 };

    open_judge(false);
    run_until(judge_put_drift, "\"judge\":\"this replica\"");
    judge_pin(judge, &order, STR("0123456789abcdef"), on_ordered);
    expect(ERR_NO_MODEL);
    judge_drop(judge, &order, STR("nonsense"), on_ordered);
    expect(ERR_NO_MODEL);
    judge_acknowledge(judge, &order, STR(""), on_ordered);
    expect(ERR_NO_MODEL);
    judge_unsilence(judge, &order, STR("x"), on_ordered);
    expect(ERR_NO_MODEL);
    judge_silence(judge, &order, &past, on_ordered);
    expect(ERR_MALFORMED);
    judge_create_baseline(judge, &order, &recipe, on_ordered);
    expect(ERR_MALFORMED);
}

Test(judge, what_does_not_go_together_is_refused)
{
    struct counts counts = { 0 };
    struct judge_recipe recipe = { .model = STR("chat"), .to_ms = 1, .control = STR("v0") };

    counts_add(&counts, STR("no"), 950);
    open_judge(false);
    judge_create_baseline(judge, &order, &recipe, on_ordered); /* of which version? */
    expect(ERR_MALFORMED);
    recipe.version = STR("v0");
    judge_create_baseline(judge, &order, &recipe, on_ordered);
    expect(ERR_MALFORMED);
    recipe.version = STR("v1");
    recipe.hour_of_week = true;
    judge_create_baseline(judge, &order, &recipe, on_ordered);
    expect(ERR_MALFORMED);
    recipe.control = (struct str){ 0 };
    recipe.counts = &counts;
    judge_create_baseline(judge, &order, &recipe, on_ordered);
    expect(ERR_MALFORMED);
    counts_deinit(&counts);
}

Test(judge, a_pinned_baseline_is_not_dropped)
{
    struct counts counts = { 0 };
    struct judge_recipe recipe = {
        .model = STR("chat"), .prediction = STR("refusal"), .counts = &counts, .pin = true
    };
    char id[32];
    const char *at;

    counts_add(&counts, STR("no"), 950);
    counts_add(&counts, STR("yes"), 50);
    open_judge(false);
    judge_create_baseline(judge, &order, &recipe, on_ordered);
    loop_run(loop);
    cr_assert_eq(ended, OK, "%s", order.why.text);
    at = memmem(order.answer.at, order.answer.len, "{\"id\":\"", 7);
    cr_assert(at);
    (void)snprintf(id, sizeof(id), "%.16s", at + 7);
    buf_deinit(&order.answer);
    judge_drop(judge, &order, str_of(id), on_ordered);
    expect(ERR_MALFORMED);
    run_until(judge_put_drift, id);
    counts_deinit(&counts);
}

static void refuses(const struct judge_recipe *recipe, enum err err, const char *words)
{
    judge_create_baseline(judge, &order, recipe, on_ordered);
    loop_run(loop);
    cr_assert_eq(ended, err);
    cr_assert(strstr(order.why.text, words), "%s", order.why.text);
    buf_deinit(&order.answer);
}

Test(judge, a_name_that_fits_nothing_is_told_with_the_one_that_is_near)
{
    struct judge_recipe recipe = { .model = STR("chta"), .to_ms = UINT64_MAX / 2 };

    open_judge(false);
    run_until(judge_put_drift, "\"after_count\":2");
    refuses(&recipe, ERR_NO_MODEL,
            "model: nothing was counted so far of \"chta\" (did you mean "
            "\"chat\"?)");
    recipe.model = STR("chat");
    recipe.version = STR("something-else");
    refuses(&recipe, ERR_NO_MODEL,
            "version: nothing was counted so far of \"something-else\": "
            "there is \"v1\"");
    recipe.version = STR("v1");
    recipe.prediction = STR("refusl");
    refuses(&recipe, ERR_NO_MODEL, "(did you mean \"refusal\"?)");
    recipe.prediction = STR("refusal");
    recipe.control = STR("v0");
    refuses(&recipe, ERR_NO_MODEL,
            "control: nothing was counted so far of \"v0\" (did you mean \"v1\"?)");
}

Test(judge, a_time_with_too_little_in_it_makes_no_baseline)
{
    struct judge_recipe recipe = { .model = STR("chat"), .from_ms = 1000, .to_ms = 2000 };

    open_judge(false);
    run_until(judge_put_drift, "\"after_count\":2");
    refuses(&recipe, ERR_MALFORMED, "No baseline was made: a baseline takes 200 answers");
    recipe.to_ms = UINT64_MAX / 2;
    refuses(&recipe, ERR_MALFORMED, "a baseline is made of 35 days at most");
    recipe.from_ms = UINT64_MAX / 2 - 1000;
    refuses(&recipe, ERR_MALFORMED, "from: no tick of that time is over yet");
}

Test(judge, of_silences_there_are_at_most_a_hundred)
{
    struct judge_silence silence = { .until_ms = clock_wall_ms() + 3600 * 1000 };

    open_judge(false);
    run_until(judge_put_drift, "\"judge\":\"this replica\"");
    for (unsigned i = 0; i < JUDGE_SILENCES; i++) {
        judge_silence(judge, &order, &silence, on_ordered);
        expect(OK);
    }
    judge_silence(judge, &order, &silence, on_ordered);
    expect(ERR_MALFORMED);
}

static void put_learned(const struct judge *j, struct buf *out)
{
    (void)j;
    if (metric_read(metrics, METRIC_DRIFT_TICKS, NULL) > 15)
        buf_put(out, STR("names have been learned"));
}

Test(judge, an_upstream_under_another_name_is_a_change_and_no_histogram)
{
    build = "fp_1";
    open_judge(true);
    run_until(judge_put_drift, "\"state\":\"ok\"");
    cr_assert_not(memmem(page.at, page.len, "fingerprint", 11));
    cr_assert(memmem(page.at, page.len, "\"histograms\":1,", 15));
    run_until(put_learned, "names have been learned");
    build = "fp_2";
    run_until(judge_put_changes, "\"sentence\":\"system_fingerprint fp_1 \u2192 fp_2\"");
    cr_assert(memmem(page.at, page.len, "\"upstream\":\"open ai\"", 20));
    cr_assert_eq(metric_read(metrics, METRIC_MODEL_CHANGES,
                             METRIC_LABEL(STR("chat"), STR("open ai"), STR("fingerprint"))),
                 1);
}
