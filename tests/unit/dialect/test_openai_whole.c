/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

static struct answer judged(enum endpoint e, const char *text)
{
    struct world w;
    struct buf body = { 0 };
    struct answer a;

    begin(&w, e);
    buf_put_text(&body, text);
    cr_assert_eq(tap_whole(&w.tap, &body), OK);
    a = w.tap.answer;
    buf_deinit(&body);
    end(&w);
    return a;
}

#define CHOICE(message, finish)                                                               \
    "{\"index\":0,\"message\":{\"role\":\"assistant\"," message "},\"finish_reason\":" finish \
    "}"
#define CHAT(choices) "{\"id\":\"c\",\"model\":\"alias\",\"choices\":[" choices "]}"

Test(openai_whole, a_finished_text_is_kept, .timeout = 5)
{
    struct answer a = judged(ENDPOINT_CHAT, CHAT(CHOICE("\"content\":\"hi\"", "\"stop\"")));

    cr_assert(a.storable && a.complete && a.has_content && !a.refusal);
    cr_assert_str_eq(a.finish_reason, "stop");
}

Test(openai_whole, tool_calls_and_refusals_count_as_content, .timeout = 5)
{
    struct answer a = judged(
        ENDPOINT_CHAT,
        CHAT(CHOICE("\"content\":null,\"tool_calls\":[{\"id\":\"t\"}]", "\"tool_calls\"")));

    cr_assert(a.storable);
    a = judged(ENDPOINT_CHAT, CHAT(CHOICE("\"content\":null,\"refusal\":\"no\"", "\"stop\"")));
    cr_assert(a.storable && a.refusal);
}

Test(openai_whole, what_is_not_good_is_not_kept, .timeout = 5)
{
    static const struct {
        const char *body, *why;
    } rows[] = {
        { CHAT(CHOICE("\"content\":\"hi\"", "\"length\"")), "it was cut at its length" },
        { CHAT(CHOICE("\"content\":\"hi\"", "\"content_filter\"")), "it was filtered" },
        { CHAT(CHOICE("\"content\":\"hi\"", "null")), "its finish reason is not a good one" },
        { CHAT(CHOICE("\"content\":\"\"", "\"stop\"")), "it is empty" },
        { CHAT(CHOICE("\"content\":\"a\"", "\"stop\"") "," CHOICE("\"content\":null",
                                                                  "\"stop\"")),
          "it is empty" },
        { CHAT(""), "it has no choices" },
        { "{\"detail\":\"x\"}", "it has no choices" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct answer a = judged(ENDPOINT_CHAT, rows[i].body);

        cr_expect_not(a.storable, "%s", rows[i].body);
        cr_expect_str_eq(a.why_not, rows[i].why);
    }
}

Test(openai_whole, usage_is_read_and_what_is_not_told_stays_unknown, .timeout = 5)
{
    struct answer a = judged(ENDPOINT_CHAT, "{\"choices\":[],\"usage\":{\"prompt_tokens\":0}}");

    cr_assert_eq(a.prompt_tokens, 0);
    cr_assert_eq(a.completion_tokens, -1);
}

Test(openai_whole, a_completion_is_judged_by_its_text, .timeout = 5)
{
    cr_assert(judged(ENDPOINT_COMPLETIONS,
                     "{\"choices\":[{\"text\":\"x\",\"index\":0,\"finish_reason\":\"stop\"}]}")
                  .storable);
    cr_assert_not(
        judged(ENDPOINT_COMPLETIONS,
               "{\"choices\":[{\"text\":\"\",\"index\":0,\"finish_reason\":\"stop\"}]}")
            .storable);
}

static bool keeps_vectors(const char *data)
{
    char body[256];

    (void)snprintf(body, sizeof(body), "{\"data\":[%s]}", data);
    return judged(ENDPOINT_EMBEDDINGS, body).storable;
}

Test(openai_whole, vectors_are_kept_when_each_has_a_number_of_its_own, .timeout = 5)
{
    cr_assert(
        keeps_vectors("{\"index\":0,\"embedding\":[1]},{\"index\":1,\"embedding\":\"AA\"}"));
    cr_assert(keeps_vectors("{\"index\":1,\"embedding\":[1]},{\"index\":0,\"embedding\":[1]}"));
    cr_assert_not(
        keeps_vectors("{\"index\":0,\"embedding\":[1]},{\"index\":0,\"embedding\":[1]}"));
    cr_assert_not(
        keeps_vectors("{\"index\":0,\"embedding\":[1]},{\"index\":2,\"embedding\":[1]}"));
    cr_assert_not(keeps_vectors("{\"index\":99999,\"embedding\":[1]}"));
    cr_assert_not(keeps_vectors("{\"embedding\":[1]}"));
}

Test(openai_whole, empty_vectors_are_not_kept, .timeout = 5)
{
    cr_assert_not(keeps_vectors("{\"index\":0,\"embedding\":[]}"));
    cr_assert_not(keeps_vectors(""));
}

Test(openai_whole, a_moderation_needs_results, .timeout = 5)
{
    cr_assert(judged(ENDPOINT_MODERATIONS, "{\"results\":[{\"flagged\":false}]}").storable);
    cr_assert_not(judged(ENDPOINT_MODERATIONS, "{\"results\":[]}").storable);
}

Test(openai_whole, a_response_must_be_completed_with_output, .timeout = 5)
{
    struct answer a = judged(
        ENDPOINT_RESPONSES,
        "{\"status\":\"completed\",\"error\":null,\"output\":[{\"type\":"
        "\"function_call\"}],\"usage\":{\"input_tokens\":3,\"output_tokens\":4}}");

    cr_assert(a.storable);
    cr_assert_str_eq(a.finish_reason, "tool_calls");
    cr_assert_eq(a.prompt_tokens, 3);
    cr_assert_eq(a.completion_tokens, 4);
    a = judged(ENDPOINT_RESPONSES,
               "{\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":"
               "\"max_output_tokens\"},\"output\":[{\"type\":\"message\"}]}");
    cr_assert_not(a.storable);
    cr_assert_str_eq(a.finish_reason, "length");
    cr_assert_not(
        judged(ENDPOINT_RESPONSES, "{\"status\":\"completed\",\"output\":[]}").storable);
}
