/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/dialect/replay.h"
#include "weir/dialect/rules.h"

#include "world.h"

#include <jansson.h>
#include <math.h>

/* Rules of one, and what they answer to a body. */
struct reply {
    enum err err;
    struct buf body;
    json_t *tree;
};

static struct reply answered(const struct rule_words *words, enum endpoint e, const char *body)
{
    struct world w = { 0 };
    struct rules *rules = rules_new(STR("simple"));
    struct reply r = { .err = OK };

    cr_assert_eq(rules_add(rules, words, NULL), OK);
    cr_assert_eq(ask(&w, e, "al\"ias", body), OK, "%s", w.why.text);
    r.err = dialect_named(STR("rules"))->answer(rules, &w.request, w.request.model, &r.body);
    r.tree = json_loadb(r.body.at ? r.body.at : "", r.body.len, JSON_DECODE_ANY, NULL);
    rules_free(rules);
    arena_deinit(&w.arena);
    return r;
}

static void drop(struct reply *r)
{
    buf_deinit(&r->body);
    json_decref(r->tree);
}

/* The value at a pointer into the answer, as it is written. */
static struct str at(const struct reply *r, const char *pointer)
{
    struct scan_member m;

    cr_assert(scan_pointer(buf_str(&r->body), str_of(pointer), &m), "%s in %.*s", pointer,
              STR_ARG(buf_str(&r->body)));
    return m.value;
}

static const struct rule_words refund = {
    .match = { "refund", 6 },
    .label = { "ref\"und", 7 },
    .reply = { "We \"refund\".\n", 13 },
    .score = 0.8,
};

static const char chat_body[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"a refund\"}]}";

Test(rules_answer, a_chat_is_answered_by_the_assistant, .timeout = 5)
{
    struct reply r = answered(&refund, ENDPOINT_CHAT, chat_body);

    cr_assert_eq(r.err, OK);
    cr_assert(r.tree, "no JSON");
    cr_assert(str_starts(at(&r, "/id"), STR("\"chatcmpl-")));
    expect_str(at(&r, "/object"), "\"chat.completion\"");
    expect_str(at(&r, "/model"), "\"al\\\"ias\"");
    cr_assert_eq(scan_type_of(at(&r, "/created")), SCAN_NUMBER);
    expect_str(at(&r, "/choices/0/message/role"), "\"assistant\"");
    expect_str(at(&r, "/choices/0/message/content"), "\"We \\\"refund\\\".\\u000a\"");
    expect_str(at(&r, "/choices/0/finish_reason"), "\"stop\"");
    expect_str(at(&r, "/usage/total_tokens"), "0");
    drop(&r);
}

Test(rules_answer, a_completion_is_a_text, .timeout = 5)
{
    struct reply r = answered(&refund, ENDPOINT_COMPLETIONS, "{\"prompt\":\"refund\"}");

    cr_assert(r.tree, "no JSON");
    expect_str(at(&r, "/object"), "\"text_completion\"");
    expect_str(at(&r, "/choices/0/text"), "\"We \\\"refund\\\".\\u000a\"");
    expect_str(at(&r, "/choices/0/finish_reason"), "\"stop\"");
    drop(&r);
}

Test(rules_answer, several_prompts_want_a_choice_each_and_get_none, .timeout = 5)
{
    struct reply r = answered(&refund, ENDPOINT_COMPLETIONS, "{\"prompt\":[\"refund\",\"b\"]}");

    cr_assert_eq(r.err, ERR_UNSUPPORTED);
    drop(&r);
    r = answered(&refund, ENDPOINT_COMPLETIONS, "{\"prompt\":[\"refund\"]}");
    cr_assert_eq(r.err, OK);
    drop(&r);
}

Test(rules_answer, a_response_is_a_completed_message, .timeout = 5)
{
    struct reply r = answered(&refund, ENDPOINT_RESPONSES, "{\"input\":\"refund\"}");

    cr_assert(r.tree, "no JSON");
    expect_str(at(&r, "/object"), "\"response\"");
    expect_str(at(&r, "/status"), "\"completed\"");
    expect_str(at(&r, "/output/0/content/0/type"), "\"output_text\"");
    expect_str(at(&r, "/output/0/content/0/text"), "\"We \\\"refund\\\".\\u000a\"");
    drop(&r);
}

Test(rules_answer, a_prediction_is_what_the_rule_says, .timeout = 5)
{
    struct rule_words bare = { .label = STR("l"), .score = NAN };
    struct reply r = answered(&refund, ENDPOINT_PREDICT, "{\"text\":\"refund\"}");

    expect_str(buf_str(&r.body), "{\"label\":\"ref\\\"und\",\"score\":0.8,"
                                 "\"reply\":\"We \\\"refund\\\".\\u000a\",\"rule\":1}");
    drop(&r);
    r = answered(&bare, ENDPOINT_PREDICT, "{}");
    expect_str(buf_str(&r.body), "{\"label\":\"l\",\"rule\":1}");
    drop(&r);
}

Test(rules_answer, an_answer_of_the_rules_own_goes_byte_for_byte, .timeout = 5)
{
    struct rule_words own = { .answer = STR("[ 1.0, {\"a\": 2} ]"), .score = 0.5 };
    struct reply r = answered(&own, ENDPOINT_PREDICT, "{}");

    expect_str(buf_str(&r.body), "[ 1.0, {\"a\": 2} ]");
    drop(&r);
}

Test(rules_answer, a_chat_hears_the_label_where_there_is_no_reply_and_else_the_answer,
     .timeout = 5)
{
    struct rule_words label = { .label = STR("l"), .answer = STR("{}"), .score = NAN };
    struct rule_words answer = { .answer = STR("{\"a\":1}"), .score = NAN };
    struct reply r = answered(&label, ENDPOINT_CHAT, chat_body);

    expect_str(at(&r, "/choices/0/message/content"), "\"l\"");
    drop(&r);
    r = answered(&answer, ENDPOINT_CHAT, chat_body);
    expect_str(at(&r, "/choices/0/message/content"), "\"{\\\"a\\\":1}\"");
    drop(&r);
}

Test(rules_answer, none_fits_and_nothing_is_added, .timeout = 5)
{
    struct reply r = answered(&refund, ENDPOINT_PREDICT, "{\"refund\":\"hello\"}");

    cr_assert_eq(r.err, ERR_NO_RULE);
    cr_assert_eq(r.body.len, 0);
    drop(&r);
}

Test(rules_answer, vectors_and_moderations_are_not_its_business, .timeout = 5)
{
    struct reply r = answered(&refund, ENDPOINT_EMBEDDINGS, "{\"input\":\"refund\"}");

    cr_assert_eq(r.err, ERR_UNSUPPORTED);
    drop(&r);
    r = answered(&refund, ENDPOINT_MODERATIONS, "{\"input\":\"refund\"}");
    cr_assert_eq(r.err, ERR_UNSUPPORTED);
    drop(&r);
    cr_assert_null(dialect_named(STR("rules"))->paths[ENDPOINT_EMBEDDINGS]);
    cr_assert_null(dialect_named(STR("rules"))->paths[ENDPOINT_MODERATIONS]);
}

/* ---- as an upstream's answer ---- */

static void tapped(enum endpoint e, const char *body)
{
    struct reply r = answered(&refund, e, body);
    struct buf read = { 0 };
    struct world w = { 0 };

    cr_assert_eq(ask(&w, e, "al\"ias", body), OK);
    tap_init(&w.tap, dialect_named(STR("rules")), &w.request, w.request.model, true);
    buf_put(&read, buf_str(&r.body));
    cr_assert_eq(tap_whole(&w.tap, &read), OK);
    cr_assert(str_eq(buf_str(&read), buf_str(&r.body)), "changed");
    cr_assert(w.tap.answer.storable, "%s", w.tap.answer.why_not);
    cr_assert(w.tap.answer.has_content);
    buf_deinit(&read);
    end(&w);
    drop(&r);
}

Test(rules_answer, it_is_read_as_good_enough_to_be_kept, .timeout = 5)
{
    tapped(ENDPOINT_CHAT, chat_body);
    tapped(ENDPOINT_COMPLETIONS, "{\"prompt\":\"refund\"}");
    tapped(ENDPOINT_RESPONSES, "{\"input\":\"refund\"}");
    tapped(ENDPOINT_PREDICT, "\"refund\"");
}

/* The plain form, as a stream, read by the dialect that streams, is the same plain form. */
static void replayed(enum endpoint e, const char *body, const char *pointer)
{
    struct reply r = answered(&refund, e, body);
    struct scan_member m;
    struct buf events = { 0 };
    struct world w;

    begin(&w, e);
    cr_assert_eq(replay_events(e, buf_str(&r.body), false, &events), OK);
    hear_all(&w, buf_str(&events));
    cr_assert_eq(tap_end(&w.tap), OK);
    cr_assert(w.tap.answer.storable, "%s", w.tap.answer.why_not);
    cr_assert(scan_pointer(buf_str(&w.tap.answer.body), str_of(pointer), &m));
    cr_assert(str_eq(m.value, at(&r, pointer)));
    buf_deinit(&events);
    end(&w);
    drop(&r);
}

Test(rules_answer, it_becomes_a_stream_of_the_same_text, .timeout = 5)
{
    replayed(ENDPOINT_CHAT, chat_body, "/choices/0/message/content");
    replayed(ENDPOINT_COMPLETIONS, "{\"prompt\":\"refund\"}", "/choices/0/text");
    replayed(ENDPOINT_RESPONSES, "{\"input\":\"refund\"}", "/output/0/content/0/text");
}

Test(rules_answer, a_message_is_one_block_of_text, .timeout = 5)
{
    struct reply r = answered(&refund, ENDPOINT_MESSAGES,
                              "{\"messages\":[{\"role\":\"user\",\"content\":\"refund\"}]}");

    cr_assert(r.tree, "no JSON");
    cr_assert(str_starts(at(&r, "/id"), STR("\"msg_")));
    expect_str(at(&r, "/type"), "\"message\"");
    expect_str(at(&r, "/model"), "\"al\\\"ias\"");
    expect_str(at(&r, "/content/0/text"), "\"We \\\"refund\\\".\\u000a\"");
    expect_str(at(&r, "/stop_reason"), "\"end_turn\"");
    drop(&r);
}
