/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

static struct world w;

Test(openai_chunk, only_what_shows_is_content, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    cr_assert_eq(hear(&w, (struct tap_event){ .raw = STR(": wait\n\n"), .whole = true }), OK);
    (void)delta(&w, "\"role\":\"assistant\",\"content\":\"\",\"refusal\":null");
    (void)delta(&w, "\"content\":\"a\"");
    (void)delta(&w, "\"reasoning_content\":\"r\"");
    (void)delta(&w, "\"refusal\":\"no\"");
    (void)delta(&w, "\"tool_calls\":[{\"index\":0}]");
    (void)delta(&w, "\"content\":null");
    (void)finishes(&w, "stop");
    (void)says(&w, "{\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6}}");
    (void)says(&w, "[DONE]");
    cr_assert_str_eq(w.kinds, "ssccccscud");
    cr_assert_eq(tap_end(&w.tap), OK);
    cr_assert_eq(w.tap.answer.prompt_tokens, 5);
    cr_assert_eq(w.tap.answer.completion_tokens, 6);
    cr_assert_str_eq(w.tap.answer.finish_reason, "stop");
    cr_assert(w.tap.answer.refusal);
    end(&w);
}

Test(openai_chunk, the_models_name_changes_and_all_else_stays, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    (void)says(
        &w, "{\"a\":0.10, \"model\" : \"u\",\"b\":[1e2,18446744073709551616],\"choices\":[]}");
    expect_str(buf_str(&w.seen), "data: {\"a\":0.10, \"model\" : \"alias\",\"b\":[1e2,"
                                 "18446744073709551616],\"choices\":[]}\n\n");
    end(&w);
}

Test(openai_chunk, bytes_that_need_no_change_are_not_copied, .timeout = 5)
{
    struct tap_event e = { .raw = STR("data: {\"model\":\"alias\"}\n\n"), .whole = true };
    struct delta d;

    begin(&w, ENDPOINT_CHAT);
    e.data = str_cut(e.raw, 6, e.raw.len - 2);
    cr_assert_eq(tap_event(&w.tap, &e, &d), OK);
    cr_assert_eq(d.bytes.at, e.raw.at);
    end(&w);
}

Test(openai_chunk, a_null_usage_goes_when_it_was_asked_for_on_the_clients_behalf, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    w.tap.usage_injected = true;
    (void)says(&w, "{\"model\":\"u\",\"choices\":[],\"usage\":null}");
    expect_str(buf_str(&w.seen), "data: {\"model\":\"alias\",\"choices\":[]}\n\n");
    end(&w);
}

Test(openai_chunk, a_null_usage_stays_otherwise, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    (void)says(&w, "{\"choices\":[],\"usage\":null}");
    expect_str(buf_str(&w.seen), "data: {\"choices\":[],\"usage\":null}\n\n");
    end(&w);
}

Test(openai_chunk, usage_beside_choices_is_read_too, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    (void)delta(&w, "\"content\":\"a\"");
    (void)says(&w, "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],"
                   "\"usage\":{\"completion_tokens\":9}}");
    cr_assert_str_eq(w.kinds, "cc");
    cr_assert_eq(tap_end(&w.tap), OK);
    cr_assert_eq(w.tap.answer.completion_tokens, 9);
    end(&w);
}

Test(openai_chunk, a_stream_without_a_terminal_marker_was_broken_off, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    (void)delta(&w, "\"content\":\"a\"");
    cr_assert_eq(tap_end(&w.tap), ERR_UPSTREAM_TRUNCATED);
    cr_assert_not(w.tap.answer.storable);
    cr_assert_not(w.tap.answer.complete);
    end(&w);
}

Test(openai_chunk, every_choice_must_finish, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    (void)delta(&w, "\"content\":\"a\"");
    (void)chunk(&w, "{\"index\":1,\"delta\":{\"content\":\"b\"}}");
    (void)finishes(&w, "stop");
    cr_assert_eq(tap_end(&w.tap), ERR_UPSTREAM_TRUNCATED);
    end(&w);
}

Test(openai_chunk, finish_reasons_on_every_choice_are_enough, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    (void)chunk(&w, "{\"index\":1,\"delta\":{\"content\":\"b\"},\"finish_reason\":\"stop\"}");
    (void)delta(&w, "\"content\":\"a\"");
    (void)finishes(&w, "stop");
    cr_assert_eq(tap_end(&w.tap), OK);
    cr_assert(w.tap.answer.storable);
    end(&w);
}

Test(openai_chunk, done_alone_is_enough_to_pass_and_not_to_keep, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    (void)delta(&w, "\"content\":\"a\"");
    (void)says(&w, "[DONE] ");
    cr_assert_eq(tap_end(&w.tap), OK);
    cr_assert(w.tap.answer.complete);
    cr_assert_not(w.tap.answer.storable);
    end(&w);
}

Test(openai_chunk, a_stream_without_any_choice_is_empty, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    (void)says(&w, "[DONE]");
    cr_assert_eq(tap_end(&w.tap), ERR_UPSTREAM_EMPTY);
    end(&w);
}

Test(openai_chunk, an_empty_completion_is_delivered_and_not_kept, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    (void)delta(&w, "\"role\":\"assistant\",\"content\":\"\"");
    (void)finishes(&w, "stop");
    (void)says(&w, "[DONE]");
    cr_assert_str_eq(w.kinds, "ssd");
    cr_assert_eq(tap_end(&w.tap), OK);
    cr_assert_str_eq(w.tap.answer.why_not, "it is empty");
    end(&w);
}

Test(openai_chunk, an_error_in_the_stream_is_told_with_its_status, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    cr_assert_eq(says(&w, "{\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}"),
                 ERR_UPSTREAM_IN_BAND);
    cr_assert_str_eq(w.kinds, "e");
    cr_assert_eq(w.tap.answer.error_status, 529);
    cr_assert_eq(tap_end(&w.tap), ERR_UPSTREAM_IN_BAND);
    end(&w);
}

Test(openai_chunk, an_event_named_error_is_one_whatever_it_holds, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    cr_assert_eq(says_named(&w, "error", "out of luck"), ERR_UPSTREAM_IN_BAND);
    cr_assert_eq(w.tap.answer.error_status, 500);
    end(&w);
}

Test(openai_chunk, an_error_that_is_null_is_none, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    cr_assert_eq(says(&w, "{\"error\":null,\"choices\":[]}"), OK);
    end(&w);
}

Test(openai_chunk, what_is_no_json_fails_before_content_and_passes_behind_it, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    cr_assert_eq(says(&w, "{\"choices\":"), ERR_UPSTREAM_MALFORMED);
    (void)delta(&w, "\"content\":\"a\"");
    cr_assert_eq(says(&w, "{\"choices\":"), OK);
    cr_assert_str_eq(w.kinds, "scc");
    cr_assert(w.tap.gave_up);
    end(&w);
}

Test(openai_chunk, a_completions_text_is_content, .timeout = 5)
{
    begin(&w, ENDPOINT_COMPLETIONS);
    (void)says(&w, "{\"model\":\"u\",\"choices\":[{\"text\":\"\",\"index\":0}]}");
    (void)says(&w, "{\"model\":\"u\",\"choices\":[{\"text\":\"x\",\"index\":0,\"finish_"
                   "reason\":\"stop\"}]}");
    cr_assert_str_eq(w.kinds, "sc");
    cr_assert_eq(tap_end(&w.tap), OK);
    cr_assert(w.tap.answer.storable);
    expect_str(
        buf_str(&w.tap.answer.body),
        "{\"object\":\"text_completion\",\"model\":\"alias\",\"choices\":[{\"text\":\"x\","
        "\"index\":0,\"finish_reason\":\"stop\"}]}");
    end(&w);
}

Test(openai_chunk, what_the_upstream_calls_itself_is_noted_once, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    (void)says(&w, "{\"model\":\"\",\"choices\":[]}");
    (void)says(&w, "{\"model\":\"gpt-4o\",\"choices\":[],\"system_fingerprint\":\"fp_1\"}");
    (void)says(&w, "{\"model\":\"other\",\"choices\":[],\"system_fingerprint\":\"fp_2\"}");
    cr_assert_str_eq(w.tap.answer.model, "gpt-4o");
    cr_assert_str_eq(w.tap.answer.fingerprint, "fp_1");
    end(&w);
}

Test(openai_chunk, a_stream_that_names_no_model_has_none, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    (void)says(&w, "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},"
                   "\"finish_reason\":\"stop\"}],\"system_fingerprint\":null}");
    (void)says(&w, "[DONE]");
    cr_assert_eq(tap_end(&w.tap), OK);
    cr_assert_str_eq(w.tap.answer.model, "");
    cr_assert_str_eq(w.tap.answer.fingerprint, "");
    end(&w);
}
