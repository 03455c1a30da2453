/* SPDX-License-Identifier: Apache-2.0 */
#include "loaded.h"

/* Predictions at their edges; the plain cases stand in test_config.c and test_config_check.c. */

#define WITH(inside) \
    BASE "  p:\n    routes: [{upstream: openai}]\n    predictions: [" inside "]\n"
#define NUMBER(bins) WITH("{name: a, from: /x, kind: number, bins: " bins "}")
#define LABEL(labels) WITH("{name: a, from: /x, kind: label, labels: " labels "}")

static const struct prediction *first_of(const struct loaded *l)
{
    cr_assert_eq(l->err, OK, "%.*s", STR_ARG(buf_str(&l->faults)));
    return plan_model(l->config->plan, STR("p"))->watch->predictions;
}

Test(config_predictions, one_bin_parts_the_numbers_in_two, .timeout = 10)
{
    struct loaded l = load(NUMBER("[0]"));
    const struct prediction *p = first_of(&l);

    cr_assert_eq(p->bound_count, 1);
    cr_assert(str_eq(p->bound_words[0], STR("le_0")));
    cr_assert(str_eq(p->bound_words[1], STR("gt_0")));
    unload(&l);
}

Test(config_predictions, bins_rise_by_value_however_they_are_written, .timeout = 10)
{
    struct loaded l = load(NUMBER("[-1e2, -0.5, 0, 1e-3, 1]"));

    cr_assert_eq(first_of(&l)->bound_count, 5);
    unload(&l);
    expect_fault(NUMBER("[1, 1.0]"), "8: models.p.predictions[0].bins[1]: ", "rise");
    expect_fault(NUMBER("[1, 1e0]"), "8: models.p.predictions[0].bins[1]: ", "rise");
    expect_fault(NUMBER("[10, 9]"), "8: models.p.predictions[0].bins[1]: ", "rise");
    expect_fault(NUMBER("[0, -0]"), "8: models.p.predictions[0].bins[1]: ", "rise");
}

Test(config_predictions, a_bin_is_a_finite_number, .timeout = 10)
{
    static const char *const wrong[] = { "[.inf]",  "[nan]", "[inf]",  "[1e999]", "[0x10]",
                                         "[1_000]", "[[1]]", "[null]", "[\"\"]" };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct buf text = { 0 };
        struct loaded l;

        buf_put_printf(&text, WITH("{name: a, from: /x, kind: number, bins: %s}"), wrong[i]);
        l = load_bytes(buf_str(&text), NULL);
        cr_assert_eq(l.err, ERR_CONFIG, "%s", wrong[i]);
        unload(&l);
        buf_deinit(&text);
    }
}

Test(config_predictions, a_list_of_nothing_is_a_fault, .timeout = 10)
{
    expect_fault(NUMBER("[]"), "8: models.p.predictions[0].bins", "");
    expect_fault(LABEL("[]"), "8: models.p.predictions[0].labels", "");
    expect_fault(LABEL("[\"\"]"), "8: models.p.predictions[0].labels[0]: ", "");
    expect_fault(LABEL("yes"), "8: models.p.predictions[0].labels: ", "list");
}

static struct loaded load_many(const char *kind, const char *list, int count)
{
    struct buf text = { 0 };
    struct loaded l;

    buf_put_printf(&text,
                   BASE "  p:\n    routes: [{upstream: openai}]\n    predictions: "
                        "[{name: a, from: /x, kind: %s, %s: [0",
                   kind, list);
    for (int i = 1; i < count; i++)
        buf_put_printf(&text, ", %d", i);
    buf_put_text(&text, "]}]\n");
    l = load_bytes(buf_str(&text), NULL);
    buf_deinit(&text);
    return l;
}

Test(config_predictions, there_are_64_labels_or_bins_and_no_more, .timeout = 10)
{
    static const char *const kinds[][2] = { { "label", "labels" },
                                            { "number", "bins" },
                                            { "length", "bins" } };

    for (size_t i = 0; i < 3; i++) {
        struct loaded good = load_many(kinds[i][0], kinds[i][1], 64);
        struct loaded bad = load_many(kinds[i][0], kinds[i][1], 65);

        cr_assert_eq(first_of(&good)->label_count + first_of(&good)->bound_count, 64);
        cr_assert(has_line(&bad.faults, "weir.yaml:8: models.p.predictions[0].", "64"));
        unload(&good);
        unload(&bad);
    }
}

Test(config_predictions, a_length_with_bins_has_those_and_without_the_usual, .timeout = 10)
{
    struct loaded own = load(WITH("{name: a, from: /x, kind: length, bins: [3]}"));
    struct loaded usual = load(WITH("{name: a, from: /x, kind: length}"));

    cr_assert_eq(first_of(&own)->bound_count, 1);
    cr_assert_eq(first_of(&usual)->bound_count, 9);
    cr_assert(str_eq(first_of(&usual)->bound_words[0], STR("le_1")));
    unload(&own);
    unload(&usual);
}

Test(config_predictions, labels_differ_by_every_byte, .timeout = 10)
{
    struct loaded l = load(LABEL("[a, A, \" a\", \"a \"]"));

    cr_assert_eq(first_of(&l)->label_count, 4);
    unload(&l);
}

Test(config_predictions, the_names_of_what_is_always_there_are_taken, .timeout = 10)
{
    expect_fault(WITH("{name: finish_reason, from: /x, kind: length}"), "8: ", "always there");
    expect_fault(WITH("{name: output_tokens, from: /x, kind: length}"), "8: ", "always there");
    expect_fault(WITH("{name: input_tokens, from: /x, kind: length}"), "8: ", "always there");
    expect_fault(WITH("{name: latency, from: /x, kind: length}"), "8: ", "always there");
    expect_fault(WITH("{name: cost, from: /x, kind: length}"), "8: ", "always there");
    expect_good(WITH("{name: Refusal, from: /x, kind: length}"));
}

Test(config_predictions, two_models_may_have_one_of_the_same_name, .timeout = 10)
{
    expect_good(BASE "  p: {routes: [{upstream: openai}], predictions: [{name: a, from: /x, "
                     "kind: length}]}\n"
                     "  q: {routes: [{upstream: openai}], predictions: [{name: a, from: /x, "
                     "kind: length}]}\n");
}

Test(config_predictions, what_is_no_mapping_is_told_and_the_rest_is_read, .timeout = 10)
{
    expect_fault(WITH("7, {name: a, from: x, kind: length}"),
                 "8: models.p.predictions[0]: ", "");
    expect_fault(WITH("7, {name: a, from: x, kind: length}"),
                 "8: models.p.predictions[1].from: ", "JSON Pointer");
}

Test(config_predictions, kinds_with_words_of_their_own_have_them, .timeout = 10)
{
    struct loaded l = load(WITH("{name: a, kind: json}, {name: b, kind: tool}, {name: c, kind: "
                                "confidence}, {name: d, kind: script, of: request}, {name: e, "
                                "kind: tool, labels: [find, pay]}"));
    const struct prediction *p = first_of(&l);

    cr_assert(str_eq(p[0].labels[0], STR("yes")));
    cr_assert_eq(p[1].label_count, 2);
    cr_assert_eq(p[2].bound_count, 10);
    cr_assert(str_eq(p[2].bound_words[0], STR("le_0.1")));
    cr_assert(p[3].of_request);
    cr_assert_eq(p[3].label_count, 12);
    cr_assert(str_eq(p[4].labels[1], STR("pay")));
    cr_assert_null(p[0].from.at);
    unload(&l);
}

Test(config_predictions, a_label_may_be_what_a_pattern_takes, .timeout = 10)
{
    struct loaded l = load(WITH("{name: a, kind: label, labels: [x], match: 'label: (\\w+)'}"));

    cr_assert_not_null(first_of(&l)->match);
    unload(&l);
    expect_fault(WITH("{name: a, kind: label, labels: [x], match: '(x'}"),
                 "8: models.p.predictions[0].match: ", "at character 2");
    expect_fault(WITH("{name: a, kind: length, match: x}"),
                 "8: models.p.predictions[0].match: ", "kind label");
}

Test(config_predictions, what_does_not_belong_to_a_kind_is_told, .timeout = 10)
{
    expect_fault(WITH("{name: a, kind: number, bins: [1]}"), "8: models.p.predictions[0]",
                 "/score");
    expect_fault(WITH("{name: a, kind: tool, from: /x}"),
                 "8: models.p.predictions[0].from: ", "leave it out");
    expect_fault(WITH("{name: a, kind: confidence, of: request}"),
                 "8: models.p.predictions[0].of: ", "reads answers");
    expect_fault(WITH("{name: a, kind: json, labels: [x]}"),
                 "8: models.p.predictions[0].labels: ", "label and tool");
    expect_fault(WITH("{name: a, kind: script, bins: [1]}"),
                 "8: models.p.predictions[0].bins: ", "number and length");
}

Test(config_predictions, a_model_has_at_most_32, .timeout = 10)
{
    struct buf text = { 0 };
    struct loaded l;

    buf_put_text(&text, BASE "  p:\n    routes: [{upstream: openai}]\n    predictions: [");
    for (int i = 0; i < 33; i++)
        buf_put_printf(&text, "%s{name: p%d, kind: json}", i > 0 ? ", " : "", i);
    buf_put_text(&text, "]\n");
    l = load_bytes(buf_str(&text), NULL);
    cr_assert(has_line(&l.faults, "weir.yaml:8: models.p.predictions: ", "32"));
    unload(&l);
    buf_deinit(&text);
}
