/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/clock.h"
#include "weir/base/metric.h"
#include "weir/watch/variety.h"
#include "weir/watch/watch.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static struct metrics *metrics;
static struct metric_shard *shard;
static struct buf out;

static void start(void)
{
    metrics = metrics_new();
    shard = metrics_shard(metrics);
}

static void stop(void)
{
    metrics_free(metrics);
    buf_deinit(&out);
}

TestSuite(watch_put, .init = start, .fini = stop, .timeout = 20);

static void count(struct metric_shard *s, const char *prediction, const char *value,
                  const char *source, int64_t by)
{
    metric_add(s, METRIC_PREDICTIONS, by,
               METRIC_LABEL(STR("support-chat"), STR("qwen"), str_of(prediction), str_of(value),
                            str_of(source)));
}

static void assert_json(const char *wanted)
{
    watch_put_json(metrics, &out);
    cr_assert(str_eq(buf_str(&out), str_of(wanted)), "%.*s", STR_ARG(buf_str(&out)));
}

static void assert_text(const char *wanted)
{
    watch_put_text(metrics, &out);
    cr_assert(str_eq(buf_str(&out), str_of(wanted)), "%.*s", STR_ARG(buf_str(&out)));
}

Test(watch_put, without_answers_the_list_is_empty)
{
    assert_json("{\"predictions\":[]}");
}

Test(watch_put, without_answers_the_text_says_so)
{
    assert_text("No answers yet.\n");
}

Test(watch_put, shards_add_up)
{
    count(shard, "intent", "refund", "fresh", 2);
    count(metrics_shard(metrics), "intent", "refund", "fresh", 3);
    assert_json("{\"predictions\":[{\"model\":\"support-chat\",\"version\":\"qwen\","
                "\"prediction\":\"intent\",\"source\":\"fresh\",\"count\":5,"
                "\"values\":{\"refund\":5}}]}");
}

Test(watch_put, json_lists_each_source_and_labels_from_most_to_least)
{
    count(shard, "intent", "other", "fresh", 1);
    count(shard, "intent", "refund", "cached", 4);
    count(shard, "intent", "refund", "fresh", 12);
    assert_json("{\"predictions\":["
                "{\"model\":\"support-chat\",\"version\":\"qwen\",\"prediction\":\"intent\","
                "\"source\":\"fresh\",\"count\":13,\"values\":{\"refund\":12,\"other\":1}},"
                "{\"model\":\"support-chat\",\"version\":\"qwen\",\"prediction\":\"intent\","
                "\"source\":\"cached\",\"count\":4,\"values\":{\"refund\":4}}]}");
}

Test(watch_put, json_with_odd_names_is_read_by_jansson)
{
    json_t *root;

    count(shard, "a\"b\\c\n", "\u00fc\"", "fresh", 1);
    watch_put_json(metrics, &out);
    root = json_loadb(out.at, out.len, 0, NULL);
    cr_assert(root);
    cr_assert_eq(
        json_integer_value(json_object_get(
            json_object_get(json_array_get(json_object_get(root, "predictions"), 0), "values"),
            "\u00fc\"")),
        1);
    json_decref(root);
}

Test(watch_put, the_text_draws_sources_side_by_side)
{
    count(shard, "intent", "refund", "fresh", 3);
    count(shard, "intent", "refund", "cached", 1);
    count(shard, "intent", "\u00fcbrig", "fresh", 1);
    assert_text("support-chat (qwen) intent: 5 answers\n"
                "                       fresh              cached\n"
                "  refund           3  75.0 %           1 100.0 %  "
                "\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588"
                "\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588"
                "\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588"
                "\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\n"
                "  \u00fcbrig            1  25.0 %           0   0.0 %  "
                "\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\n");
}

Test(watch_put, bins_stand_in_their_natural_order_and_what_is_no_value_behind)
{
    const char *at, *low, *high, *above, *missing;

    count(shard, "output_tokens", "missing", "fresh", 100);
    count(shard, "output_tokens", "gt_65536", "fresh", 1);
    count(shard, "output_tokens", "le_1024", "fresh", 5);
    count(shard, "output_tokens", "le_256", "fresh", 2);
    watch_put_text(metrics, &out);
    buf_put(&out, (struct str){ "", 1 });
    at = out.at;
    low = strstr(at, "le_256");
    high = strstr(at, "le_1024");
    above = strstr(at, "gt_65536");
    missing = strstr(at, "missing");
    cr_assert(low && low < high && high < above && above < missing, "%s", at);
}

Test(watch_put, a_rare_value_has_a_bar_still)
{
    count(shard, "intent", "a", "fresh", 1000000);
    count(shard, "intent", "b", "fresh", 1);
    watch_put_text(metrics, &out);
    buf_put(&out, (struct str){ "", 1 });
    cr_assert(strstr(out.at, "  0.0 %  \u258f\n"), "%s", out.at);
}

Test(watch_put, predictions_are_parted_by_an_empty_line)
{
    count(shard, "intent", "a", "fresh", 1);
    count(shard, "refusal", "no", "fresh", 1);
    watch_put_text(metrics, &out);
    buf_put(&out, (struct str){ "", 1 });
    cr_assert(strstr(out.at, "\n\nsupport-chat (qwen) refusal: 1 answer\n"), "%s", out.at);
}

Test(watch_put, what_is_beyond_the_cap_is_shown_as_other)
{
    char value[16];

    for (unsigned i = 0; i < METRIC_SERIES + 5; i++) {
        (void)snprintf(value, sizeof(value), "v%u", i);
        count(shard, "intent", value, "fresh", 1);
    }
    watch_put_json(metrics, &out);
    buf_put(&out, (struct str){ "", 1 });
    cr_assert(strstr(out.at, "\"source\":\"other\",\"count\":6,\"values\":{\"other\":6}"));
}

Test(watch_put, distinct_counts_are_told_of_labels_and_numbers)
{
    struct watchlist *l = watchlist_new(STR("m"));
    const struct watchlist *lists[] = { l };

    l->predictions = arena_take(&l->arena, 2 * sizeof(struct prediction));
    l->predictions[0] = (struct prediction){ .name = STR("intent"), .kind = PREDICTION_LABEL };
    l->predictions[1] = (struct prediction){ .name = STR("size"), .kind = PREDICTION_LENGTH };
    l->prediction_count = 2;
    watchlist_seal(l);
    for (uint64_t i = 0; i < 5; i++)
        variety_add(l->predictions[0].variety, clock_wall_ms() / (24 * 60 * 60 * 1000), i + 1);
    watch_put_distinct(lists, 1, &out);
    cr_assert(str_eq(buf_str(&out), STR("{\"distinct\":[{\"model\":\"m\",\"prediction\":"
                                        "\"intent\",\"today\":5,\"yesterday\":0}]}")),
              "%.*s", STR_ARG(buf_str(&out)));
    watchlist_unref(l);
}

Test(watch_put, without_predictions_no_distinct_counts_are_told)
{
    watch_put_distinct(NULL, 0, &out);
    cr_assert(str_eq(buf_str(&out), STR("{\"distinct\":[]}")));
}
