/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"
#include "weir/dialect/replay.h"

static struct world w;

static struct buf replayed(const char *body)
{
    struct buf events = { 0 };

    cr_assert_eq(replay_events(ENDPOINT_MESSAGES, str_of(body), false, &events), OK);
    return events;
}

#define MESSAGE(content, reason)                                                         \
    "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"alias\"," \
    "\"content\":[" content "],\"stop_reason\":\"" reason "\",\"stop_sequence\":null,"   \
    "\"usage\":{\"input_tokens\":3,\"output_tokens\":5}}"

/* Told as a stream and put together again it is what it was. */
static void expect_round_trip(const char *body)
{
    struct buf events = replayed(body);

    begin(&w, ENDPOINT_MESSAGES);
    hear_all(&w, buf_str(&events));
    cr_assert_eq(tap_end(&w.tap), OK);
    expect_str(buf_str(&w.tap.answer.body), body);
    cr_assert(w.tap.answer.storable, "%s", w.tap.answer.why_not);
    buf_deinit(&events);
    end(&w);
}

Test(replay_message, a_text_comes_as_the_events_of_the_dialect, .timeout = 5)
{
    struct buf events = replayed(MESSAGE("{\"type\":\"text\",\"text\":\"Hi\"}", "end_turn"));

    expect_str(
        buf_str(&events),
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\","
        "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"alias\",\"content\":[],"
        "\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":3,"
        "\"output_tokens\":0}}}\n\n"
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
        "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
        "\"delta\":{\"type\":\"text_delta\",\"text\":\"Hi\"}}\n\n"
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
        "\"end_turn\",\"stop_sequence\":null},\"usage\":{\"input_tokens\":3,"
        "\"output_tokens\":5}}\n\n"
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    buf_deinit(&events);
}

Test(replay_message, nothing_is_lost_on_the_way_there_and_back, .timeout = 5)
{
    expect_round_trip(
        MESSAGE("{\"type\":\"text\",\"text\":\"a \\u00e4 \\ud83d\\ude00 \\\"\"}", "end_turn"));
    expect_round_trip(
        MESSAGE("{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"Eq\"},"
                "{\"type\":\"redacted_thinking\",\"data\":\"Em\"},"
                "{\"type\":\"text\",\"text\":\"4\"}",
                "end_turn"));
    expect_round_trip(
        MESSAGE("{\"type\":\"text\",\"text\":\"I look\"},"
                "{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":"
                "{\"city\": \"Z\\u00fcrich\", \"n\": [1e2, 0.10]}},"
                "{\"type\":\"tool_use\",\"id\":\"t2\",\"name\":\"g\",\"input\":{}}",
                "tool_use"));
    expect_round_trip(
        MESSAGE("{\"type\":\"text\",\"text\":\"a\",\"citations\":[{\"n\":1},"
                "{\"n\":2}]},{\"type\":\"text\",\"text\":\"b\",\"citations\":null}",
                "stop_sequence"));
}

Test(replay_message, a_body_of_several_lines_makes_events_of_one, .timeout = 5)
{
    struct buf events = replayed(
        "{\n\"content\": [\n{\"type\":\"novelty\",\r\n\"x\": [1,\n2]}],"
        "\"stop_reason\":\"end_turn\",\"usage\":{\n}}");

    cr_assert(memmem(events.at, events.len, "\"x\":[1, 2]", 10), "%.*s", (int)events.len,
              events.at);
    buf_deinit(&events);
}

Test(replay_message, what_is_no_message_has_no_events, .timeout = 5)
{
    static const char *const bodies[] = { "{}", "{\"content\":[],\"stop_reason\":null}",
                                          "{\"content\":\"a\",\"stop_reason\":\"end_turn\"}",
                                          "{\"content\":[1],\"stop_reason\":\"end_turn\"}",
                                          "{\"input_tokens\":3}" };
    struct buf events = { 0 };

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        cr_expect_eq(replay_events(ENDPOINT_MESSAGES, str_of(bodies[i]), false, &events),
                     ERR_UNSUPPORTED, "%s", bodies[i]);
    cr_expect_eq(replay_events(ENDPOINT_TOKENS, STR("{\"input_tokens\":3}"), false, &events),
                 ERR_UNSUPPORTED);
    cr_assert_eq(events.len, 0);
}
