/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

static struct world w;

static void begins(void)
{
    begin(&w, ENDPOINT_MESSAGES);
    cr_assert_eq(starts(&w), OK);
}

static void ends_with(const char *reason)
{
    cr_assert_eq(stops(&w, reason), OK);
    cr_assert_eq(says_event(&w, "message_stop", ""), OK);
    cr_assert_eq(tap_end(&w.tap), OK);
}

/* The content of the plain answer that was kept. */
static void expect_content(const char *wanted)
{
    struct scan_member content = { .type = SCAN_NONE };

    cr_assert(scan_get(buf_str(&w.tap.answer.body), STR("content"), &content));
    expect_str(content.value, wanted);
}

Test(anthropic_event, a_tools_input_is_put_together_from_its_pieces, .timeout = 5)
{
    begins();
    (void)block(&w, 0, "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{}}");
    (void)piece(&w, 0, "input_json_delta", "\"partial_json\":\"\"");
    (void)piece(&w, 0, "input_json_delta", "\"partial_json\":\"{\\\"city\\\": \\\"Z\\\\u00\"");
    (void)piece(&w, 0, "input_json_delta", "\"partial_json\":\"fcrich\\\", \\\"n\\\": 1e2}\"");
    ends_with("tool_use");
    expect_content("[{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":"
                   "{\"city\": \"Z\\u00fcrich\", \"n\": 1e2}}]");
    cr_assert_str_eq(w.tap.answer.finish_reason, "tool_calls");
    cr_assert(w.tap.answer.storable, "%s", w.tap.answer.why_not);
    end(&w);
}

Test(anthropic_event, a_tool_without_input_has_an_empty_one, .timeout = 5)
{
    begins();
    (void)block(&w, 0, "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{}}");
    ends_with("tool_use");
    expect_content("[{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{}}]");
    end(&w);
}

Test(anthropic_event, an_input_that_comes_whole_is_kept_whole, .timeout = 5)
{
    begins();
    (void)block(&w, 0,
                "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"a\":1}}");
    ends_with("tool_use");
    expect_content(
        "[{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{\"a\":1}}]");
    end(&w);
}

Test(anthropic_event, an_input_that_is_no_json_is_not_kept, .timeout = 5)
{
    begins();
    (void)block(&w, 0, "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{}}");
    (void)piece(&w, 0, "input_json_delta", "\"partial_json\":\"{\\\"a\\\":\"");
    ends_with("tool_use");
    cr_assert_not(w.tap.answer.storable);
    cr_assert(w.tap.answer.keep_failed);
    end(&w);
}

Test(anthropic_event, thoughts_and_their_signature_are_kept, .timeout = 5)
{
    begins();
    (void)block(&w, 0, "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}");
    (void)piece(&w, 0, "thinking_delta", "\"thinking\":\"Let \"");
    (void)piece(&w, 0, "thinking_delta", "\"thinking\":\"me\"");
    (void)piece(&w, 0, "signature_delta", "\"signature\":\"EqQB\"");
    (void)block(&w, 1, "{\"type\":\"redacted_thinking\",\"data\":\"Em==\"}");
    (void)block(&w, 2, "{\"type\":\"text\",\"text\":\"\"}");
    (void)piece(&w, 2, "text_delta", "\"text\":\"4\"");
    ends_with("end_turn");
    expect_content("[{\"type\":\"thinking\",\"thinking\":\"Let me\",\"signature\":\"EqQB\"},"
                   "{\"type\":\"redacted_thinking\",\"data\":\"Em==\"},"
                   "{\"type\":\"text\",\"text\":\"4\"}]");
    cr_assert_str_eq(w.kinds, "sscccc"
                              "scsd");
    end(&w);
}

Test(anthropic_event, citations_are_gathered, .timeout = 5)
{
    begins();
    (void)block(&w, 0, "{\"type\":\"text\",\"text\":\"\",\"citations\":[]}");
    (void)piece(&w, 0, "text_delta", "\"text\":\"a\"");
    (void)piece(&w, 0, "citations_delta", "\"citation\":{\"n\":1}");
    (void)piece(&w, 0, "citations_delta", "\"citation\":{\"n\":2}");
    ends_with("end_turn");
    expect_content("[{\"type\":\"text\",\"text\":\"a\",\"citations\":[{\"n\":1},{\"n\":2}]}]");
    end(&w);
}

Test(anthropic_event, a_call_that_begins_is_content, .timeout = 5)
{
    begins();
    (void)block(&w, 0, "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{}}");
    cr_assert_str_eq(w.kinds, "sc");
    end(&w);
}

Test(anthropic_event, later_counts_replace_earlier_ones, .timeout = 5)
{
    begins();
    (void)block(&w, 0, "{\"type\":\"text\",\"text\":\"a\"}");
    (void)says_event(&w, "message_delta",
                     ",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"input_tokens\":4,"
                     "\"cache_read_input_tokens\":100,\"output_tokens\":9}");
    cr_assert_eq(w.tap.answer.prompt_tokens, 104);
    cr_assert_eq(w.tap.answer.completion_tokens, 9);
    cr_assert_eq(tap_end(&w.tap), OK);
    expect_str(
        buf_str(&w.tap.answer.body),
        "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"alias\","
        "\"content\":[{\"type\":\"text\",\"text\":\"a\"}],\"stop_reason\":\"end_turn\","
        "\"stop_sequence\":null,\"usage\":{\"input_tokens\":4,\"output_tokens\":9,"
        "\"cache_read_input_tokens\":100}}");
    end(&w);
}

Test(anthropic_event, an_event_that_nobody_knows_is_passed_on_and_not_kept, .timeout = 5)
{
    begins();
    (void)block(&w, 0, "{\"type\":\"text\",\"text\":\"a\"}");
    cr_assert_eq(says_event(&w, "novelty", ",\"x\":1"), OK);
    ends_with("end_turn");
    cr_assert(memmem(w.seen.at, w.seen.len, "event: novelty\n", 15));
    cr_assert_not(w.tap.answer.storable);
    end(&w);
}

Test(anthropic_event, a_delta_that_nobody_knows_is_content_and_not_kept, .timeout = 5)
{
    begins();
    cr_assert_eq(piece(&w, 0, "novel_delta", "\"x\":\"1\""), OK);
    cr_assert_str_eq(w.kinds, "sc");
    (void)stops(&w, "end_turn");
    cr_assert_eq(tap_end(&w.tap), OK);
    cr_assert_not(w.tap.answer.storable);
    end(&w);
}

Test(anthropic_event, what_lacks_its_place_is_not_kept, .timeout = 5)
{
    begins();
    (void)says_event(&w, "content_block_start", ",\"content_block\":{\"type\":\"x\"}");
    (void)says_event(&w, "content_block_delta",
                     ",\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}");
    ends_with("end_turn");
    cr_assert_not(w.tap.answer.storable);
    end(&w);
}

Test(anthropic_event, an_end_without_a_delta_is_not_kept, .timeout = 5)
{
    begins();
    (void)block(&w, 0, "{\"type\":\"text\",\"text\":\"a\"}");
    (void)says_event(&w, "message_delta", ",\"usage\":{\"output_tokens\":5}");
    ends_with("end_turn");
    cr_assert_not(w.tap.answer.storable);
    end(&w);
}

Test(anthropic_event, what_is_cut_at_its_length_is_not_kept, .timeout = 5)
{
    begins();
    (void)block(&w, 0, "{\"type\":\"text\",\"text\":\"a\"}");
    ends_with("max_tokens");
    cr_assert_not(w.tap.answer.storable);
    cr_assert_str_eq(w.tap.answer.finish_reason, "length");
    end(&w);
}

Test(anthropic_event, what_the_upstream_calls_its_model_is_noted, .timeout = 5)
{
    begins();
    cr_assert_str_eq(w.tap.answer.model, "claude");
    cr_assert_str_eq(w.tap.answer.fingerprint, "");
    end(&w);
}
