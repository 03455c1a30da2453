/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/watch.h"

#include "weir/base/metric.h"
#include "weir/cache/remote.h"
#include "weir/net/loop.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/*
 * The remote tier is a fake here: it writes down, in one line for each call, what it is told.
 */
struct remote {
    bool is_up;
    struct buf told;
    unsigned calls;
    struct loop *stops; /* a loop that the first call ends */
};

static struct remote remote;
static struct metrics *metrics;
static struct loop *loop;
static struct watch *watch;

bool remote_is_up(const struct remote *r)
{
    return r->is_up;
}

void remote_count(struct remote *r, struct str key, const struct remote_count *counts, size_t n,
                  uint64_t ttl_s)
{
    r->calls++;
    buf_put_printf(&r->told, "%.*s ttl=%llu", STR_ARG(key), (unsigned long long)ttl_s);
    for (size_t i = 0; i < n; i++)
        buf_put_printf(&r->told, " %.*s=%llu", STR_ARG(counts[i].field),
                       (unsigned long long)counts[i].by);
    buf_put_text(&r->told, "\n");
    if (r->stops)
        loop_stop(r->stops);
}

static void start(void)
{
    metrics = metrics_new();
    loop = loop_new(metrics_shard(metrics));
    remote = (struct remote){ .is_up = true };
    watch = watch_new(loop, &remote, STR("weir:"));
}

static void stop(void)
{
    watch_free(watch);
    loop_free(loop);
    metrics_free(metrics);
    buf_deinit(&remote.told);
}

TestSuite(watch, .init = start, .fini = stop, .timeout = 30);

static struct watch_answer answer_of(enum watch_source source)
{
    return (struct watch_answer){ .model = STR("support-chat"),
                                  .version = STR("qwen"),
                                  .source = source,
                                  .finish_reason = STR("stop"),
                                  .completion_tokens = 10 };
}

static void note(enum watch_source source)
{
    struct watch_answer a = answer_of(source);

    watch_note(watch, &a);
}

static bool told(const char *text)
{
    buf_put(&remote.told, (struct str){ "", 1 });
    remote.told.len--;
    return strstr(remote.told.at, text) != NULL;
}

static int64_t counted(const char *prediction, const char *value, const char *source)
{
    return metric_read(metrics, METRIC_PREDICTIONS,
                       METRIC_LABEL(STR("support-chat"), STR("qwen"), str_of(prediction),
                                    str_of(value), str_of(source)));
}

Test(watch, every_answer_counts_under_what_is_built_in)
{
    note(WATCH_FRESH);
    cr_assert_eq(counted("finish_reason", "stop", "fresh"), 1);
    cr_assert_eq(counted("output_tokens", "le_16", "fresh"), 1);
    cr_assert_eq(counted("refusal", "no", "fresh"), 1);
}

Test(watch, sources_are_counted_apart)
{
    note(WATCH_FRESH);
    note(WATCH_CACHED);
    note(WATCH_CACHED);
    note(WATCH_COALESCED);
    cr_assert_eq(counted("finish_reason", "stop", "fresh"), 1);
    cr_assert_eq(counted("finish_reason", "stop", "cached"), 2);
    cr_assert_eq(counted("finish_reason", "stop", "coalesced"), 1);
}

Test(watch, what_was_told_to_nobody_is_missing)
{
    struct watch_answer a = { .model = STR("support-chat"),
                              .version = STR("qwen"),
                              .refusal = true,
                              .completion_tokens = -1 };

    watch_note(watch, &a);
    cr_assert_eq(counted("finish_reason", "missing", "fresh"), 1);
    cr_assert_eq(counted("output_tokens", "missing", "fresh"), 1);
    cr_assert_eq(counted("refusal", "yes", "fresh"), 1);
}

static void note_configured(struct str body)
{
    struct str labels[] = { STR("refund") };
    struct prediction p = { .name = STR("intent"),
                            .from = STR("/label"),
                            .kind = PREDICTION_LABEL,
                            .labels = labels,
                            .label_count = 1 };
    struct watch_answer a = answer_of(WATCH_FRESH);

    a.body = body;
    a.predictions = &p;
    a.prediction_count = 1;
    watch_note(watch, &a);
}

Test(watch, a_configured_prediction_is_read_from_the_body)
{
    note_configured(STR("{\"label\":\"refund\"}"));
    note_configured(STR("{\"label\":\"refund\"}"));
    note_configured(STR("{\"label\":\"fraud\"}"));
    cr_assert_eq(counted("intent", "refund", "fresh"), 2);
    cr_assert_eq(counted("intent", "other", "fresh"), 1);
}

Test(watch, a_body_that_is_not_json_is_invalid)
{
    note_configured(STR("{\"label\":\"refund\""));
    note_configured(STR(""));
    cr_assert_eq(counted("intent", "invalid", "fresh"), 2);
}

Test(watch, without_a_body_only_the_built_in_ones_count)
{
    note_configured((struct str){ NULL, 0 });
    cr_assert_eq(counted("finish_reason", "stop", "fresh"), 1);
    cr_assert_eq(counted("intent", "missing", "fresh"), 0);
    cr_assert_eq(counted("intent", "invalid", "fresh"), 0);
}

Test(watch, nothing_is_told_before_a_flush)
{
    note(WATCH_FRESH);
    cr_assert_eq(remote.calls, 0);
    watch_flush(watch);
    cr_assert_eq(remote.calls, 3);
}

Test(watch, a_flush_tells_one_histogram_at_a_time)
{
    struct watch_answer cut = answer_of(WATCH_FRESH);

    cut.finish_reason = STR("length");
    note(WATCH_FRESH);
    watch_note(watch, &cut);
    watch_flush(watch);
    cr_assert(told("weir:v1:histogram:support-chat:qwen:finish_reason:"));
    cr_assert(told(" ttl=691200 stop=1 length=1\n") || told(" ttl=691200 length=1 stop=1\n"));
    cr_assert(told(" ttl=691200 le_16=2\n"));
}

Test(watch, cached_and_coalesced_answers_have_histograms_of_their_own)
{
    note(WATCH_CACHED);
    note(WATCH_COALESCED);
    watch_flush(watch);
    cr_assert(told(":refusal;cached:"));
    cr_assert(told(":refusal;coalesced:"));
    cr_assert_not(told(":refusal:"));
}

Test(watch, names_cannot_break_a_key)
{
    struct watch_answer a = answer_of(WATCH_FRESH);

    a.model = STR("a:b");
    a.version = STR("org/m;x");
    watch_note(watch, &a);
    watch_flush(watch);
    cr_assert(told("weir:v1:histogram:a%3Ab:org%2Fm%3Bx:refusal:"));
}

Test(watch, what_was_told_is_not_told_again)
{
    note(WATCH_FRESH);
    watch_flush(watch);
    watch_flush(watch);
    cr_assert_eq(remote.calls, 3);
    note(WATCH_FRESH);
    watch_flush(watch);
    cr_assert_eq(remote.calls, 6);
    cr_assert_not(told("stop=2"));
}

Test(watch, counts_wait_while_redis_is_away)
{
    remote.is_up = false;
    note(WATCH_FRESH);
    watch_flush(watch);
    note(WATCH_FRESH);
    remote.is_up = true;
    watch_flush(watch);
    cr_assert(told("refusal:"));
    cr_assert(told("no=2"));
}

Test(watch, the_timer_flushes)
{
    remote.stops = loop;
    note(WATCH_FRESH);
    loop_run(loop);
    cr_assert(told("stop=1"));
}

Test(watch, its_end_flushes)
{
    note(WATCH_FRESH);
    watch_free(watch);
    watch = NULL;
    cr_assert_eq(remote.calls, 3);
}

Test(watch, it_works_without_redis)
{
    struct watch *alone = watch_new(loop, NULL, STR("weir:"));
    struct watch_answer a = answer_of(WATCH_FRESH);

    watch_note(alone, &a);
    watch_flush(alone);
    watch_free(alone);
    cr_assert_eq(counted("refusal", "no", "fresh"), 1);
    cr_assert_eq(remote.calls, 0);
}

static void note_models(unsigned count)
{
    char name[64];

    for (unsigned i = 0; i < count; i++) {
        struct watch_answer a = answer_of(WATCH_FRESH);

        (void)snprintf(name, sizeof(name), "model-%u", i);
        a.model = str_of(name);
        watch_note(watch, &a);
    }
}

Test(watch, what_waits_is_bounded)
{
    note_models(3000);
    watch_flush(watch);
    cr_assert_eq(remote.calls, 4096);
}

Test(watch, many_counts_leave_in_rounds)
{
    note_models(100);
    remote.stops = loop;
    loop_run(loop);
    cr_assert_gt(remote.calls, 0);
    cr_assert_lt(remote.calls, 300);
    while (remote.calls < 300)
        loop_run(loop);
    watch_flush(watch);
    cr_assert_eq(remote.calls, 300);
}

Test(watch, what_comes_between_rounds_is_told_as_well)
{
    note_models(100);
    remote.stops = loop;
    loop_run(loop);
    note_models(100);
    watch_flush(watch);
    cr_assert_eq(remote.calls, 600);
}
