/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/dialect/replay.h"

#include "world.h"

/* A replayed stream, read again as if an upstream had sent it, must give the body it came from. */
static void expect_round_trip(enum endpoint e, const char *body)
{
    struct world w;
    struct buf events = { 0 };

    begin(&w, e);
    cr_assert_eq(replay_events(e, str_of(body), true, &events), OK);
    hear_all(&w, buf_str(&events));
    cr_assert_eq(tap_end(&w.tap), OK);
    cr_assert(w.tap.answer.storable, "%s", w.tap.answer.why_not);
    expect_str(buf_str(&w.tap.answer.body), body);
    cr_assert(str_eq(buf_str(&w.seen), buf_str(&events)));
    buf_deinit(&events);
    end(&w);
}

#define CHAT(choices, usage)                                                           \
    "{\"id\":\"c1\",\"object\":\"chat.completion\",\"created\":7,\"model\":\"alias\"," \
    "\"choices\":[" choices "],\"usage\":" usage ",\"system_fingerprint\":\"fp\"}"

Test(replay, text_comes_back_as_it_was, .timeout = 5)
{
    expect_round_trip(ENDPOINT_CHAT, CHAT("{\"index\":0,\"message\":{\"role\":\"assistant\","
                                          "\"content\":\"a\\u0062 \\ud83d\\ude00\","
                                          "\"refusal\":null,\"annotations\":[]},\"logprobs\":"
                                          "null,\"finish_reason\":\"stop\"}",
                                          "{\"prompt_tokens\":1,\"completion_tokens\":2.0}"));
}

Test(replay, long_text_comes_back_as_it_was, .timeout = 5)
{
    struct buf body = { 0 };

    buf_put_text(&body, "{\"id\":\"c\",\"object\":\"chat.completion\",\"model\":\"alias\","
                        "\"choices\":[{\"index\":0,"
                        "\"message\":{\"role\":\"assistant\",\"content\":\"");
    for (unsigned i = 0; i < 500; i++)
        buf_put_text(&body, "wo\xC3\xA9rd\\n\\u00e9");
    buf_put_text(&body, "\"},\"logprobs\":{\"content\":[{\"token\":\"w\"}],\"refusal\":null},"
                        "\"finish_reason\":\"stop\"}],\"usage\":{}}");
    buf_put(&body, (struct str){ "", 1 });
    expect_round_trip(ENDPOINT_CHAT, body.at);
    buf_deinit(&body);
}

Test(replay, tool_calls_refusals_and_reasoning_come_back, .timeout = 5)
{
    expect_round_trip(ENDPOINT_CHAT,
                      CHAT("{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,"
                           "\"refusal\":\"no\",\"reasoning_content\":"
                           "\"hm\",\"tool_calls\":[{\"id\":\"t0\",\"type\":\"function\","
                           "\"function\":{\"name\":\"f\",\"arguments\":"
                           "\"{\\\"a\\\":1}\"}},{\"id\":\"t1\",\"type\":\"custom\",\"custom\":{"
                           "\"name\":\"g\",\"input\":\"xy\"}}],"
                           "\"function_call\":{\"name\":\"old\",\"arguments\":\"{}\"}},"
                           "\"logprobs\":null,\"finish_reason\":"
                           "\"tool_calls\",\"stop_reason\":9}",
                           "{\"prompt_tokens\":1}"));
}

Test(replay, several_choices_come_back, .timeout = 5)
{
    expect_round_trip(ENDPOINT_CHAT,
                      CHAT("{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\"}"
                           ",\"logprobs\":null,"
                           "\"finish_reason\":\"stop\"},{\"index\":1,\"message\":{\"role\":"
                           "\"assistant\",\"content\":"
                           "\"b\"},\"logprobs\":null,\"finish_reason\":\"stop\"}",
                           "{}"));
}

Test(replay, completions_come_back, .timeout = 5)
{
    expect_round_trip(
        ENDPOINT_COMPLETIONS,
        "{\"id\":\"c\",\"object\":\"text_completion\",\"created\":7,\"model\":\"alias\","
        "\"choices\":[{"
        "\"text\":\"x\\ty\",\"index\":0,\"logprobs\":{\"tokens\":[\"x\"],\"text_offset\":[0]},"
        "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1}}");
}

Test(replay, responses_come_back, .timeout = 5)
{
    expect_round_trip(ENDPOINT_RESPONSES,
                      "{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":7,\"status\":"
                      "\"completed\",\"error\":null,\"model\":"
                      "\"alias\",\"output\":[{\"type\":\"reasoning\",\"id\":\"rs\",\"summary\":"
                      "[]},{\"type\":\"message\",\"id\":\"m\","
                      "\"status\":\"completed\",\"role\":\"assistant\",\"content\":[{\"type\":"
                      "\"output_text\",\"annotations\":[{\"type\":"
                      "\"url_citation\"}],\"logprobs\":[],\"text\":\"hi\\n\"},{\"type\":"
                      "\"refusal\",\"refusal\":\"no\"}]},{\"type\":"
                      "\"function_call\",\"id\":\"fc\",\"call_id\":\"k\",\"name\":\"f\","
                      "\"arguments\":\"{}\",\"status\":\"completed\"}],"
                      "\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}");
}

static void expect_events(enum endpoint e, const char *body, bool usage, const char *wanted)
{
    struct buf events = { 0 };

    cr_assert_eq(replay_events(e, str_of(body), usage, &events), OK);
    expect_str(buf_str(&events), wanted);
    buf_deinit(&events);
}

#define SHORT_CHAT                                                                             \
    "{\"id\":\"c\",\"object\":\"chat.completion\",\"model\":\"m\",\"choices\":[{\"index\":0,"  \
    "\"message\":{"                                                                            \
    "\"role\":\"assistant\",\"content\":\"hi\"},\"logprobs\":null,\"finish_reason\":\"stop\"}" \
    "],\"usage\":{\"n\":1}}"
#define CHUNK \
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"model\":\"m\",\"choices\":["

Test(replay, a_stream_is_role_content_finish_and_done, .timeout = 5)
{
    expect_events(
        ENDPOINT_CHAT, SHORT_CHAT, false,
        CHUNK
        "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,"
        "\"finish_reason\":null}]}\n\n" CHUNK
        "{\"index\":0,\"delta\":{\"content\":\"hi\"},\"logprobs\":null,\"finish_reason\":null}]"
        "}\n\n" CHUNK
        "{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}]}\n\n"
        "data: [DONE]\n\n");
}

Test(replay, usage_comes_last_and_is_null_before_when_asked_for, .timeout = 5)
{
    expect_events(
        ENDPOINT_CHAT, SHORT_CHAT, true,
        CHUNK
        "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,"
        "\"finish_reason\":null}],\"usage\":null}\n\n" CHUNK
        "{\"index\":0,\"delta\":{\"content\":\"hi\"},\"logprobs\":null,\"finish_reason\":null}]"
        ","
        "\"usage\":null}\n\n" CHUNK "{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_"
        "reason\":\"stop\"}],\"usage\":null}\n\n" CHUNK
        "],\"usage\":{\"n\":1}}\n\ndata: [DONE]\n\n");
}

Test(replay, the_events_of_a_response_are_counted_and_in_order, .timeout = 5)
{
    static const char body[] = "{\"id\":\"r\",\"model\":\"m\",\"status\":\"completed\","
                               "\"output\":[{\"type\":\"message\","
                               "\"id\":\"i\",\"status\":\"completed\",\"content\":[{\"type\":"
                               "\"output_text\",\"text\":\"hi\"}]}]}";
    static const char *const types[] = {
        "response.created",           "response.in_progress",
        "response.output_item.added", "response.content_part.added",
        "response.output_text.delta", "response.output_text.done",
        "response.content_part.done", "response.output_item.done",
        "response.completed"
    };
    struct buf events = { 0 };
    const char *at;

    cr_assert_eq(replay_events(ENDPOINT_RESPONSES, str_of(body), false, &events), OK);
    buf_put(&events, (struct str){ "", 1 });
    at = events.at;
    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        char start[200];

        (void)snprintf(start, sizeof(start),
                       "event: %s\ndata: {\"type\":\"%s\",\"sequence_number\":%u,", types[i],
                       types[i], i);
        cr_assert_eq(strncmp(at, start, strlen(start)), 0, "%s", at);
        at = strstr(at, "\n\n") + 2;
    }
    cr_assert_eq(*at, '\0');
    buf_deinit(&events);
}

Test(replay, what_has_no_faithful_stream_is_told, .timeout = 5)
{
    struct buf events = { 0 };

    cr_assert_eq(replay_events(ENDPOINT_EMBEDDINGS, STR("{}"), false, &events),
                 ERR_UNSUPPORTED);
    cr_assert_eq(replay_events(ENDPOINT_CHAT, STR("{}"), false, &events), ERR_UNSUPPORTED);
    cr_assert_eq(replay_events(ENDPOINT_CHAT, STR("no"), false, &events), ERR_UNSUPPORTED);
    cr_assert_eq(
        replay_events(
            ENDPOINT_CHAT,
            STR("{\"choices\":[{\"message\":{\"content\":[1]},\"finish_reason\":\"stop\"}]}"),
            false, &events),
        ERR_UNSUPPORTED);
    cr_assert_eq(replay_events(ENDPOINT_RESPONSES, STR("{\"status\":\"failed\",\"output\":[]}"),
                               false, &events),
                 ERR_UNSUPPORTED);
    cr_assert_eq(events.len, 0);
    buf_deinit(&events);
}
