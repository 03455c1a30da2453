/* SPDX-License-Identifier: Apache-2.0 */
#include "reading.h"
#include "weir/base/clock.h"
#include "weir/watch/fit.h"
#include "weir/watch/variety.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct watchlist *list;
static struct reading room;
static struct fit *fit;

static struct watchlist *list_of_length(struct str from, bool of_request)
{
    struct watchlist *l = watchlist_new(STR("m"));

    l->predictions = ARENA_NEW(&l->arena, struct prediction);
    l->predictions[0] = (struct prediction){
        .name = STR("size"), .from = from, .kind = PREDICTION_LENGTH, .of_request = of_request
    };
    prediction_complete(&l->predictions[0]);
    l->prediction_count = 1;
    return l;
}

static void start(void)
{
    list = list_of_length(STR("/text"), false);
    fit = fit_new();
}

static void stop(void)
{
    fit_free(fit);
    watchlist_unref(list);
}

TestSuite(reading, .init = start, .fini = stop, .timeout = 20);

static struct watch_answer fresh(void)
{
    return (struct watch_answer){ .list = list,
                                  .version = STR("v"),
                                  .finish_reason = STR("stop"),
                                  .prompt_tokens = 17,
                                  .completion_tokens = 16,
                                  .took_us = 150 * 1000,
                                  .cost_usd = 0.002,
                                  .body = STR("{\"text\":\"abc\"}") };
}

static const struct reading *read_it(const struct watch_answer *a)
{
    return reading_of(a, fit, &room);
}

static const char *word(const struct reading *r, const char *prediction)
{
    static char text[64];

    for (size_t i = 0; i < r->count; i++) {
        const struct prediction *p = reading_prediction(list, i);

        if (!str_eq(p->name, str_of(prediction)))
            continue;
        if (r->places[i] == READING_UNCOUNTED)
            return "uncounted";
        (void)snprintf(text, sizeof(text), "%.*s", STR_ARG(prediction_word(p, r->places[i])));
        return text;
    }
    return "unknown";
}

#define assert_word(r, prediction, text) cr_assert_str_eq(word(r, prediction), text)

Test(reading, an_answer_has_a_word_under_each)
{
    struct watch_answer a = fresh();
    const struct reading *r = read_it(&a);

    assert_word(r, "finish_reason", "stop");
    assert_word(r, "output_tokens", "le_16");
    assert_word(r, "input_tokens", "le_64");
    assert_word(r, "refusal", "no");
    assert_word(r, "latency", "le_0.2");
    assert_word(r, "cost", "le_0.003");
    assert_word(r, "size", "le_4");
}

Test(reading, an_answer_fits_the_schema_that_its_request_brings)
{
    struct watch_answer a = fresh();

    a.body = STR("{\"choices\":[{\"message\":{\"content\":\"[1]\"}}]}");
    a.request = STR("{\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
                    "{\"schema\":{\"type\":\"array\"}}}}");
    assert_word(read_it(&a), "schema_fit", "yes");
    a.request = STR("{\"response_format\":{\"type\":\"json_object\"}}");
    assert_word(read_it(&a), "schema_fit", "no");
    a.request = STR("{\"response_format\":{\"type\":\"text\"}}");
    assert_word(read_it(&a), "schema_fit", "uncounted");
}

Test(reading, who_refuses_or_is_filtered_is_asked_for_no_form)
{
    struct watch_answer a = fresh();

    a.body = STR("{\"choices\":[{\"message\":{\"content\":\"I\"}}]}");
    a.request = STR("{\"response_format\":{\"type\":\"json_object\"}}");
    assert_word(read_it(&a), "schema_fit", "not_json");
    a.finish_reason = STR("content_filter");
    assert_word(read_it(&a), "schema_fit", "uncounted");
    a.finish_reason = STR("stop");
    a.refusal = true;
    assert_word(read_it(&a), "schema_fit", "uncounted");
}

Test(reading, tokens_fall_into_powers_of_four)
{
    static const struct {
        int64_t tokens;
        const char *bin;
    } rows[] = { { -1, "missing" },       { 0, "le_1" },
                 { 1, "le_1" },           { 2, "le_4" },
                 { 4, "le_4" },           { 5, "le_16" },
                 { 1024, "le_1024" },     { 65536, "le_65536" },
                 { 65537, "gt_65536" },   { INT64_MAX, "gt_65536" },
                 { INT64_MIN, "missing" } };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct watch_answer a = fresh();

        a.completion_tokens = rows[i].tokens;
        assert_word(read_it(&a), "output_tokens", rows[i].bin);
    }
}

Test(reading, finish_reasons_are_a_closed_list)
{
    static const char *const rows[][2] = { { "stop", "stop" },
                                           { "tool_use", "tool_use" },
                                           { "model_context_window_exceeded",
                                             "model_context_window_exceeded" },
                                           { "Stop", "other" },
                                           { "", "missing" } };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct watch_answer a = fresh();

        a.finish_reason = str_of(rows[i][0]);
        assert_word(read_it(&a), "finish_reason", rows[i][1]);
    }
}

Test(reading, what_a_kept_answer_took_and_cost_is_not_told_again)
{
    struct watch_answer a = fresh();
    const struct reading *r;

    a.source = WATCH_CACHED;
    r = read_it(&a);
    assert_word(r, "latency", "uncounted");
    assert_word(r, "cost", "uncounted");
}

Test(reading, what_is_not_known_is_not_told)
{
    struct watch_answer a = fresh();

    a.took_us = 0;
    a.cost_usd = -1;
    a.body = (struct str){ 0 };
    assert_word(read_it(&a), "latency", "uncounted");
    assert_word(read_it(&a), "cost", "uncounted");
    assert_word(read_it(&a), "size", "uncounted");
}

Test(reading, a_body_that_is_no_json_is_invalid)
{
    struct watch_answer a = fresh();

    a.body = STR("{\"text\":\"abc\"");
    assert_word(read_it(&a), "size", "invalid");
}

Test(reading, a_prediction_of_the_request_reads_the_request)
{
    struct watch_answer a = fresh();

    watchlist_unref(list);
    a.list = list = list_of_length(STR("/text"), true);
    a.request = STR("{\"text\":\"0123456789\"}");
    assert_word(read_it(&a), "size", "le_16");
    a.request = (struct str){ 0 };
    assert_word(read_it(&a), "size", "uncounted");
}

Test(reading, equal_answers_have_equal_readings)
{
    struct watch_answer a = fresh(), b = fresh();
    struct reading other;

    b.body = STR("{\"text\":\"xyz\"}");
    reading_of(&b, fit, &other);
    cr_assert(reading_same(read_it(&a), &other));
    b.body = STR("{\"text\":\"wxyz!\"}");
    reading_of(&b, fit, &other);
    cr_assert_not(reading_same(read_it(&a), &other));
}

/* ---- kept answers ---- */

static struct entry *kept(void)
{
    struct entry_facts facts = { .model = STR("m"), .body = STR("{\"text\":\"abc\"}") };

    return entry_new(&facts);
}

static struct watch_answer answer_of(struct entry *e)
{
    struct watch_answer a = fresh();

    a.source = WATCH_CACHED;
    a.entry = e;
    a.body = e->facts.body;
    return a;
}

static size_t notes_at(const struct entry *e)
{
    size_t n = 0;

    for (const struct entry_note *note = e->note; note; note = note->older)
        n++;
    return n;
}

Test(reading, a_kept_answer_is_read_once)
{
    struct entry *e = kept();
    struct watch_answer a = answer_of(e);

    assert_word(read_it(&a), "size", "le_4");
    a.body = STR("");
    assert_word(read_it(&a), "size", "le_4");
    cr_assert_eq(notes_at(e), 1);
    entry_unref(e);
}

Test(reading, under_another_list_it_is_read_anew_and_both_are_known)
{
    struct entry *e = kept();
    struct watch_answer a = answer_of(e), b = a;

    (void)read_it(&a);
    b.list = list_of_length(STR(""), false);
    assert_word(read_it(&b), "size", "invalid");
    a.body = b.body = STR("");
    assert_word(read_it(&a), "size", "le_4");
    assert_word(read_it(&b), "size", "invalid");
    cr_assert_eq(notes_at(e), 2);
    watchlist_unref(b.list);
    entry_unref(e);
}

Test(reading, an_equal_list_finds_what_was_read)
{
    struct entry *e = kept();
    struct watch_answer a = answer_of(e), b = a;

    watchlist_seal(list);
    (void)read_it(&a);
    b.list = list_of_length(STR("/text"), false);
    watchlist_seal(b.list);
    b.body = STR("");
    assert_word(read_it(&b), "size", "le_4");
    cr_assert_eq(notes_at(e), 1);
    watchlist_unref(b.list);
    entry_unref(e);
}

Test(reading, there_are_not_any_number_of_notes)
{
    struct entry *e = kept();
    struct watch_answer a = answer_of(e);

    for (unsigned i = 0; i < 40; i++) {
        a.list = list_of_length(STR("/text"), false);
        assert_word(read_it(&a), "size", "le_4");
        watchlist_unref(a.list);
    }
    cr_assert_eq(notes_at(e), 16);
    entry_unref(e);
}

Test(reading, values_of_fresh_answers_add_to_the_variety)
{
    struct entry *e = kept();
    struct watch_answer a = fresh(), b = answer_of(e);
    struct variety_counts counts;

    a.list->predictions[0].kind = PREDICTION_NUMBER;
    a.list->predictions[0].from = STR("/n");
    watchlist_seal(a.list);
    a.body = STR("{\"n\":1}");
    (void)read_it(&a);
    a.body = STR("{\"n\":2}");
    (void)read_it(&a);
    (void)read_it(&a);
    a.body = STR("{}");
    (void)read_it(&a);
    b.body = STR("{\"n\":3}");
    (void)read_it(&b);
    variety_read(a.list->predictions[0].variety, clock_wall_ms() / (24 * 60 * 60 * 1000),
                 &counts);
    cr_assert_eq(counts.today + counts.yesterday, 2);
    entry_unref(e);
}

static void ignore(void *ctx, const struct jsonschema_remark *r)
{
    (void)ctx;
    (void)r;
}

Test(reading, fields_of_schemas_stand_behind_what_is_configured)
{
    struct watch_answer a = fresh();
    const struct reading *r;

    cr_assert_eq(jsonschema_new(&list->schemas[WATCH_ANSWER],
                                STR("{\"properties\":{\"text\":{\"maxLength\":2},\"x\":true}}"),
                                ignore, NULL),
                 OK);
    watchlist_add_fields(list);
    r = read_it(&a);
    assert_word(r, "size", "le_4");
    assert_word(r, "field:answer/text", "out_of_domain");
    assert_word(r, "field:answer/x", "missing");
}

Test(reading, no_prediction_of_the_configuration_may_be_called_like_a_field)
{
    cr_assert(reading_is_built_in(STR("field:answer/age")));
    cr_assert_not(reading_is_built_in(STR("fields")));
}
