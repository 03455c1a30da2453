/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/dialect/prefix.h"

#include "weir/base/buf.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct hashes {
    uint64_t system, dialog;
};

/* In memory of its very size, so that a read outside of it is seen. */
static struct hashes of_bytes(enum endpoint endpoint, struct str body)
{
    struct request r = { .endpoint = endpoint };
    char *copy = malloc(body.len > 0 ? body.len : 1);
    struct hashes h = { 99, 99 };

    cr_assert_not_null(copy);
    if (body.len > 0)
        memcpy(copy, body.at, body.len);
    r.body = (struct str){ copy, body.len };
    prefix_of(&r, &h.system, &h.dialog);
    free(copy);
    return h;
}

static struct hashes of(enum endpoint endpoint, const char *body)
{
    return of_bytes(endpoint, str_of(body));
}

static struct hashes of_chat(const char *members)
{
    struct buf body = { 0 };
    struct hashes h;

    buf_put(&body, STR("{\"model\":\"m\","));
    buf_put(&body, str_of(members));
    buf_put(&body, STR("}"));
    h = of_bytes(ENDPOINT_CHAT, buf_str(&body));
    buf_deinit(&body);
    return h;
}

#define SYSTEM "{\"role\":\"system\",\"content\":\"Be kind.\"}"
#define USER "{\"role\":\"user\",\"content\":\"Hello\"}"
#define ANSWER "{\"role\":\"assistant\",\"content\":\"Hi!\"}"
#define MORE "{\"role\":\"user\",\"content\":\"And now?\"}"

TestSuite(prefix, .timeout = 20);

/* ---- chat ---- */

Test(prefix, a_conversation_that_goes_on_keeps_both_hashes)
{
    struct hashes one = of_chat("\"messages\":[" SYSTEM "," USER "]");
    struct hashes two = of_chat("\"messages\":[" SYSTEM "," USER "," ANSWER "," MORE "]");

    cr_expect_neq(one.system, 0);
    cr_expect_neq(one.dialog, one.system);
    cr_expect_eq(one.system, two.system);
    cr_expect_eq(one.dialog, two.dialog);
}

Test(prefix, another_conversation_shares_only_the_system_prompt)
{
    struct hashes one = of_chat("\"messages\":[" SYSTEM "," USER "]");
    struct hashes two = of_chat("\"messages\":[" SYSTEM "," MORE "]");

    cr_expect_eq(one.system, two.system);
    cr_expect_neq(one.dialog, two.dialog);
}

Test(prefix, another_system_prompt_differs_in_both)
{
    struct hashes one = of_chat("\"messages\":[" SYSTEM "," USER "]");
    struct hashes two = of_chat(
        "\"messages\":[{\"role\":\"system\",\"content\":\"Be terse.\"}," USER "]");

    cr_expect_neq(one.system, two.system);
    cr_expect_neq(one.dialog, two.dialog);
}

Test(prefix, all_leading_system_and_developer_messages_count)
{
    struct hashes one = of_chat("\"messages\":[" SYSTEM "," USER "]");
    struct hashes two = of_chat("\"messages\":[" SYSTEM
                                ",{\"role\":\"developer\",\"content\":\"Use JSON.\"}," USER
                                "]");

    cr_expect_neq(one.system, two.system);
}

Test(prefix, a_system_message_later_on_does_not_count)
{
    struct hashes one = of_chat("\"messages\":[" SYSTEM "," USER "]");
    struct hashes two = of_chat("\"messages\":[" SYSTEM "," USER
                                ",{\"role\":\"system\",\"content\":\"Stop.\"}]");

    cr_expect_eq(one.system, two.system);
    cr_expect_eq(one.dialog, two.dialog);
}

Test(prefix, other_members_and_spaces_between_them_do_not_count)
{
    struct hashes one = of_chat("\"messages\":[" SYSTEM "," USER "]");
    struct hashes two = of_chat("\"temperature\":0, \"messages\" : [ " SYSTEM " , " USER
                                " ] , \"stream\":true");

    cr_expect_eq(one.system, two.system);
    cr_expect_eq(one.dialog, two.dialog);
}

Test(prefix, without_a_system_prompt_both_are_of_the_first_user_message)
{
    struct hashes h = of_chat("\"messages\":[" USER "," ANSWER "," MORE "]");

    cr_expect_neq(h.system, 0);
    cr_expect_eq(h.system, h.dialog);
    cr_expect_neq(h.system, of_chat("\"messages\":[" MORE "]").system);
}

Test(prefix, without_a_user_message_both_are_of_the_system_prompt)
{
    struct hashes h = of_chat("\"messages\":[" SYSTEM "," ANSWER "]");

    cr_expect_neq(h.system, 0);
    cr_expect_eq(h.system, h.dialog);
}

Test(prefix, an_answer_before_the_first_user_message_is_skipped)
{
    struct hashes h = of_chat("\"messages\":[" SYSTEM "," ANSWER "," USER "]");

    cr_expect_eq(h.dialog, of_chat("\"messages\":[" SYSTEM "," USER "]").dialog);
}

Test(prefix, content_in_parts_counts)
{
    struct hashes one = of_chat(
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"a\"}]}]");
    struct hashes two = of_chat(
        "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"b\"}]}]");

    cr_expect_neq(one.dialog, 0);
    cr_expect_neq(one.dialog, two.dialog);
}

Test(prefix, a_system_prompt_beside_the_messages_counts)
{
    struct hashes one = of_chat("\"system\":\"Be kind.\",\"messages\":[" USER "]");
    struct hashes two = of_chat("\"messages\":[" MORE "],\"system\":\"Be kind.\"");
    struct hashes three = of_chat(
        "\"system\":[{\"type\":\"text\",\"text\":\"Be kind.\"}],\"messages\":[" USER "]");

    cr_expect_eq(one.system, two.system);
    cr_expect_neq(one.dialog, two.dialog);
    cr_expect_neq(three.system, 0);
    cr_expect_neq(three.system, three.dialog);
}

Test(prefix, messages_beyond_the_first_are_not_looked_at)
{
    struct buf members = { 0 };
    struct hashes h;

    buf_put(&members, STR("\"messages\":["));
    for (unsigned i = 0; i < PREFIX_MESSAGES; i++)
        buf_put(&members, STR(ANSWER ","));
    buf_put(&members, STR(USER "]"));
    buf_put(&members, (struct str){ "", 1 });
    h = of_chat(members.at);
    cr_expect_eq(h.system, 0);
    cr_expect_eq(h.dialog, 0);
    buf_deinit(&members);
}

/* A chat with a system prompt of `len` bytes and another ending of it. */
static struct hashes of_long(size_t len, const char *ending, const char *asked)
{
    struct buf body = { 0 };
    struct hashes h;

    buf_put(&body, STR("{\"messages\":[{\"role\":\"system\",\"content\":\""));
    for (size_t i = 0; i < len; i++)
        buf_put(&body, STR("x"));
    buf_put(&body, str_of(ending));
    buf_put(&body, STR("\"},{\"role\":\"user\",\"content\":\""));
    buf_put(&body, str_of(asked));
    buf_put(&body, STR("\"}]}"));
    h = of_bytes(ENDPOINT_CHAT, buf_str(&body));
    buf_deinit(&body);
    return h;
}

Test(prefix, only_so_many_bytes_are_hashed)
{
    struct hashes one = of_long(PREFIX_BYTES, "a", "?"), two = of_long(PREFIX_BYTES, "b", "?");

    cr_expect_eq(one.system, two.system);
    cr_expect_eq(one.dialog, two.dialog);
}

Test(prefix, a_long_system_prompt_leaves_room_for_the_conversation)
{
    cr_expect_neq(of_long(PREFIX_BYTES, "", "a").dialog, of_long(PREFIX_BYTES, "", "b").dialog);
}

/* ---- responses ---- */

Test(prefix, instructions_and_a_plain_input_count)
{
    struct hashes one = of(ENDPOINT_RESPONSES,
                           "{\"instructions\":\"Be kind.\",\"input\":\"a\"}");
    struct hashes two = of(ENDPOINT_RESPONSES,
                           "{\"input\":\"b\",\"instructions\":\"Be kind.\"}");

    cr_expect_neq(one.system, 0);
    cr_expect_eq(one.system, two.system);
    cr_expect_neq(one.dialog, two.dialog);
}

Test(prefix, leading_system_items_of_an_input_count)
{
    struct hashes one = of(ENDPOINT_RESPONSES, "{\"input\":[" SYSTEM "," USER "]}");
    struct hashes two = of(ENDPOINT_RESPONSES, "{\"input\":[" SYSTEM "," MORE "]}");

    cr_expect_neq(one.system, one.dialog);
    cr_expect_eq(one.system, two.system);
    cr_expect_neq(one.dialog, two.dialog);
}

Test(prefix, an_input_alone_is_both)
{
    struct hashes h = of(ENDPOINT_RESPONSES, "{\"input\":\"a\"}");

    cr_expect_neq(h.system, 0);
    cr_expect_eq(h.system, h.dialog);
}

/* ---- completions ---- */

static struct hashes of_prompt(size_t same, const char *ending)
{
    struct buf body = { 0 };
    struct hashes h;

    buf_put(&body, STR("{\"prompt\":\""));
    for (size_t i = 0; i < same; i++)
        buf_put(&body, STR("x"));
    buf_put(&body, str_of(ending));
    buf_put(&body, STR("\"}"));
    h = of_bytes(ENDPOINT_COMPLETIONS, buf_str(&body));
    buf_deinit(&body);
    return h;
}

Test(prefix, of_a_prompt_the_first_bytes_count)
{
    cr_expect_neq(of_prompt(PREFIX_PROMPT_SYSTEM - 1, "a").system,
                  of_prompt(PREFIX_PROMPT_SYSTEM - 1, "b").system);
    cr_expect_eq(of_prompt(PREFIX_PROMPT_SYSTEM, "a").system,
                 of_prompt(PREFIX_PROMPT_SYSTEM, "b").system);
    cr_expect_neq(of_prompt(PREFIX_PROMPT_SYSTEM, "a").dialog,
                  of_prompt(PREFIX_PROMPT_SYSTEM, "b").dialog);
    cr_expect_eq(of_prompt(PREFIX_PROMPT_DIALOG, "a").dialog,
                 of_prompt(PREFIX_PROMPT_DIALOG, "b").dialog);
}

Test(prefix, a_prompt_may_be_a_list)
{
    cr_expect_neq(of(ENDPOINT_COMPLETIONS, "{\"prompt\":[1,2,3]}").system, 0);
    cr_expect_neq(of(ENDPOINT_COMPLETIONS, "{\"prompt\":[\"a\"]}").dialog,
                  of(ENDPOINT_COMPLETIONS, "{\"prompt\":[\"b\"]}").dialog);
}

/* ---- whatever comes ---- */

Test(prefix, where_there_is_nothing_both_are_0)
{
    static const char *const bodies[] = {
        "",
        "{}",
        "[]",
        "\"messages\"",
        "null",
        "{\"messages\":[]}",
        "{\"messages\":null}",
        "{\"messages\":7,\"system\":7,\"prompt\":7,\"input\":7,\"instructions\":{}}",
        "{\"messages\":{\"role\":\"user\",\"content\":\"a\"}}",
        "{\"messages\":[null,1,\"user\",[],{}]}",
        "{\"messages\":[{\"role\":\"user\"}]}",
        "{\"messages\":[{\"content\":\"a\"}]}",
        "{\"messages\":[{\"role\":7,\"content\":\"a\"}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"\"}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":[]}]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":null}]}",
        "{\"prompt\":\"\",\"input\":\"\"}",
    };

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        for (unsigned e = 0; e < ENDPOINT_COUNT; e++) {
            struct hashes h = of((enum endpoint)e, bodies[i]);

            cr_expect(h.system == 0 && h.dialog == 0, "%s", bodies[i]);
        }
    }
}

Test(prefix, endpoints_without_a_prompt_have_none)
{
    static const char body[] = "{\"messages\":[" USER "],\"input\":\"a\",\"prompt\":\"a\"}";

    cr_expect_eq(of(ENDPOINT_EMBEDDINGS, body).system, 0);
    cr_expect_eq(of(ENDPOINT_MODERATIONS, body).system, 0);
    cr_expect_eq(of(ENDPOINT_PREDICT, body).dialog, 0);
}

Test(prefix, what_is_cut_off_counts_as_absent)
{
    cr_expect_eq(of(ENDPOINT_CHAT, "{\"messages\":[" USER).dialog, 0);
    cr_expect_eq(of(ENDPOINT_CHAT, "{\"system\":\"Be ki").system, 0);
    cr_expect_eq(of(ENDPOINT_COMPLETIONS, "{\"prompt\":\"").system, 0);
}

/* What stands around a body makes no difference, be it nothing at all. */
static void assert_alone(enum endpoint endpoint, struct str body)
{
    static const char around[] = "\"}]},\"role\":\"user\",\"content\":\"x\"}]}";
    struct hashes alone = of_bytes(endpoint, body), among;
    struct request r = { .endpoint = endpoint };
    struct buf all = { 0 };

    buf_put(&all, str_of(around));
    buf_put(&all, body);
    buf_put(&all, str_of(around));
    r.body = (struct str){ all.at + sizeof(around) - 1, body.len };
    prefix_of(&r, &among.system, &among.dialog);
    buf_deinit(&all);
    cr_assert_eq(alone.system, among.system, "%.*s", STR_ARG(body));
    cr_assert_eq(alone.dialog, among.dialog, "%.*s", STR_ARG(body));
}

Test(prefix, nothing_outside_a_body_is_read_wherever_it_is_cut_off)
{
    static const char *const bodies[] = {
        "{\"system\":[{\"text\":\"a\\\\\\\"\"}],\"messages\":[" SYSTEM "," ANSWER "," USER "]}",
        "{\"instructions\":\"\\u00e9\\\"\",\"input\":[" SYSTEM ",[{}]," USER
        "],\"prompt\":[\"a\"]}",
        "{\"prompt\":\"\\\\\",\"input\":\"\\\"\",\"messages\":[{\"role\":\"us\\u0065r\"},\"]",
        "{\"messages\":]]]}}}[[[{{{\"role\":\"\"\":\"\"\"",
        "{\"messages\":[{\"role\":\",\"content\":\"",
        "{{\"messages\" \"messages\":::[,,,{\"role\",\"user\" \"content\":\"\\",
    };

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        for (size_t len = 0; len <= strlen(bodies[i]); len++)
            for (unsigned e = 0; e < ENDPOINT_COUNT; e++)
                assert_alone((enum endpoint)e, (struct str){ bodies[i], len });
    }
}

Test(prefix, nothing_outside_a_body_is_read_whichever_byte_is_another)
{
    static const char body[] = "{\"system\":\"a\",\"messages\":[" SYSTEM "," USER "]}";
    static const char odd[] = "\"\\{}[],: \x01\xff";
    char changed[sizeof(body)];

    for (size_t at = 0; at < sizeof(body) - 1; at++) {
        for (size_t i = 0; i < sizeof(odd); i++) {
            memcpy(changed, body, sizeof(body));
            changed[at] = odd[i];
            assert_alone(ENDPOINT_CHAT, (struct str){ changed, sizeof(body) - 1 });
        }
    }
}

Test(prefix, a_body_that_is_absent_has_none)
{
    struct request r = { .endpoint = ENDPOINT_CHAT };
    struct hashes h;

    prefix_of(&r, &h.system, &h.dialog);
    cr_expect(h.system == 0 && h.dialog == 0);
}
