/* SPDX-License-Identifier: Apache-2.0 */
#include "top_draw.h"

#include "weir/base/str.h"
#include "weir/base/utf8.h"

#include <criterion/criterion.h>
#include <string.h>

static struct top_screen screen;
static struct buf drawn;

static void start(void)
{
    screen = (struct top_screen){ .address = STR("127.0.0.1:8081"),
                                  .columns = 200,
                                  .rows = 100 };
}

static void stop(void)
{
    json_decref(screen.now);
    json_decref(screen.before);
    json_decref(screen.drift);
    json_decref(screen.alarms);
    buf_deinit(&drawn);
}

TestSuite(top_draw, .init = start, .fini = stop, .timeout = 20);

static json_t *overview(uint64_t now_ms, int requests, int errors)
{
    return json_pack("{s:I,s:s,s:b,s:i,s:i,s:n,s:{s:i,s:i,s:i},s:[{s:s,s:i,s:i,s:i,s:f,s:f,"
                     "s:f,s:n,s:f}],s:[{s:s,s:i,s:[{s:s,s:s,s:b,s:i,s:f}]}]}",
                     "now_ms", (json_int_t)now_ms, "version", "0.1.0", "ready", 1, "in_flight",
                     2, "connections", 7, "redis_up", "cache", "bytes", 1 << 20, "entries", 5,
                     "evictions", 0, "models", "model", "chat", "requests", requests, "errors",
                     errors, "hits", requests / 2, "cost_usd", 1.5, "saved_usd", 0.25, "p50_ms",
                     4.25, "p95_ms", "p99_ms", 812.0, "upstreams", "name", "local", "waiting",
                     3, "endpoints", "url", "http://10.0.0.1/v1", "state", "open", "healthy", 0,
                     "in_flight", 1, "latency_ms", 12.0);
}

static void look(json_t *now)
{
    json_decref(screen.before);
    screen.before = screen.now;
    screen.now = now;
    top_note(&screen);
}

static const char *draw(void)
{
    buf_reset(&drawn);
    top_draw(&screen, &drawn);
    buf_put(&drawn, (struct str){ "", 1 });
    return drawn.at;
}

static bool shows(const char *words)
{
    return strstr(draw(), words) != NULL;
}

Test(top_draw, the_head_says_which_gateway_and_how_it_is)
{
    look(overview(1000, 0, 0));
    cr_assert(shows("weir 0.1.0 at 127.0.0.1:8081"));
    cr_assert(shows("ready"));
    cr_assert(shows("2 under way, 7 connections, 5 answers kept (1.0 MiB), Redis off"));
}

Test(top_draw, a_rate_is_what_came_between_two_looks)
{
    look(overview(1000, 100, 0));
    look(overview(3000, 150, 0));
    cr_assert(
        shows("chat                        25.0    50.0    0.00     4.25        -      812"));
}

Test(top_draw, the_first_look_has_no_rate)
{
    look(overview(1000, 100, 0));
    cr_assert(shows("chat                         0.0"));
}

Test(top_draw, the_last_looks_are_a_picture)
{
    look(overview(1000, 0, 0));
    look(overview(2000, 40, 0));
    look(overview(3000, 120, 0));
    cr_assert(shows("\u2584\u2588"));
}

Test(top_draw, a_count_that_fell_is_of_a_gateway_that_began_anew)
{
    look(overview(1000, 1000, 0));
    look(overview(2000, 1010, 0));
    look(overview(3000, 5, 0));
    cr_assert(shows("chat                         5.0"));
    cr_assert(shows("\u2588\u2584\n"));
}

Test(top_draw, an_endpoint_has_its_state)
{
    look(overview(1000, 0, 0));
    cr_assert(shows("local"));
    cr_assert(shows("open"));
    cr_assert(shows("http://10.0.0.1/v1"));
}

Test(top_draw, an_endpoint_whose_breaker_is_closed_is_healthy)
{
    json_t *now = overview(1000, 0, 0), *upstream, *endpoint;

    upstream = json_array_get(json_object_get(now, "upstreams"), 0);
    endpoint = json_array_get(json_object_get(upstream, "endpoints"), 0);
    json_object_set_new(endpoint, "state", json_string("closed"));
    json_object_set_new(endpoint, "healthy", json_true());
    look(now);
    cr_assert(shows("healthy"));
    cr_assert_not(shows("closed"));
}

Test(top_draw, a_firing_alarm_stands_above_with_what_moved)
{
    look(overview(1000, 0, 0));
    screen.alarms = json_pack("{s:[{s:s,s:s,s:s,s:s,s:s,s:{s:[{s:s,s:f,s:f}]}}]}", "alarms",
                              "state", "firing", "severity", "confirmed", "model", "chat",
                              "prediction", "refusal", "segment", "", "evidence", "moved",
                              "value", "yes", "before", 0.045, "after", 0.203);
    cr_assert(shows("ALARM confirmed: chat refusal"));
    cr_assert(shows("yes 4.5% \u2192 20.3%"));
}

Test(top_draw, an_alarm_that_is_over_is_not_shown)
{
    look(overview(1000, 0, 0));
    screen.alarms = json_pack("{s:[{s:s,s:s}]}", "alarms", "state", "resolved", "model",
                              "chat");
    cr_assert_not(shows("ALARM"));
}

static void change(uint64_t at_ms, const char *sentence)
{
    json_t *all = json_object_get(screen.now, "changes");

    if (!all)
        json_object_set_new(screen.now, "changes", all = json_array());
    (void)json_array_append_new(all, json_pack("{s:s,s:s,s:I}", "model", "chat", "sentence",
                                               sentence, "at_ms", (json_int_t)at_ms));
}

Test(top_draw, a_change_within_the_hour_stands_above)
{
    look(overview(10 * 60 * 1000, 0, 0));
    change(7 * 60 * 1000, "system_fingerprint fp_old \u2192 fp_new");
    cr_assert(shows("CHANGED 3 min ago: chat system_fingerprint fp_old \u2192 fp_new\n"));
    screen.columns = 40;
    cr_assert(shows("~ 3m chat system_fingerprint fp_old \u2192 fp\n"));
}

Test(top_draw, an_older_change_is_not_shown)
{
    look(overview(70 * 60 * 1000, 0, 0));
    change(10 * 60 * 1000, "system_fingerprint fp_old \u2192 fp_new");
    cr_assert_not(shows("CHANGED"));
}

Test(top_draw, the_two_newest_changes_are_enough)
{
    look(overview(10 * 60 * 1000, 0, 0));
    change(3, "newest");
    change(2, "second");
    change(1, "third");
    cr_assert(shows("second"));
    cr_assert_not(shows("third"));
}

Test(top_draw, a_histogram_has_its_score)
{
    look(overview(1000, 0, 0));
    screen.drift = json_pack("{s:[{s:s,s:s,s:s,s:s,s:f,s:i,s:[]}]}", "histograms_list", "model",
                             "chat", "prediction", "intent", "segment", "plan=pro", "state",
                             "suspected", "score", 0.62, "n", 2400, "moved");
    cr_assert(shows("chat intent plan=pro"));
    cr_assert(shows("suspected             0.62      2400"));
}

Test(top_draw, no_line_is_wider_than_the_terminal)
{
    const char *at;

    screen.columns = 40;
    look(overview(1000, 0, 0));
    look(overview(2000, 90, 0));
    at = draw();
    for (const char *end; (end = strchr(at, '\n')); at = end + 1)
        cr_assert(utf8_count((struct str){ at, (size_t)(end - at) }) <= 40);
}

Test(top_draw, there_are_no_more_lines_than_rows)
{
    unsigned lines = 0;

    screen.rows = 4;
    look(overview(1000, 0, 0));
    for (const char *at = draw(); *at; at++)
        lines += *at == '\n';
    cr_assert_eq(lines, 4);
}

Test(top_draw, without_colours_there_is_no_escape)
{
    look(overview(1000, 10, 0));
    look(overview(2000, 20, 5));
    cr_assert_not(shows("\033["));
}

Test(top_draw, with_colours_a_model_that_fails_stands_out)
{
    screen.colours = true;
    look(overview(1000, 10, 0));
    look(overview(2000, 20, 5));
    cr_assert(shows("\033[33mchat"));
}

Test(top_draw, eighty_columns_have_all_numbers_of_a_model)
{
    screen.columns = 80;
    look(overview(1000, 100, 0));
    look(overview(3000, 150, 0));
    cr_assert(shows(
        "chat                25.0  50.0  0.00    4.25       -     812      1.50      0.25\n"));
}

Test(top_draw, forty_columns_have_them_in_two_lines)
{
    screen.columns = 40;
    screen.rows = 11;
    look(overview(1000, 100, 0));
    look(overview(3000, 150, 0));
    cr_assert(shows("chat            25.0/s hit 50% err 0.0%\n"));
    cr_assert(shows(" ms 4.25/-/812  $1.50, saved 0.25\n"));
}

Test(top_draw, alarms_leave_room_for_the_rest)
{
    json_t *all = json_array();

    screen.columns = 40;
    screen.rows = 11;
    look(overview(1000, 0, 0));
    for (unsigned i = 0; i < 20; i++)
        (void)json_array_append_new(all, json_pack("{s:s,s:s,s:s,s:s}", "state", "firing",
                                                   "severity", "confirmed", "model", "chat",
                                                   "prediction", "refusal"));
    screen.alarms = json_pack("{s:o}", "alarms", all);
    cr_assert(shows("! confirmed chat refusal"));
    cr_assert(shows("and 16 alarms more"));
    cr_assert(shows("hit"));
}
