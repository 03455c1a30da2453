/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

static struct world w;

static enum err event(const char *type, const char *members)
{
    char data[1024];

    (void)snprintf(data, sizeof(data), "{\"type\":\"%s\"%s}", type, members);
    return says_named(&w, type, data);
}

#define RESPONSE(status, output)                                       \
    ",\"response\":{\"id\":\"r\",\"model\":\"u\",\"status\":\"" status \
    "\",\"output\":[" output "]}"

Test(openai_event, frames_are_silent_and_deltas_are_content, .timeout = 5)
{
    begin(&w, ENDPOINT_RESPONSES);
    (void)event("response.created", RESPONSE("in_progress", ""));
    (void)event("response.output_item.added", "");
    (void)event("response.content_part.added", "");
    (void)event("response.output_text.delta", ",\"delta\":\"a\"");
    (void)event("response.output_text.done", "");
    (void)event("response.completed", RESPONSE("completed", "{\"type\":\"message\"}"));
    cr_assert_str_eq(w.kinds, "sssccd");
    cr_assert_eq(tap_end(&w.tap), OK);
    cr_assert(w.tap.answer.storable);
    end(&w);
}

Test(openai_event, the_models_name_inside_the_response_changes, .timeout = 5)
{
    begin(&w, ENDPOINT_RESPONSES);
    (void)event("response.created", RESPONSE("in_progress", ""));
    expect_str(buf_str(&w.seen),
               "event: response.created\ndata: "
               "{\"type\":\"response.created\",\"response\":{\"id\":\"r\","
               "\"model\":\"alias\",\"status\":\"in_progress\",\"output\":[]}}\n\n");
    end(&w);
}

Test(openai_event, the_plain_form_is_the_last_response, .timeout = 5)
{
    begin(&w, ENDPOINT_RESPONSES);
    (void)event("response.output_text.delta", ",\"delta\":\"a\"");
    (void)event("response.completed",
                RESPONSE("completed", "{\"type\":\"message\",\"n\":1e2}"));
    cr_assert_eq(tap_end(&w.tap), OK);
    expect_str(
        buf_str(&w.tap.answer.body),
        "{\"id\":\"r\",\"model\":\"alias\",\"status\":\"completed\",\"output\":[{\"type\":"
        "\"message\",\"n\":1e2}]}");
    end(&w);
}

Test(openai_event, an_incomplete_response_is_complete_and_not_kept, .timeout = 5)
{
    begin(&w, ENDPOINT_RESPONSES);
    (void)event("response.output_text.delta", ",\"delta\":\"a\"");
    (void)event("response.incomplete", RESPONSE("incomplete", "{\"type\":\"message\"}"));
    cr_assert_eq(tap_end(&w.tap), OK);
    cr_assert_not(w.tap.answer.storable);
    cr_assert_str_eq(w.tap.answer.finish_reason, "length");
    end(&w);
}

Test(openai_event, a_failed_response_is_an_error_in_the_stream, .timeout = 5)
{
    begin(&w, ENDPOINT_RESPONSES);
    cr_assert_eq(event("response.failed",
                       ",\"response\":{\"error\":{\"code\":\"rate_limit_exceeded\","
                       "\"message\":\"slow\"}}"),
                 ERR_UPSTREAM_IN_BAND);
    cr_assert_eq(w.tap.answer.error_status, 429);
    cr_assert_str_eq(w.tap.answer.error_text, "slow");
    end(&w);
}

Test(openai_event, an_error_event_tells_its_code_and_message, .timeout = 5)
{
    begin(&w, ENDPOINT_RESPONSES);
    cr_assert_eq(event("error", ",\"code\":\"server_is_overloaded\",\"message\":\"busy\""),
                 ERR_UPSTREAM_IN_BAND);
    cr_assert_eq(w.tap.answer.error_status, 529);
    cr_assert_str_eq(w.tap.answer.error_text, "busy");
    end(&w);
}

Test(openai_event, a_stream_without_its_last_event_was_broken_off, .timeout = 5)
{
    begin(&w, ENDPOINT_RESPONSES);
    (void)event("response.output_text.delta", ",\"delta\":\"a\"");
    cr_assert_eq(tap_end(&w.tap), ERR_UPSTREAM_TRUNCATED);
    end(&w);
}

Test(openai_event, no_event_at_all_is_an_empty_answer, .timeout = 5)
{
    begin(&w, ENDPOINT_RESPONSES);
    cr_assert_eq(tap_end(&w.tap), ERR_UPSTREAM_EMPTY);
    end(&w);
}

Test(openai_event, what_the_upstream_calls_its_model_is_noted, .timeout = 5)
{
    begin(&w, ENDPOINT_RESPONSES);
    (void)event("response.created", RESPONSE("in_progress", ""));
    cr_assert_str_eq(w.tap.answer.model, "u");
    end(&w);
}
