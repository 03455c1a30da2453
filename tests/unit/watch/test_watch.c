/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_remote.h"

TestSuite(watch, .init = start, .fini = stop, .timeout = 30);

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

/* ---- who has no Redis ---- */

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
