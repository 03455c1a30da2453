/* SPDX-License-Identifier: Apache-2.0 */
#include "rules_inner.h"
#include "world.h"

#include "weir/base/utf8.h"

/* What is matched of a request; `field` NULL: what its endpoint says. */
#define expect_text(endpoint, field, body, wanted)                             \
    do {                                                                       \
        struct world w_ = { 0 };                                               \
                                                                               \
        cr_assert_eq(ask(&w_, endpoint, "m", body), OK, "%s", w_.why.text);    \
        expect_str(rules_text(&w_.request, str_of(field), &w_.arena), wanted); \
        arena_deinit(&w_.arena);                                               \
    } while (0)

Test(rules_text, of_a_chat_it_is_the_last_message_of_the_user, .timeout = 5)
{
    expect_text(ENDPOINT_CHAT, NULL,
                "{\"messages\":[{\"role\":\"system\",\"content\":\"s\"},"
                "{\"role\":\"user\",\"content\":\"first\"},"
                "{\"role\":\"user\",\"content\":\"last \\u00e9\"},"
                "{\"role\":\"assistant\",\"content\":\"a\"}]}",
                "last é");
}

Test(rules_text, of_a_message_in_parts_it_is_each_text_on_a_line, .timeout = 5)
{
    expect_text(ENDPOINT_CHAT, NULL,
                "{\"messages\":[{\"role\":\"user\",\"content\":["
                "{\"type\":\"text\",\"text\":\"one\"},"
                "{\"type\":\"image_url\",\"image_url\":{\"url\":\"http://x\"}},"
                "{\"type\":\"text\",\"text\":\"two\"}]}]}",
                "one\ntwo");
}

Test(rules_text, a_chat_without_words_of_a_user_is_an_empty_text, .timeout = 5)
{
    expect_text(ENDPOINT_CHAT, NULL, "{}", "");
    expect_text(ENDPOINT_CHAT, NULL, "{\"messages\":7}", "");
    expect_text(ENDPOINT_CHAT, NULL, "{\"messages\":[3,{\"role\":\"user\",\"content\":null}]}",
                "");
}

Test(rules_text, of_a_completion_it_is_the_prompt, .timeout = 5)
{
    expect_text(ENDPOINT_COMPLETIONS, NULL, "{\"prompt\":\"p\",\"suffix\":\"s\"}", "p");
    expect_text(ENDPOINT_COMPLETIONS, NULL, "{\"prompt\":[\"p\"]}", "p");
    expect_text(ENDPOINT_COMPLETIONS, NULL, "{\"prompt\":[1,2]}", "");
}

Test(rules_text, of_responses_it_is_the_input, .timeout = 5)
{
    expect_text(ENDPOINT_RESPONSES, NULL, "{\"input\":\"i\",\"instructions\":\"no\"}", "i");
    expect_text(ENDPOINT_RESPONSES, NULL,
                "{\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
                "\"text\":\"t\"}]}]}",
                "t");
    expect_text(ENDPOINT_RESPONSES, NULL, "{}", "");
}

Test(rules_text, of_a_prediction_it_is_every_string_but_names, .timeout = 5)
{
    expect_text(
        ENDPOINT_PREDICT, NULL,
        "{\"a\" : \"one\", \"b\":[1,{\"c\":\"t\\\"wo\"},\"\",null],\"d\\\\\":\"three\"}",
        "one\nt\"wo\nthree");
    expect_text(ENDPOINT_PREDICT, NULL, "\"alone\"", "alone");
    expect_text(ENDPOINT_PREDICT, NULL, "[1,2]", "");
}

Test(rules_text, a_field_names_the_value, .timeout = 5)
{
    static const char body[] =
        "{\"a\":{\"b\":\"x\"},\"n\":-1.50,\"t\":true,\"l\":[\"p\",\"q\"]}";

    expect_text(ENDPOINT_PREDICT, "/a/b", body, "x");
    expect_text(ENDPOINT_PREDICT, "/n", body, "-1.50");
    expect_text(ENDPOINT_PREDICT, "/t", body, "true");
    expect_text(ENDPOINT_PREDICT, "/l", body, "p\nq");
    expect_text(ENDPOINT_PREDICT, "/none", body, "");
    expect_text(ENDPOINT_CHAT, "/user", "{\"user\":\"u\",\"messages\":[]}", "u");
}

Test(rules_text, of_a_long_text_it_is_the_start_in_whole_characters, .timeout = 10)
{
    struct world w = { 0 };
    struct buf body = { 0 };
    struct str text;

    buf_put_text(&body, "[\"");
    for (int i = 0; i < 40000; i++)
        buf_put_text(&body, i % 2 ? "€" : "\\u20ac");
    buf_put_text(&body, "\",\"more\"]");
    buf_put(&body, (struct str){ "", 1 });
    cr_assert_eq(ask(&w, ENDPOINT_PREDICT, "m", body.at), OK);
    text = rules_text(&w.request, STR(""), &w.arena);
    cr_assert_geq(text.len, 20000);
    cr_assert_leq(text.len, 33 << 10);
    for (size_t at = 0, len; at < text.len; at += len) {
        len = utf8_length(text.at + at, text.len - at);
        cr_assert_gt(len, 0);
    }
    buf_deinit(&body);
    arena_deinit(&w.arena);
}

Test(rules_text, of_messages_it_is_what_it_is_of_a_chat, .timeout = 5)
{
    expect_text(ENDPOINT_MESSAGES, NULL,
                "{\"system\":\"s\",\"messages\":[{\"role\":\"user\",\"content\":"
                "[{\"type\":\"text\",\"text\":\"last\"}]}]}",
                "last");
}
