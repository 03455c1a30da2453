/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/dialect/request.h"

#include "world.h"

static struct world w;

static struct request *chat(const char *body)
{
    cr_assert_eq(ask(&w, ENDPOINT_CHAT, NULL, body), OK, "%s", w.why.text);
    return &w.request;
}

static void refused(enum endpoint e, const char *body, const char *param, const char *text)
{
    cr_assert_eq(ask(&w, e, NULL, body), ERR_MALFORMED, "%s", body);
    cr_expect_str_eq(w.why.param, param);
    cr_expect(strstr(w.why.text, text), "%s", w.why.text);
    arena_deinit(&w.arena);
}

static const char *never(enum endpoint e, const char *members)
{
    char body[512];

    (void)snprintf(body, sizeof(body), "{\"model\":\"m\"%s}", members);
    cr_assert_eq(ask(&w, e, NULL, body), OK);
    return w.request.never_cached;
}

Test(request, spans_say_where_the_body_may_be_spliced, .timeout = 5)
{
    struct request *r = chat(
        "{\"stream\": true, \"model\" : \"a\\u0062\",\"stream_options\":null}");

    expect_str(r->model, "ab");
    expect_str(r->model_value, "\"a\\u0062\"");
    expect_str(r->stream_value, "true");
    expect_str(r->options_value, "null");
    cr_assert(r->stream);
    cr_assert_not(r->include_usage);
    arena_deinit(&w.arena);
}

Test(request, include_usage_is_read, .timeout = 5)
{
    cr_assert(
        chat("{\"model\":\"m\",\"stream_options\":{\"include_usage\":true}}")->include_usage);
}

Test(request, the_user_is_unescaped_and_other_types_are_not_one, .timeout = 5)
{
    expect_str(chat("{\"model\":\"m\",\"user\":\"u\\\"1\"}")->user, "u\"1");
    cr_assert_null(chat("{\"model\":\"m\",\"user\":5}")->user.at);
    arena_deinit(&w.arena);
}

Test(request, faults_name_the_member, .timeout = 5)
{
    refused(ENDPOINT_CHAT, "{}", "model", "missing");
    refused(ENDPOINT_CHAT, "{\"model\":5}", "model", "quotes");
    refused(ENDPOINT_CHAT, "{\"model\":\"\"}", "model", "quotes");
    refused(ENDPOINT_CHAT, "{\"model\":\"\\ud800\"}", "model", "surrogate");
    refused(ENDPOINT_CHAT, "{\"model\":\"m\",\"stream\":1}", "stream", "true or false");
    refused(ENDPOINT_CHAT, "{\"model\":\"m\",\"stream_options\":[]}", "stream_options",
            "object");
    refused(ENDPOINT_CHAT, "[]", "", "object");
}

Test(request, a_member_that_stands_twice_is_a_fault_however_escaped, .timeout = 5)
{
    refused(ENDPOINT_CHAT, "{\"model\":\"a\",\"m\\u006fdel\":\"b\"}", "model", "twice");
    refused(ENDPOINT_PREDICT, "{\"x\":1,\"y\":2,\"x\":3}", "x", "twice");
}

Test(request, a_twin_among_many_members_is_found, .timeout = 5)
{
    struct buf body = { 0 };

    buf_put_text(&body, "{\"model\":\"m\"");
    for (unsigned i = 0; i < 500; i++)
        buf_put_printf(&body, ",\"k%u\":%u", i, i);
    buf_put_text(&body, ",\"k250\":0}");
    buf_put(&body, (struct str){ "", 1 });
    refused(ENDPOINT_CHAT, body.at, "k250", "twice");
    buf_deinit(&body);
}

Test(request, a_mark_trailing_bytes_and_deep_nesting_are_faults, .timeout = 5)
{
    char deep[140];

    memset(deep, '[', 70);
    memset(deep + 70, ']', 69);
    deep[139] = '\0';
    refused(ENDPOINT_CHAT, "\xEF\xBB\xBF{\"model\":\"m\"}", "", "byte order mark");
    refused(ENDPOINT_CHAT, "{\"model\":\"m\"} x", "", "byte 14");
    refused(ENDPOINT_PREDICT, deep, "", "deep");
}

Test(request, what_only_the_scanner_reads_is_accepted, .timeout = 5)
{
    (void)chat(
        "{\"model\":\"m\",\"x\":\"\\ud83d\",\"y\":123456789012345678901234567890,\"z\":1e999}");
}

Test(request, a_prediction_is_any_json_and_its_model_is_in_the_path, .timeout = 5)
{
    cr_assert_eq(ask(&w, ENDPOINT_PREDICT, "churn", "[1,2]"), OK);
    expect_str(w.request.model, "churn");
    cr_assert_eq(ask(&w, ENDPOINT_PREDICT, "churn", "{\"model\":7,\"stream\":\"x\"}"), OK);
    expect_str(w.request.model, "churn");
    cr_assert_null(w.request.model_value.at);
    cr_assert_not(w.request.stream);
    arena_deinit(&w.arena);
}

Test(request, a_moderation_may_leave_its_model_out, .timeout = 5)
{
    cr_assert_eq(ask(&w, ENDPOINT_MODERATIONS, NULL, "{\"input\":\"x\"}"), OK);
    expect_str(w.request.model, "omni-moderation-latest");
}

Test(request, only_a_stated_temperature_of_zero_is_deterministic, .timeout = 5)
{
    cr_assert(chat("{\"model\":\"m\",\"temperature\":0}")->deterministic);
    cr_assert(chat("{\"model\":\"m\",\"temperature\":-0.00e5,\"n\":1.0}")->deterministic);
    cr_assert(chat("{\"model\":\"m\",\"temperature\":0,\"n\":null}")->deterministic);
    cr_assert_not(chat("{\"model\":\"m\"}")->deterministic);
    cr_assert_not(chat("{\"model\":\"m\",\"temperature\":1e-400}")->deterministic);
    cr_assert_not(chat("{\"model\":\"m\",\"temperature\":\"0\"}")->deterministic);
    cr_assert_not(chat("{\"model\":\"m\",\"temperature\":0,\"n\":2}")->deterministic);
    arena_deinit(&w.arena);
}

Test(request, embeddings_and_predictions_are_deterministic, .timeout = 5)
{
    cr_assert_eq(ask(&w, ENDPOINT_EMBEDDINGS, NULL, "{\"model\":\"m\",\"input\":\"x\"}"), OK);
    cr_assert(w.request.deterministic);
    cr_assert_eq(ask(&w, ENDPOINT_PREDICT, "m", "{\"temperature\":5}"), OK);
    cr_assert(w.request.deterministic);
    arena_deinit(&w.arena);
}

Test(request, a_conversation_that_lives_upstream_is_never_cached, .timeout = 5)
{
    cr_assert_null(never(ENDPOINT_RESPONSES, ",\"store\":false"));
    cr_assert_not_null(never(ENDPOINT_RESPONSES, ""));
    cr_assert_not_null(never(ENDPOINT_RESPONSES, ",\"store\":true"));
    cr_assert_not_null(
        never(ENDPOINT_RESPONSES, ",\"store\":false,\"previous_response_id\":\"r\""));
    cr_assert_not_null(
        never(ENDPOINT_RESPONSES, ",\"store\":false,\"conversation\":{\"id\":\"c\"}"));
    cr_assert_not_null(never(ENDPOINT_RESPONSES, ",\"store\":false,\"background\":true"));
    cr_assert_not_null(never(ENDPOINT_RESPONSES, ",\"store\":false,\"prompt\":{\"id\":\"p\"}"));
    cr_assert_not_null(never(ENDPOINT_RESPONSES, ",\"store\":false,\"input\":[{\"type\":"
                                                 "\"item_reference\",\"id\":\"i\"}]"));
    arena_deinit(&w.arena);
}

Test(request, state_that_is_not_set_does_no_harm, .timeout = 5)
{
    cr_assert_null(never(ENDPOINT_RESPONSES, ",\"store\":false,\"background\":false,"
                                             "\"previous_response_id\":null"));
    cr_assert_null(never(ENDPOINT_CHAT, ",\"store\":true"));
    arena_deinit(&w.arena);
}

Test(request, tools_that_run_upstream_are_never_cached, .timeout = 5)
{
    cr_assert_not_null(never(ENDPOINT_CHAT, ",\"web_search_options\":{}"));
    cr_assert_not_null(never(ENDPOINT_RESPONSES, ",\"store\":false,\"tools\":[{\"type\":"
                                                 "\"function\"},{\"type\":\"web_search\"}]"));
    cr_assert_null(never(ENDPOINT_RESPONSES,
                         ",\"store\":false,\"tools\":[{\"type\":"
                         "\"function\"},{\"type\":\"custom\"},{\"name\":\"f\"}]"));
    arena_deinit(&w.arena);
}

Test(request, a_spent_budget_is_told_not_suffered, .timeout = 5)
{
    struct arena small = { .budget = 16 };
    struct request r;

    cr_assert_eq(request_decode(&r, ENDPOINT_CHAT, (struct str){ NULL, 0 },
                                STR("{\"model\":\"a\\u0062cdefghijklmnopqrstuvwxyz\"}"), &small,
                                &w.why),
                 ERR_TOO_LARGE);
    arena_deinit(&small);
}

Test(request, a_message_is_deterministic_as_a_chat_is, .timeout = 5)
{
    cr_assert_eq(ask(&w, ENDPOINT_MESSAGES, NULL, "{\"model\":\"m\",\"temperature\":0}"), OK);
    cr_assert(w.request.deterministic);
    cr_assert_null(w.request.never_cached);
    cr_assert_eq(ask(&w, ENDPOINT_MESSAGES, NULL, "{\"model\":\"m\",\"stream\":true}"), OK);
    cr_assert_not(w.request.deterministic);
    cr_assert(w.request.stream);
    arena_deinit(&w.arena);
}

Test(request, a_count_of_tokens_has_no_stream_and_is_never_cached, .timeout = 5)
{
    cr_assert_eq(ask(&w, ENDPOINT_TOKENS, NULL, "{\"model\":\"m\",\"stream\":true}"), OK);
    cr_assert_not(w.request.stream);
    cr_assert(w.request.never_cached);
    arena_deinit(&w.arena);
}

Test(request, members_of_another_dialect_are_not_read_in_a_message, .timeout = 5)
{
    cr_assert_eq(
        ask(&w, ENDPOINT_MESSAGES, NULL, "{\"model\":\"m\",\"stream_options\":\"any\"}"), OK);
    cr_assert_null(w.request.options_value.at);
    arena_deinit(&w.arena);
}
