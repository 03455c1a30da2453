/* SPDX-License-Identifier: Apache-2.0 */
#include "fixed.h"

#include "loaded.h"
#include "schema.h"

/* What a reload cannot change, and says so. */

static struct loaded now, next;

static void stop(void)
{
    unload(&now);
    unload(&next);
}

TestSuite(fixed, .fini = stop, .timeout = 10);

/* The paths that are told when the file has `more` in place of `before`, each with a space. */
static struct buf told(const char *before, const char *more)
{
    struct buf text = { 0 }, out = { 0 };
    const struct schema_row *row = NULL;

    buf_put_printf(&text, BASE "%s\n", before);
    now = load_bytes(buf_str(&text), NULL);
    buf_reset(&text);
    buf_put_printf(&text, BASE "%s\n", more);
    next = load_bytes(buf_str(&text), NULL);
    cr_assert(now.config && next.config, "%.*s", STR_ARG(buf_str(&next.faults)));
    while ((row = fixed_next(&now.config->settings, &next.config->settings, row)))
        buf_put_printf(&out, "%s ", row->path);
    buf_deinit(&text);
    return out;
}

#define expect_told(before, more, paths)                                                  \
    do {                                                                                  \
        struct buf said_ = told(before, more);                                            \
                                                                                          \
        cr_assert(str_eq(buf_str(&said_), STR(paths)), "%.*s", STR_ARG(buf_str(&said_))); \
        buf_deinit(&said_);                                                               \
    } while (0)

Test(fixed, the_same_file_changes_nothing)
{
    expect_told("cache: {redis: {url: \"redis://h\"}}", "cache: {redis: {url: \"redis://h\"}}",
                "");
}

Test(fixed, what_a_reload_can_change_is_not_told)
{
    expect_told("server: {max_body: 1MiB, idle_timeout: 5s}\nadmin: {token: a}",
                "server: {max_body: 2MiB, idle_timeout: 6s}\nadmin: {token: b}", "");
}

Test(fixed, limits_of_the_process_are_told)
{
    expect_told("", "server: {max_in_flight: 9, max_memory: 1GiB, share_port: true}",
                "server.max_in_flight server.max_memory server.share_port ");
}

Test(fixed, addresses_are_told)
{
    expect_told("", "server: {listen: \"127.0.0.1:1\"}\nadmin: {listen: \"127.0.0.1:2\"}",
                "server.listen admin.listen ");
}

Test(fixed, how_a_fleet_coalesces_is_told)
{
    expect_told("", "cache: {coalesce: process, coalesce_streams: fleet}",
                "cache.coalesce cache.coalesce_streams ");
}

Test(fixed, the_place_of_redis_is_told_once)
{
    expect_told("cache: {redis: {url: \"redis://a/1\"}}",
                "cache: {redis: {url: \"redis://me:word@b/2\"}}", "cache.redis ");
}

Test(fixed, a_sentinel_more_is_told)
{
    expect_told("cache: {redis: {sentinels: [a], master: m}}",
                "cache: {redis: {sentinels: [a, b], master: m}}", "cache.redis ");
}

Test(fixed, what_redis_is_used_with_is_told_by_its_name)
{
    expect_told("cache: {redis: {url: \"redis://a\"}}",
                "cache: {redis: {url: \"redis://a\", prefix: \"x:\", timeout: 70ms}}",
                "cache.redis.prefix cache.redis.timeout ");
}

Test(fixed, the_same_receivers_of_alerts_are_not_told)
{
    expect_told("alerts: {webhooks: [\"http://h\"], exec: [a, b], link: \"http://i\"}",
                "alerts: {webhooks: [{url: \"http://h\"}], exec: [a, b], link: \"http://i\"}",
                "");
}

Test(fixed, another_secret_of_a_receiver_is_told)
{
    expect_told("alerts: {webhooks: [{url: \"http://h\", secret: a}]}",
                "alerts: {webhooks: [{url: \"http://h\", secret: b}]}", "alerts ");
}

Test(fixed, one_word_less_of_a_command_is_told)
{
    expect_told("alerts: {exec: [a, b]}", "alerts: {exec: [a]}", "alerts ");
}

Test(fixed, a_first_receiver_of_alerts_is_told)
{
    expect_told("", "alerts: {alertmanager: [\"http://h\"]}", "alerts ");
}

Test(fixed, other_predictions_by_hand_are_told)
{
    expect_told("", "drift: {by_hand: [latency, cost]}", "");
    expect_told("", "drift: {by_hand: [latency]}", "drift.by_hand ");
    expect_told("", "drift: {tick: 30s, by_hand: [latency, price]}",
                "drift.tick drift.by_hand ");
}

/* Else a setting could be marked AT_START and its change go untold. */
Test(fixed, what_waits_for_a_start_lies_where_it_can_be_compared)
{
    for (const struct schema_row *row = config_rows(); row->path; row++) {
        if (row->change != AT_START || row->kind == KIND_GROUP)
            continue;
        cr_expect(row->size > 0 || str_starts(str_of(row->path), STR("cache.redis.")) ||
                      str_starts(str_of(row->path), STR("alerts.")) ||
                      str_eq(str_of(row->path), STR("drift.by_hand")),
                  "%s", row->path);
        cr_expect_leq(row->at + row->size, sizeof(struct settings), "%s", row->path);
    }
}
