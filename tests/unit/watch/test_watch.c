/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/watch.h"

#include "weir/base/clock.h"
#include "weir/base/metric.h"
#include "weir/cache/remote.h"
#include "weir/net/loop.h"
#include "weir/watch/ticks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/*
 * The remote tier is a fake here: it writes down, in one line for each call, what it is told.
 */
struct remote {
    bool is_up;
    struct buf told;
    struct buf index; /* what was put on which */
    unsigned calls;
    struct loop *stops; /* a loop that the first call ends */
};

static struct remote remote;
static struct metrics *metrics;
static struct loop *loop;
static struct watch *watch;
static struct watchlist *list;

bool remote_is_up(const struct remote *r)
{
    return r->is_up;
}

void remote_count(struct remote *r, const struct remote_histogram *h,
                  const struct remote_count *counts, size_t n)
{
    r->calls++;
    buf_put_printf(&r->told, "%.*s ttl=%llu", STR_ARG(h->key), (unsigned long long)h->ttl_s);
    if (h->index.len > 0)
        buf_put_printf(&r->index, "%.*s %.*s ttl=%llu\n", STR_ARG(h->index), STR_ARG(h->name),
                       (unsigned long long)h->index_ttl_s);
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
    list = watchlist_new(STR("support-chat"));
}

static void stop(void)
{
    watch_free(watch);
    loop_free(loop);
    metrics_free(metrics);
    buf_deinit(&remote.told);
    buf_deinit(&remote.index);
    watchlist_unref(list);
}

TestSuite(watch, .init = start, .fini = stop, .timeout = 30);

static struct watch_answer answer_of(enum watch_source source)
{
    return (struct watch_answer){ .list = list,
                                  .version = STR("qwen"),
                                  .source = source,
                                  .finish_reason = STR("stop"),
                                  .prompt_tokens = 100,
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
    struct watch_answer a = {
        .list = list, .version = STR("qwen"), .refusal = true, .completion_tokens = -1
    };

    watch_note(watch, &a);
    cr_assert_eq(counted("finish_reason", "missing", "fresh"), 1);
    cr_assert_eq(counted("output_tokens", "missing", "fresh"), 1);
    cr_assert_eq(counted("refusal", "yes", "fresh"), 1);
}

static void note_configured(struct str body)
{
    static struct str labels[1];
    struct watch_answer a = answer_of(WATCH_FRESH);

    labels[0] = STR("refund");
    if (list->prediction_count == 0) {
        list->predictions = ARENA_NEW(&list->arena, struct prediction);
        list->predictions[0] = (struct prediction){ .name = STR("intent"),
                                                    .from = STR("/label"),
                                                    .kind = PREDICTION_LABEL,
                                                    .labels = labels,
                                                    .label_count = 1 };
        list->prediction_count = 1;
    }
    a.body = body;
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
    cr_assert_eq(remote.calls, 4);
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

    a.list = watchlist_new(STR("a:b"));
    a.version = STR("org/m;x");
    watch_note(watch, &a);
    watchlist_unref(a.list);
    watch_flush(watch);
    cr_assert(told("weir:v1:histogram:a%3Ab:org%2Fm%3Bx:refusal:"));
}

Test(watch, what_was_told_is_not_told_again)
{
    note(WATCH_FRESH);
    watch_flush(watch);
    watch_flush(watch);
    cr_assert_eq(remote.calls, 4);
    note(WATCH_FRESH);
    watch_flush(watch);
    cr_assert_eq(remote.calls, 8);
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
    cr_assert_eq(remote.calls, 2 * 4, "what is late, and what is not");
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
    cr_assert_eq(remote.calls, 4);
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
        a.list = watchlist_new(str_of(name));
        watch_note(watch, &a);
        watchlist_unref(a.list);
    }
}

Test(watch, what_waits_is_bounded)
{
    note_models(5000);
    watch_flush(watch);
    cr_assert_eq(remote.calls, 16384);
}

Test(watch, many_counts_leave_in_rounds)
{
    note_models(100);
    remote.stops = loop;
    loop_run(loop);
    cr_assert_gt(remote.calls, 0);
    cr_assert_lt(remote.calls, 400);
    while (remote.calls < 400)
        loop_run(loop);
    watch_flush(watch);
    cr_assert_eq(remote.calls, 400);
}

Test(watch, what_comes_between_rounds_is_told_as_well)
{
    note_models(100);
    remote.stops = loop;
    loop_run(loop);
    note_models(100);
    watch_flush(watch);
    cr_assert_eq(remote.calls, 800);
}

/* ---- segments, the index, and who has no Redis ---- */

static void add_segment(void)
{
    list->segments = ARENA_NEW(&list->arena, struct segment);
    list->segments[0] = (struct segment){ .name = STR("plan"), .kind = SEGMENT_TENANT };
    segment_open(&list->segments[0], list->segments);
    list->segment_count = 1;
}

static void note_plan(const char *plan, enum watch_source source)
{
    struct watch_answer a = answer_of(source);
    struct segment_source from = { .tenant = str_of(plan) };

    segment_find(list->segments, list->segment_count, &from, a.segments);
    watch_note(watch, &a);
}

Test(watch, each_answer_counts_once_for_all_and_once_in_its_segment)
{
    add_segment();
    note_plan("pro", WATCH_FRESH);
    note_plan("pro", WATCH_FRESH);
    note_plan("free", WATCH_FRESH);
    note_plan("pro", WATCH_CACHED);
    watch_flush(watch);
    cr_assert(told(":qwen:refusal:"));
    cr_assert(told(":qwen:refusal@plan=pro:"));
    cr_assert(told(":qwen:refusal@plan=free:"));
    cr_assert(told(":qwen:refusal@plan=pro;cached:"));
    cr_assert(told(" no=3\n"));
    cr_assert(told(" no=2\n"));
    cr_assert(told(" no=1\n"));
}

Test(watch, minutes_of_a_segment_live_for_three_hours)
{
    add_segment();
    note_plan("pro", WATCH_FRESH);
    watch_flush(watch);
    cr_assert(told(" ttl=10800 no=1\n"));
    cr_assert(told(" ttl=691200 no=1\n"));
}

Test(watch, metrics_have_no_segments)
{
    add_segment();
    note_plan("pro", WATCH_FRESH);
    note_plan("free", WATCH_FRESH);
    cr_assert_eq(counted("refusal", "no", "fresh"), 2);
}

static bool indexed(const char *text)
{
    buf_put(&remote.index, (struct str){ "", 1 });
    remote.index.len--;
    return strstr(remote.index.at, text) != NULL;
}

Test(watch, the_index_has_the_histograms_of_fresh_answers)
{
    add_segment();
    note_plan("pro", WATCH_FRESH);
    watch_flush(watch);
    cr_assert(indexed("weir:v1:histograms support-chat:qwen:refusal ttl=3024000\n"));
    cr_assert(indexed("weir:v1:histograms support-chat:qwen:refusal@plan=pro ttl=3024000\n"));
    buf_reset(&remote.index);
    note_plan("pro", WATCH_CACHED);
    watch_flush(watch);
    cr_assert_not(indexed("refusal"));
}

static void count_tick(void *ctx, const struct tick_histogram *of, struct str value,
                       uint64_t count)
{
    (void)value;
    if (str_eq(of->prediction, STR("refusal")))
        *(uint64_t *)ctx += count;
}

Test(watch, without_redis_fresh_answers_go_to_the_ticks)
{
    struct watch *alone = watch_new(loop, NULL, STR("weir:"));
    struct ticks *ticks = ticks_new();
    struct watch_answer a = answer_of(WATCH_FRESH), b = answer_of(WATCH_CACHED);
    uint64_t minute = clock_wall_ms() / TICK_MS, count = 0;

    watch_set_ticks(alone, ticks);
    watch_note(alone, &a);
    watch_note(alone, &a);
    watch_note(alone, &b);
    watch_flush(alone);
    ticks_take(ticks, minute, count_tick, &count);
    ticks_take(ticks, minute + 1, count_tick, &count); /* it may have begun meanwhile */
    cr_assert_eq(count, 2);
    watch_free(alone);
    ticks_free(ticks);
}

Test(watch, an_outage_costs_no_more_room_than_its_values)
{
    remote.is_up = false;
    for (unsigned i = 0; i < 100; i++) {
        note(WATCH_FRESH);
        watch_flush(watch);
    }
    remote.is_up = true;
    watch_flush(watch);
    cr_assert_eq(remote.calls, 4);
    cr_assert(told("no=100"));
}

/* ---- names of upstreams ---- */

static void note_named(const char *fingerprint, enum watch_source source)
{
    struct watch_answer a = answer_of(source);

    a.upstream = STR("open ai");
    a.returned_model = STR("gpt-4o");
    a.fingerprint = str_of(fingerprint);
    watch_note(watch, &a);
}

Test(watch, names_of_upstreams_are_counted_for_each_of_them_if_asked_for)
{
    watch_set_names(watch, true);
    note_named("fp_1", WATCH_FRESH);
    note_named("fp_1", WATCH_FRESH);
    note_named("", WATCH_FRESH);
    watch_flush(watch);
    cr_assert(indexed("support-chat:qwen:returned_model@upstream=open%20ai "));
    cr_assert(indexed("support-chat:qwen:system_fingerprint@upstream=open%20ai "));
    cr_assert(told("qwen:system_fingerprint@upstream=open%20ai:"));
    cr_assert(told(" fp_1=2\n"));
    cr_assert(told(" gpt-4o=3\n"));
}

Test(watch, names_are_not_counted_else)
{
    note_named("fp_1", WATCH_FRESH);
    watch_flush(watch);
    cr_assert_not(indexed("fingerprint"));
}

Test(watch, answers_from_the_cache_have_no_names)
{
    watch_set_names(watch, true);
    note_named("fp_1", WATCH_CACHED);
    watch_flush(watch);
    cr_assert_not(indexed("fingerprint"));
}
