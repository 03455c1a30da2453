/* SPDX-License-Identifier: Apache-2.0 */

/* What stands in a hash, answer or not: as values in the order of record_names, put on a wire. */

#include "record.h"

#include "redis_wire.h"
#include "weir/cache/remote.h"

#include <criterion/criterion.h>
#include <string.h>

enum { MOST = 1000 };
enum place {
    BODY,
    STATUS,
    TYPE,
    MODEL,
    UPSTREAM,
    CREATED,
    FRESH,
    PROMPT,
    COMPLETION,
    STALE,
    FINISH,
    REFUSAL,
    TOOK
};

#define MADE_MS UINT64_C(1700000000000)
#define MADE "1700000000000"
#define HOUR_MS (UINT64_C(3600) * 1000)

static struct str values[RECORD_READ]; /* absent: nil */
static struct entry *entry;            /* of the last record that was good */

static void start(void)
{
    static const char *const good[RECORD_READ] = {
        "{}", "200", "application/json", "m-1", "one", MADE, "60000", "3", "2", "30000", "stop",
        "0",  "1500"
    };

    for (size_t i = 0; i < RECORD_READ; i++)
        values[i] = str_of(good[i]);
}

static void stop(void)
{
    entry_unref(entry);
}

TestSuite(record, .init = start, .fini = stop, .timeout = 10);

static struct entry_facts asked(void)
{
    return (struct entry_facts){ .scope = STR("acme"), .model = STR("m") };
}

/* What record_read makes of these bytes of Redis. */
static enum record_state state_of_bytes(struct str bytes, uint64_t wall_ms)
{
    struct redis_wire *wire = redis_wire_new();
    struct redis_reply *reply = NULL;
    struct entry_facts facts = asked();
    struct entry *made = NULL;
    enum record_state state;

    cr_assert(redis_wire_feed(wire, bytes));
    cr_assert(redis_wire_next(wire, &reply));
    cr_assert(reply);
    state = record_read(reply, &facts, MOST, wall_ms, &made);
    cr_assert_eq(made != NULL, state == RECORD_GOOD);
    redis_wire_drop(reply);
    redis_wire_free(wire);
    entry_unref(entry);
    entry = made;
    return state;
}

static enum record_state state_at(uint64_t wall_ms)
{
    struct buf bytes = { 0 };
    enum record_state state;

    buf_put_printf(&bytes, "*%d\r\n", RECORD_READ);
    for (size_t i = 0; i < RECORD_READ; i++) {
        if (!values[i].at) {
            buf_put_text(&bytes, "$-1\r\n");
            continue;
        }
        buf_put_printf(&bytes, "$%zu\r\n", values[i].len);
        buf_put(&bytes, values[i]);
        buf_put_text(&bytes, "\r\n");
    }
    state = state_of_bytes(buf_str(&bytes), wall_ms);
    buf_deinit(&bytes);
    return state;
}

/* With one value replaced; it is put back. */
static enum record_state state_with(enum place place, struct str value)
{
    struct str was = values[place];
    enum record_state state;

    values[place] = value;
    state = state_at(MADE_MS);
    values[place] = was;
    return state;
}

/* ---- writing and reading ------------------------------------------------------------- */

Test(record, what_was_written_is_read_back)
{
    struct entry_facts facts = asked();
    struct record_words words;

    facts.body = STR("{\"a\":\"\\u0000\xc3\xa9\"}");
    facts.content_type = STR("application/json; charset=utf-8");
    facts.upstream = STR("one");
    facts.upstream_model = STR("\xc3\xa9");
    memcpy(facts.finish_reason, "length", sizeof("length"));
    facts.refusal = true;
    facts.status = 200;
    facts.created_ms = MADE_MS;
    facts.fresh_ms = 7;
    facts.stale_ms = 11;
    facts.took_ms = 13;
    facts.prompt_tokens = -1;
    facts.completion_tokens = INT64_C(1) << 52;
    record_write(&words, &facts, false);
    for (size_t i = 0; i < RECORD_READ; i++)
        values[i] = words.words[2 * i + 1];

    cr_assert_eq(state_at(MADE_MS), RECORD_GOOD);
    cr_assert(str_eq(entry->facts.body, facts.body));
    cr_assert(str_eq(entry->facts.content_type, facts.content_type));
    cr_assert(str_eq(entry->facts.upstream, facts.upstream));
    cr_assert(str_eq(entry->facts.upstream_model, facts.upstream_model));
    cr_assert(str_eq(entry->facts.scope, facts.scope));
    cr_assert(str_eq(entry->facts.model, facts.model));
    cr_assert_str_eq(entry->facts.finish_reason, "length");
    cr_assert(entry->facts.refusal);
    cr_assert_eq(entry->facts.fresh_ms, 7);
    cr_assert_eq(entry->facts.stale_ms, 11);
    cr_assert_eq(entry->facts.took_ms, 13);
    cr_assert_eq(entry->facts.prompt_tokens, -1);
    cr_assert_eq(entry->facts.completion_tokens, INT64_C(1) << 52);
}

Test(record, what_is_asked_for_is_what_was_written_first)
{
    struct entry_facts facts = asked();
    struct record_words words;
    struct str names[RECORD_READ];

    record_names(names);
    record_write(&words, &facts, false);
    for (size_t i = 0; i < RECORD_READ; i++)
        cr_assert(str_eq(names[i], words.words[2 * i]), "%.*s", STR_ARG(names[i]));
}

Test(record, a_request_is_written_only_where_it_is_wanted)
{
    struct entry_facts facts = asked();
    struct record_words words;

    facts.request = STR("{\"q\":1}");
    record_write(&words, &facts, false);
    cr_assert_eq(words.count, 2 * (RECORD_FIELDS - 1));
    record_write(&words, &facts, true);
    cr_assert_eq(words.count, 2 * RECORD_FIELDS);
    cr_assert(str_eq(words.words[words.count - 1], facts.request));
}

/* ---- what is there ------------------------------------------------------------------- */

Test(record, a_hash_without_any_of_the_fields_is_nothing)
{
    for (size_t i = 0; i < RECORD_READ; i++)
        values[i] = (struct str){ 0 };
    cr_assert_eq(state_at(MADE_MS), RECORD_NONE);
}

Test(record, another_reply_is_bad)
{
    cr_assert_eq(state_of_bytes(STR("$-1\r\n"), MADE_MS), RECORD_BAD);
    cr_assert_eq(state_of_bytes(STR("*-1\r\n"), MADE_MS), RECORD_BAD);
    cr_assert_eq(state_of_bytes(STR("*0\r\n"), MADE_MS), RECORD_BAD);
    cr_assert_eq(state_of_bytes(STR("*1\r\n$-1\r\n"), MADE_MS), RECORD_BAD);
    cr_assert_eq(state_of_bytes(STR(":200\r\n"), MADE_MS), RECORD_BAD);
    cr_assert_eq(state_of_bytes(STR("-WRONGTYPE no hash\r\n"), MADE_MS), RECORD_BAD);
}

Test(record, a_number_that_is_no_text_is_bad)
{
    static const char bytes[] = "*13\r\n$2\r\n{}\r\n:200\r\n$1\r\nt\r\n$1\r\nm\r\n$1\r\no\r\n"
                                "$13\r\n" MADE "\r\n$5\r\n60000\r\n$1\r\n3\r\n$1\r\n2\r\n"
                                "$-1\r\n$-1\r\n$-1\r\n$-1\r\n";

    cr_assert_eq(state_of_bytes(str_of(bytes), MADE_MS), RECORD_BAD);
}

Test(record, the_first_nine_fields_are_needed_and_the_others_are_not)
{
    for (enum place p = BODY; p <= TOOK; p++)
        cr_assert_eq(state_with(p, (struct str){ 0 }), p < STALE ? RECORD_BAD : RECORD_GOOD,
                     "field %d", (int)p);
    values[STALE] = values[FINISH] = values[REFUSAL] = values[TOOK] = (struct str){ 0 };
    cr_assert_eq(state_at(MADE_MS), RECORD_GOOD);
    cr_assert_eq(entry->facts.stale_ms, 0);
    cr_assert_str_eq(entry->facts.finish_reason, "");
    cr_assert_not(entry->facts.refusal);
    cr_assert_eq(entry->facts.took_ms, 0);
}

/* ---- values -------------------------------------------------------------------------- */

Test(record, a_number_is_decimal_digits_and_nothing_else)
{
    static const char *const wrong[] = { "",
                                         "-1",
                                         "+200",
                                         " 200",
                                         "200 ",
                                         "0xc8",
                                         "2e2",
                                         "200.0",
                                         "199",
                                         "201",
                                         "18446744073709551816" };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        cr_assert_eq(state_with(STATUS, str_of(wrong[i])), RECORD_BAD, "%s", wrong[i]);
    cr_assert_eq(state_with(STATUS, STR("200\0")), RECORD_BAD);
    cr_assert_eq(state_with(REFUSAL, STR("2")), RECORD_BAD);
    cr_assert_eq(state_with(CREATED, STR("0")), RECORD_BAD);
}

Test(record, tokens_are_minus_one_or_up_to_two_to_the_52nd)
{
    cr_assert_eq(state_with(PROMPT, STR("-1")), RECORD_GOOD);
    cr_assert_eq(state_with(PROMPT, STR("4503599627370496")), RECORD_GOOD);
    cr_assert_eq(state_with(PROMPT, STR("4503599627370497")), RECORD_BAD);
    cr_assert_eq(state_with(COMPLETION, STR("-2")), RECORD_BAD);
    cr_assert_eq(state_with(COMPLETION, STR("-01")), RECORD_BAD);
}

Test(record, what_goes_into_headers_has_no_control_bytes)
{
    static const enum place places[] = { TYPE, MODEL, UPSTREAM, FINISH };

    for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
        cr_assert_eq(state_with(places[i], STR("a\r\nSet-Cookie: b")), RECORD_BAD);
        cr_assert_eq(state_with(places[i], STR("a\nb")), RECORD_BAD);
        cr_assert_eq(state_with(places[i], STR("a\0b")), RECORD_BAD);
        cr_assert_eq(state_with(places[i], STR("a\x7f")), RECORD_BAD);
        cr_assert_eq(state_with(places[i], STR("a b\xc3\xa9")), RECORD_GOOD);
    }
}

Test(record, a_finish_reason_fits_up_to_31_bytes)
{
    cr_assert_eq(state_with(FINISH, STR("a23456789b123456789c123456789d1")), RECORD_GOOD);
    cr_assert_str_eq(entry->facts.finish_reason, "a23456789b123456789c123456789d1");
    cr_assert_eq(state_with(FINISH, STR("a23456789b123456789c123456789d12")), RECORD_BAD);
}

Test(record, a_body_is_json)
{
    cr_assert_eq(state_with(BODY, STR("")), RECORD_BAD);
    cr_assert_eq(state_with(BODY, STR("{\"a\":}")), RECORD_BAD);
    cr_assert_eq(state_with(BODY, STR("{}{}")), RECORD_BAD);
    cr_assert_eq(state_with(BODY, STR("{}\0")), RECORD_BAD);
    cr_assert_eq(state_with(BODY, STR("\"\xff\"")), RECORD_BAD);
    cr_assert_eq(state_with(BODY, STR(" [1] ")), RECORD_GOOD);
}

Test(record, a_body_above_the_limit_is_left_unread_to_who_takes_more)
{
    static char body[MOST + 1];

    memset(body, ' ', sizeof(body));
    body[0] = '1';
    cr_assert_eq(state_with(BODY, (struct str){ body, MOST }), RECORD_GOOD);
    cr_assert_eq(state_with(BODY, (struct str){ body, MOST + 1 }), RECORD_NONE);
}

Test(record, a_body_above_what_anybody_stores_is_bad)
{
    static char body[REMOTE_ENTRY_BYTES + 1];

    memset(body, ' ', sizeof(body));
    body[0] = '1';
    cr_assert_eq(state_with(BODY, (struct str){ body, REMOTE_ENTRY_BYTES }), RECORD_NONE);
    cr_assert_eq(state_with(BODY, (struct str){ body, sizeof(body) }), RECORD_BAD);
}

/* ---- time ---------------------------------------------------------------------------- */

Test(record, a_clock_may_run_an_hour_ahead_and_no_more)
{
    cr_assert_eq(state_at(MADE_MS - HOUR_MS), RECORD_GOOD);
    cr_assert_eq(state_at(MADE_MS - HOUR_MS - 1), RECORD_BAD);
}

Test(record, an_answer_past_its_keeping_is_nothing)
{
    cr_assert_eq(state_at(MADE_MS + 90000 - 1), RECORD_GOOD);
    cr_assert_eq(state_at(MADE_MS + 90000 + 1), RECORD_NONE);
}

Test(record, ten_years_are_the_longest_time)
{
    cr_assert_eq(state_with(FRESH, STR("315360000000")), RECORD_GOOD);
    cr_assert_eq(state_with(FRESH, STR("315360000001")), RECORD_BAD);
    cr_assert_eq(state_with(STALE, STR("315360000000")), RECORD_GOOD);
    cr_assert_eq(state_with(STALE, STR("315360000001")), RECORD_BAD);
}
