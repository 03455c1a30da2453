/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/exchange/account.h"

#include "weir/base/log.h"
#include "weir/base/metric.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The watch is a fake, linked in place of the real one. */
static int noted;

void watch_note(struct watch *w, const struct watch_answer *a)
{
    (void)w, (void)a;
    noted++;
}

static struct watch_end ended;

void watch_end(struct watch *w, const struct watch_end *e)
{
    (void)w;
    ended = *e;
}

static struct metrics *metrics;
static struct metric_shard *shard;
static FILE *log_file;
static struct record record;

static void start(void)
{
    metrics = metrics_new();
    shard = metrics_shard(metrics);
    log_setup(LOG_JSON, LOG_INFO);
    log_file = tmpfile();
    record = (struct record){
        .request_id = STR("req-1"),
        .tenant = STR("acme"),
        .model = STR("m"),
        .upstream = STR("one"),
        .upstream_model = STR("m-1"),
        .endpoint = STR("chat"),
        .word = WORD_MISS,
        .status = 200,
        .attempts = 1,
        .total_us = 300 * 1000,
        .upstream_us = 200 * 1000,
        .prompt_tokens = 3,
        .answer = { .version = STR("m-1"), .completion_tokens = 2 },
    };
}

static void stop(void)
{
    metrics_free(metrics);
    (void)fclose(log_file);
}

TestSuite(account, .init = start, .fini = stop, .timeout = 20);

/* Writes the record into the books; the log's bytes go to log_file. */
static void enter_record(void)
{
    int kept = dup(STDERR_FILENO);

    cr_assert(dup2(fileno(log_file), STDERR_FILENO) >= 0);
    account(shard, (struct watch *)&noted, &record);
    log_flush();
    cr_assert(dup2(kept, STDERR_FILENO) >= 0);
    (void)close(kept);
}

static const char *log_text(void)
{
    static char text[4096];
    size_t n;

    rewind(log_file);
    n = fread(text, 1, sizeof(text) - 1, log_file);
    text[n] = '\0';
    return text;
}

static int64_t requests(const char *outcome)
{
    return metric_read(
        metrics, METRIC_REQUESTS,
        METRIC_LABEL(record.model, record.upstream, record.endpoint, str_of(outcome)));
}

static bool renders(const char *line)
{
    struct buf out = { 0 };
    bool is_there;

    metrics_render(metrics, &out, false);
    is_there = memmem(out.at, out.len, line, strlen(line)) != NULL;
    buf_deinit(&out);
    return is_there;
}

/* ---- outcomes ---------------------------------------------------------------------------- */

Test(account, every_error_has_an_outcome_of_its_own_choosing)
{
    for (int err = 1; err < ERR_COUNT; err++)
        cr_expect_neq(outcome_of((enum err)err, WORD_MISS, DEGRADED_NOT), OUTCOME_OK,
                      "%s has none", err_name((enum err)err));
}

Test(account, the_word_of_the_cache_does_not_excuse_an_error)
{
    cr_assert_eq(outcome_of(ERR_DEADLINE, WORD_HIT, DEGRADED_NOT), OUTCOME_TIMEOUT);
    cr_assert_eq(outcome_of(ERR_CANCELLED, WORD_COALESCED, DEGRADED_NOT),
                 OUTCOME_CLIENT_CANCEL);
}

Test(account, the_watch_calls_each_end_the_same)
{
    static const char *const ours[] = {
#define O(name, word) word,
        OUTCOMES(O)
    };
    static const char *const its[] = { WATCH_OUTCOME_WORDS(O) };
#undef O

    for (unsigned i = 0; i < OUTCOME_COUNT; i++)
        cr_assert_str_eq(ours[i], its[i]);
}

static struct watchlist list;

Test(account, every_end_is_told_to_the_watch)
{
    record.answer.list = &list;
    record.err = ERR_DEADLINE;
    record.cost_usd = 0.5;
    enter_record();
    cr_assert_eq(ended.outcome, WATCH_TIMEOUT);
    cr_assert_eq(ended.total_us, 300 * 1000);
    cr_assert_eq(ended.cost_usd, 0.5);
}

Test(account, only_what_was_not_called_is_saved)
{
    record.answer.list = &list;
    record.saved_microusd = 12;
    enter_record();
    cr_assert_eq(ended.saved_microusd, 0);
    record.word = WORD_HIT;
    enter_record();
    cr_assert_eq(ended.saved_microusd, 12);
}

Test(account, a_good_answer_is_called_by_where_it_came_from)
{
    cr_assert_eq(outcome_of(OK, WORD_HIT, DEGRADED_NOT), OUTCOME_CACHE_HIT);
    cr_assert_eq(outcome_of(OK, WORD_STALE, DEGRADED_NOT), OUTCOME_STALE);
    cr_assert_eq(outcome_of(OK, WORD_COALESCED, DEGRADED_NOT), OUTCOME_COALESCED);
    cr_assert_eq(outcome_of(OK, WORD_MISS, DEGRADED_NOT), OUTCOME_OK);
    cr_assert_eq(outcome_of(OK, WORD_BYPASS, DEGRADED_NOT), OUTCOME_OK);
}

Test(account, slow_and_broken_upstreams_are_told_apart)
{
    cr_assert_eq(outcome_of(ERR_UPSTREAM_SILENT, WORD_MISS, DEGRADED_NOT), OUTCOME_TIMEOUT);
    cr_assert_eq(outcome_of(ERR_UPSTREAM_TRUNCATED, WORD_MISS, DEGRADED_NOT),
                 OUTCOME_UPSTREAM_TRUNCATED);
    cr_assert_eq(outcome_of(ERR_UPSTREAM_STATUS, WORD_MISS, DEGRADED_NOT),
                 OUTCOME_UPSTREAM_ERROR);
    cr_assert_eq(outcome_of(ERR_MALFORMED, WORD_MISS, DEGRADED_NOT), OUTCOME_REJECTED);
}

/* ---- counts ------------------------------------------------------------------------------ */

Test(account, a_request_is_counted_once_by_its_outcome)
{
    enter_record();
    cr_assert_eq(requests("ok"), 1);
    cr_assert_eq(requests("cache_hit"), 0);
}

Test(account, a_failed_request_is_counted_by_its_failure)
{
    record.err = ERR_UPSTREAM_STATUS;
    enter_record();
    cr_assert_eq(requests("upstream_error"), 1);
    cr_assert_eq(requests("ok"), 0);
}

Test(account, overhead_is_the_time_without_the_upstreams)
{
    enter_record();
    cr_assert(renders("weir_overhead_seconds_sum{model=\"m\"} 0.1"));
}

Test(account, overlapping_clocks_give_no_negative_overhead)
{
    record.upstream_us = record.total_us + 1;
    enter_record();
    cr_assert(renders("weir_overhead_seconds_sum{model=\"m\"} 0\n"));
}

Test(account, tokens_of_a_fresh_answer_are_observed)
{
    enter_record();
    cr_assert(renders("gen_ai_client_token_usage_sum{gen_ai_request_model=\"m\","
                      "gen_ai_response_model=\"m-1\",gen_ai_token_type=\"input\"} 3"));
    cr_assert(renders("gen_ai_token_type=\"output\"} 2"));
}

Test(account, tokens_that_nobody_told_are_not_observed)
{
    record.prompt_tokens = record.answer.completion_tokens = -1;
    enter_record();
    cr_assert_not(renders("gen_ai_client_token_usage_sum{"));
}

static int64_t saved(const char *type)
{
    return metric_read(metrics, METRIC_TOKENS_SAVED, METRIC_LABEL(record.model, str_of(type)));
}

Test(account, tokens_of_a_kept_answer_are_saved_and_not_used)
{
    record.word = WORD_HIT;
    record.attempts = 0;
    enter_record();
    cr_assert_eq(saved("input"), 3);
    cr_assert_eq(saved("output"), 2);
    cr_assert_not(renders("gen_ai_client_token_usage_sum{"));
}

Test(account, tokens_of_a_stale_answer_after_failed_calls_are_not_used_either)
{
    record.word = WORD_STALE;
    record.attempts = 2;
    enter_record();
    cr_assert_eq(saved("output"), 2);
    cr_assert_not(renders("gen_ai_client_token_usage_sum{"));
}

static int64_t saved_microusd(void)
{
    return metric_read(metrics, METRIC_COST_SAVED, METRIC_LABEL(record.model));
}

Test(account, a_kept_answer_saves_what_its_call_cost)
{
    record.word = WORD_HIT;
    record.saved_microusd = 52;
    enter_record();
    cr_assert_eq(saved_microusd(), 52);
}

Test(account, a_fresh_answer_saves_nothing)
{
    record.saved_microusd = 52;
    enter_record();
    cr_assert_eq(saved("input"), 0);
    cr_assert_eq(saved_microusd(), 0);
}

Test(account, the_first_token_is_timed_for_streams)
{
    enter_record();
    cr_assert_not(renders("time_to_first_token_seconds_count{"));
    record.stream = true;
    record.first_us = 50 * 1000;
    enter_record();
    cr_assert(
        renders("gen_ai_server_time_to_first_token_seconds_sum{gen_ai_request_model=\"m\","
                "gen_ai_response_model=\"m-1\"} 0.05"));
}

Test(account, the_time_of_each_token_leaves_the_first_out)
{
    record.stream = true;
    record.first_us = 100 * 1000;
    record.answer.completion_tokens = 3;
    enter_record();
    cr_assert(
        renders("gen_ai_server_time_per_output_token_seconds_sum{gen_ai_request_model=\"m\","
                "gen_ai_response_model=\"m-1\"} 0.1"));
}

/* ---- predictions -------------------------------------------------------------------------- */

Test(account, predictions_of_good_answers_are_noted)
{
    enter_record();
    cr_assert_eq(noted, 1);
}

Test(account, predictions_of_failures_are_not_noted)
{
    record.err = ERR_UPSTREAM_TRUNCATED;
    enter_record();
    cr_assert_eq(noted, 0);
}

Test(account, without_an_answer_there_is_no_prediction)
{
    record.answer.version = (struct str){ 0 };
    enter_record();
    cr_assert_eq(noted, 0);
}

/* ---- the line ------------------------------------------------------------------------------ */

Test(account, a_request_is_one_line)
{
    const char *text;

    enter_record();
    text = log_text();
    cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1, "%s", text);
    cr_assert(strstr(text, "exchange_end"));
    cr_assert(strstr(text, "\"request_id\":\"req-1\""), "%s", text);
    cr_assert(strstr(text, "\"outcome\":\"ok\""));
    cr_assert_null(strstr(text, "\"trail\""));
}

Test(account, the_line_of_a_failure_tells_err_and_trail)
{
    record.err = ERR_DEADLINE;
    record.trail = "born>decode>settle";
    record.why = "it took too long";
    enter_record();
    cr_assert(strstr(log_text(), "ERR_DEADLINE"));
    cr_assert(strstr(log_text(), "born>decode>settle"));
    cr_assert(strstr(log_text(), "it took too long"));
}
