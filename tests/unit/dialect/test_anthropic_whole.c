/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

static struct world w;

static enum err whole(enum endpoint e, const char *text)
{
    struct buf body = { 0 };
    enum err err;

    begin(&w, e);
    buf_put_text(&body, text);
    err = tap_whole(&w.tap, &body);
    buf_put(&w.seen, buf_str(&body));
    buf_deinit(&body);
    return err;
}

static const struct answer *message(const char *content, const char *reason)
{
    char text[512];

    (void)snprintf(text, sizeof(text),
                   "{\"type\":\"message\",\"model\":\"claude\",\"content\":%s,"
                   "\"stop_reason\":%s}",
                   content, reason);
    cr_assert_eq(whole(ENDPOINT_MESSAGES, text), OK);
    return &w.tap.answer;
}

#define TEXT "[{\"type\":\"text\",\"text\":\"a\"}]"

Test(anthropic_whole, all_bytes_pass_but_for_the_models_name, .timeout = 5)
{
    cr_assert_eq(whole(ENDPOINT_MESSAGES, "{ \"model\" : \"claude\", \"content\": " TEXT
                                          ",\"stop_reason\":\"end_turn\", \"n\": 1e2 }\n"),
                 OK);
    expect_str(buf_str(&w.seen), "{ \"model\" : \"alias\", \"content\": " TEXT
                                 ",\"stop_reason\":\"end_turn\", \"n\": 1e2 }\n");
    end(&w);
}

Test(anthropic_whole, a_prompt_has_its_cached_tokens_as_well, .timeout = 5)
{
    cr_assert_eq(whole(ENDPOINT_MESSAGES,
                       "{\"usage\":{\"input_tokens\":10,\"cache_creation_input_tokens\":200,"
                       "\"cache_read_input_tokens\":3000,\"output_tokens\":7}}"),
                 OK);
    cr_assert_eq(w.tap.answer.prompt_tokens, 3210);
    cr_assert_eq(w.tap.answer.completion_tokens, 7);
    end(&w);
}

Test(anthropic_whole, counts_that_are_not_told_are_not_known, .timeout = 5)
{
    cr_assert_eq(whole(ENDPOINT_MESSAGES, "{\"usage\":{\"input_tokens\":null}}"), OK);
    cr_assert_eq(w.tap.answer.prompt_tokens, -1);
    cr_assert_eq(w.tap.answer.completion_tokens, -1);
    end(&w);
}

Test(anthropic_whole, a_stop_is_told_in_the_words_of_all_dialects, .timeout = 5)
{
    static const struct {
        const char *reason, *word;
        bool storable;
    } stops[] = {
        { "\"end_turn\"", "stop", true },
        { "\"stop_sequence\"", "stop", true },
        { "\"tool_use\"", "tool_calls", true },
        { "\"max_tokens\"", "length", false },
        { "\"refusal\"", "content_filter", false },
        { "\"pause_turn\"", "pause_turn", false },
        { "\"model_context_window_exceeded\"", "model_context_window_exceeded", false },
        { "null", "", false },
    };

    for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
        const struct answer *a = message(TEXT, stops[i].reason);

        cr_expect_str_eq(a->finish_reason, stops[i].word);
        cr_expect_eq(a->storable, stops[i].storable, "%s", stops[i].reason);
        cr_expect_eq(a->refusal, strcmp(stops[i].word, "content_filter") == 0);
        end(&w);
    }
}

Test(anthropic_whole, what_says_nothing_is_not_kept, .timeout = 5)
{
    static const char *const nothing[] = { "[]", "null", "[{\"type\":\"text\",\"text\":\"\"}]",
                                           "[{}]" };

    for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
        const struct answer *a = message(nothing[i], "\"end_turn\"");

        cr_expect_not(a->storable, "%s", nothing[i]);
        cr_expect_not(a->has_content, "%s", nothing[i]);
        end(&w);
    }
}

Test(anthropic_whole, an_error_inside_a_200_is_one, .timeout = 5)
{
    cr_assert_eq(whole(ENDPOINT_MESSAGES,
                       "{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\","
                       "\"message\":\"slow down\"}}"),
                 ERR_UPSTREAM_IN_BAND);
    cr_assert_eq(w.tap.answer.error_status, 429);
    cr_assert_str_eq(w.tap.answer.error_text, "slow down");
    end(&w);
}

Test(anthropic_whole, a_count_of_tokens_passes_as_it_came_and_is_not_kept, .timeout = 5)
{
    cr_assert_eq(whole(ENDPOINT_TOKENS, "{\"input_tokens\": 14, \"model\":\"claude\"}"), OK);
    expect_str(buf_str(&w.seen), "{\"input_tokens\": 14, \"model\":\"claude\"}");
    cr_assert_not(w.tap.answer.storable);
    cr_assert_eq(w.tap.answer.prompt_tokens, -1);
    end(&w);
}

Test(anthropic_whole, what_the_upstream_calls_its_model_is_noted, .timeout = 5)
{
    cr_assert_str_eq(message(TEXT, "\"end_turn\"")->model, "claude");
    end(&w);
}
