/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"
#include "weir/base/clock.h"
#include "weir/watch/watch.h"

#include <criterion/criterion.h>
#include <string.h>

/* What a person with redis-cli sees, and that replicas add up there. */

static struct stage stage;

static void start(void)
{
    struct remote_settings settings = { .prefix = STR("weir:"),
                                        .most_bytes = REMOTE_ENTRY_BYTES };

    stage_open(&stage, &settings);
}

static void stop(void)
{
    stage_close(&stage);
}

TestSuite(watch_redis, .init = start, .fini = stop, .timeout = 60);

static void note(struct watch *w, const char *finish, enum watch_source source)
{
    struct watch_answer a = { .list = watchlist_new(STR("support-chat")),
                              .version = STR("org/qwen"),
                              .source = source,
                              .finish_reason = str_of(finish),
                              .completion_tokens = 10 };

    watch_note(w, &a);
    watchlist_unref(a.list);
}

/* A note may fall into the minute after the one that was read: both are looked at. */
static bool redis_holds(const char *command, const char *prediction, uint64_t minute,
                        const char *text)
{
    struct buf asked = { 0 }, answer = { 0 };
    bool found = false;

    for (uint64_t i = 0; i < 2 && !found; i++) {
        buf_reset(&asked);
        buf_put_printf(&asked, "%s weir:v1:histogram:support-chat:org%%2Fqwen:%s:%llu", command,
                       prediction, (unsigned long long)(minute + i));
        buf_put(&asked, (struct str){ "", 1 });
        stage_ask(&stage, &answer, asked.at);
        buf_put(&answer, (struct str){ "", 1 });
        found = strstr(answer.at, text) != NULL;
    }
    buf_deinit(&asked);
    buf_deinit(&answer);
    return found;
}

Test(watch_redis, two_watches_add_up)
{
    struct watch *one = watch_new(stage.loop, stage.remote, STR("weir:"));
    struct watch *two = watch_new(stage.loop, stage.remote, STR("weir:"));
    uint64_t minute = clock_wall_ms() / 60000;

    note(one, "stop", WATCH_FRESH);
    note(one, "stop", WATCH_FRESH);
    note(two, "stop", WATCH_FRESH);
    note(two, "length", WATCH_FRESH);
    watch_free(one);
    watch_free(two);
    cr_assert(redis_holds("HGETALL", "finish_reason", minute, "stop\n3\n"));
    cr_assert(redis_holds("HGETALL", "finish_reason", minute, "length\n1\n"));
    cr_assert(redis_holds("HGETALL", "refusal", minute, "no\n4\n"));
}

Test(watch_redis, a_configured_prediction_tells_by_which_definition_it_was_counted)
{
    struct watch *w = watch_new(stage.loop, stage.remote, STR("weir:"));
    struct watchlist *list = watchlist_new(STR("support-chat"));
    struct watch_answer a = { .list = list, .version = STR("org/qwen"), .body = STR("{}") };
    uint64_t minute = clock_wall_ms() / 60000;
    struct buf answer = { 0 };

    list->predictions = ARENA_NEW(&list->arena, struct prediction);
    list->predictions[0] = (struct prediction){ .name = STR("valid"),
                                                .from = STR("/text"),
                                                .kind = PREDICTION_JSON };
    prediction_complete(&list->predictions[0]);
    list->prediction_count = 1;
    watchlist_seal(list);
    watch_note(w, &a);
    watch_note(w, &a);
    watch_free(w);
    cr_assert(redis_holds("HGETALL", "valid", minute, "missing\n2\n"));
    stage_ask(&stage, &answer, "KEYS weir:v1:definition:*");
    buf_put(&answer, (struct str){ "", 1 });
    cr_assert(strstr(answer.at, "weir:v1:definition:support-chat:org%2Fqwen:valid:"));
    cr_assert_null(strstr(answer.at, "refusal"), "what every model has needs none");
    buf_deinit(&answer);
    watchlist_unref(list);
}

Test(watch_redis, cached_answers_have_a_key_of_their_own)
{
    struct watch *w = watch_new(stage.loop, stage.remote, STR("weir:"));
    uint64_t minute = clock_wall_ms() / 60000;

    note(w, "stop", WATCH_FRESH);
    note(w, "stop", WATCH_CACHED);
    note(w, "stop", WATCH_CACHED);
    watch_free(w);
    cr_assert(redis_holds("HGETALL", "finish_reason", minute, "stop\n1\n"));
    cr_assert(redis_holds("HGETALL", "finish_reason;cached", minute, "stop\n2\n"));
}

Test(watch_redis, a_histogram_lives_for_eight_days)
{
    struct watch *w = watch_new(stage.loop, stage.remote, STR("weir:"));
    uint64_t minute = clock_wall_ms() / 60000;

    note(w, "stop", WATCH_FRESH);
    watch_free(w);
    cr_assert(redis_holds("TTL", "refusal", minute, "6911") ||
              redis_holds("TTL", "refusal", minute, "691200"));
}
