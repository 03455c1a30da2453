/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

static struct world w;

static const char body[] = "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\","
                           "\"model\":\"alias\",\"content\":[{\"type\":\"text\",\"text\":"
                           "\"Hi there\"}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,"
                           "\"usage\":{\"input_tokens\":3,\"output_tokens\":5}}";

static void say_hello(void)
{
    begin(&w, ENDPOINT_MESSAGES);
    cr_assert_eq(starts(&w), OK);
    cr_assert_eq(block(&w, 0, "{\"type\":\"text\",\"text\":\"\"}"), OK);
    cr_assert_eq(says_event(&w, "ping", ""), OK);
    cr_assert_eq(piece(&w, 0, "text_delta", "\"text\":\"Hi\""), OK);
    cr_assert_eq(piece(&w, 0, "text_delta", "\"text\":\" there\""), OK);
    cr_assert_eq(says_event(&w, "content_block_stop", ",\"index\":0"), OK);
}

Test(anthropic, a_stream_is_kept_as_the_plain_answer, .timeout = 5)
{
    say_hello();
    cr_assert_eq(stops(&w, "end_turn"), OK);
    cr_assert_eq(says_event(&w, "message_stop", ""), OK);
    cr_assert_eq(tap_end(&w.tap), OK);
    cr_assert_str_eq(w.kinds, "sssccssd");
    cr_assert(w.tap.answer.storable, "%s", w.tap.answer.why_not);
    expect_str(buf_str(&w.tap.answer.body), body);
    end(&w);
}

Test(anthropic, only_the_model_of_the_first_event_is_changed, .timeout = 5)
{
    static const char theirs[] = "event: message_start\ndata: {\"type\":\"message_start\", "
                                 "\"message\":{\"model\": \"claude\", \"id\":\"msg_1\"}}\n\n";
    static const char ours[] =
        "event: message_start\ndata: {\"type\":\"message_start\", "
        "\"message\":{\"model\": \"alias\", \"id\":\"msg_1\"}}\n\n"
        "event: content_block_delta\ndata: {\"type\":"
        "\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
        "\"text_delta\",\"text\":\"\\u0061\", \"model\":\"claude\"}}\n\n";

    begin(&w, ENDPOINT_MESSAGES);
    hear_all(&w, str_of(theirs));
    cr_assert_eq(piece(&w, 0, "text_delta", "\"text\":\"\\u0061\", \"model\":\"claude\""), OK);
    expect_str(buf_str(&w.seen), ours);
    end(&w);
}

Test(anthropic, a_stream_that_ends_without_a_stop_reason_was_broken_off, .timeout = 5)
{
    say_hello();
    cr_assert_eq(tap_end(&w.tap), ERR_UPSTREAM_TRUNCATED);
    cr_assert_not(w.tap.answer.storable);
    end(&w);
}

Test(anthropic, a_stream_of_nothing_is_empty, .timeout = 5)
{
    begin(&w, ENDPOINT_MESSAGES);
    cr_assert_eq(says_event(&w, "ping", ""), OK);
    cr_assert_eq(tap_end(&w.tap), ERR_UPSTREAM_EMPTY);
    end(&w);
}

Test(anthropic, an_error_event_tells_its_true_status, .timeout = 5)
{
    begin(&w, ENDPOINT_MESSAGES);
    cr_assert_eq(says_named(&w, "error",
                            "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
                            "\"message\":\"Overloaded\"}}"),
                 ERR_UPSTREAM_IN_BAND);
    cr_assert_str_eq(w.kinds, "e");
    cr_assert_eq(w.tap.answer.error_status, 529);
    cr_assert_str_eq(w.tap.answer.error_text, "Overloaded");
    cr_assert_eq(tap_end(&w.tap), ERR_UPSTREAM_IN_BAND);
    end(&w);
}

Test(anthropic, an_error_without_its_frame_is_understood, .timeout = 5)
{
    begin(&w, ENDPOINT_MESSAGES);
    cr_assert_eq(says(&w, "{\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow\"}}"),
                 ERR_UPSTREAM_IN_BAND);
    cr_assert_eq(w.tap.answer.error_status, 429);
    end(&w);

    begin(&w, ENDPOINT_MESSAGES);
    cr_assert_eq(says_named(&w, "error", "{\"type\":\"api_error\",\"message\":\"oh\"}"),
                 ERR_UPSTREAM_IN_BAND);
    cr_assert_str_eq(w.tap.answer.error_text, "oh");
    end(&w);
}

Test(anthropic, what_is_no_json_may_be_answered_better_elsewhere, .timeout = 5)
{
    begin(&w, ENDPOINT_MESSAGES);
    cr_assert_eq(says_named(&w, "message_start", "{"), ERR_UPSTREAM_MALFORMED);
    end(&w);
}

Test(anthropic, what_is_no_json_behind_content_is_passed_on_and_not_kept, .timeout = 5)
{
    say_hello();
    cr_assert_eq(says_named(&w, "content_block_delta", "{"), OK);
    cr_assert_eq(stops(&w, "end_turn"), OK);
    cr_assert_eq(tap_end(&w.tap), OK);
    cr_assert_not(w.tap.answer.storable);
    end(&w);
}

Test(anthropic, a_request_goes_up_as_it_came_but_for_its_model, .timeout = 5)
{
    struct dialect_body out;
    struct buf sent = { 0 };

    cr_assert_eq(ask(&w, ENDPOINT_MESSAGES, NULL,
                     "{ \"stream\":true,\"model\":\"m\",\"max_tokens\":1e2}"),
                 OK);
    cr_assert_eq(dialect_named(STR("anthropic"))
                     ->put_request(&w.request, STR("claude"), true, &w.arena, &out),
                 OK);
    for (size_t i = 0; i < out.count; i++)
        buf_put(&sent, out.parts[i]);
    expect_str(buf_str(&sent), "{ \"stream\":true,\"model\":\"claude\",\"max_tokens\":1e2}");
    cr_assert_not(out.usage_injected);
    buf_deinit(&sent);
    arena_deinit(&w.arena);
}
