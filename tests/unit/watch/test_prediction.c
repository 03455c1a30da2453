/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/prediction.h"

#include "weir/base/scan.h"
#include "weir/dialect/pattern.h"

#include <criterion/criterion.h>
#include <stdio.h>

TestSuite(prediction, .timeout = 20);

static void assert_is(const struct prediction *p, const char *body, const char *word)
{
    struct str value;

    cr_assert_eq(scan_check(str_of(body), NULL), OK, "%s", body);
    value = prediction_value(p, str_of(body));
    cr_assert(str_eq(value, str_of(word)), "%s gives %.*s, not %s", body, STR_ARG(value), word);
}

static struct str intents[3];
static struct prediction label;

static const double bounds[] = { -1, 0.5, 0.9 };
static struct str bound_words[4];
static struct prediction number;
static struct prediction length;

static void assert_content(const char *content, const char *word)
{
    char body[512];

    (void)snprintf(body, sizeof(body), "{\"choices\":[{\"message\":{\"content\":%s}}]}",
                   content);
    assert_is(&label, body, word);
}

static void prepare(void)
{
    intents[0] = STR("refund");
    intents[1] = STR("caf\u00e9");
    intents[2] = STR("true");
    label = (struct prediction){ .name = STR("intent"),
                                 .from = STR("/choices/0/message/content"),
                                 .kind = PREDICTION_LABEL,
                                 .labels = intents,
                                 .label_count = 3 };
    bound_words[0] = STR("le_-1");
    bound_words[1] = STR("le_0.5");
    bound_words[2] = STR("le_0.9");
    bound_words[3] = STR("gt_0.9");
    number = (struct prediction){ .name = STR("score"),
                                  .from = STR("/score"),
                                  .kind = PREDICTION_NUMBER,
                                  .bounds = bounds,
                                  .bound_words = bound_words,
                                  .bound_count = 3 };
    length = number;
    length.kind = PREDICTION_LENGTH;
}

#define FACT(name) Test(prediction, name, .init = prepare)

FACT(a_label_of_the_list_is_itself)
{
    assert_content("\"refund\"", "refund");
}

FACT(a_label_is_lent_by_the_prediction)
{
    struct str value = prediction_value(
        &label, STR("{\"choices\":[{\"message\":{\"content\":\"refund\"}}]}"));

    cr_assert_eq(value.at, intents[0].at);
}

FACT(a_label_with_escapes_is_read_as_it_is_meant)
{
    assert_content("\"caf\\u00e9\"", "caf\u00e9");
    assert_content("\"caf\u00e9\"", "caf\u00e9");
}

FACT(nothing_is_trimmed_or_lowered)
{
    assert_content("\" refund\"", "other");
    assert_content("\"refund\\n\"", "other");
    assert_content("\"Refund\"", "other");
    assert_content("\"cafe\u0301\"", "other");
}

FACT(free_text_is_other)
{
    assert_content("\"You may have your money back, of course.\"", "other");
    assert_content("\"\"", "other");
}

FACT(a_scalar_is_compared_as_it_is_written)
{
    assert_content("true", "true");
    assert_content("false", "other");
    assert_content("1", "other");
}

FACT(null_and_nothing_are_missing)
{
    assert_content("null", "missing");
    assert_is(&label, "{\"choices\":[]}", "missing");
    assert_is(&label, "{\"choices\":{}}", "missing");
    assert_is(&label, "7", "missing");
}

FACT(a_label_that_is_a_tree_is_invalid)
{
    assert_content("[\"refund\"]", "invalid");
    assert_content("{\"refund\":1}", "invalid");
}

FACT(an_empty_pointer_is_the_whole_answer)
{
    label.from = STR("");
    assert_is(&label, " \"refund\" ", "refund");
}

FACT(a_pointer_reaches_names_with_marks_in_them)
{
    label.from = STR("/a~1b/m~0n/");
    assert_is(&label, "{\"a/b\":{\"m~n\":{\"\":\"refund\"}}}", "refund");
    assert_is(&label, "{\"a~1b\":{\"m~n\":{\"\":\"refund\"}}}", "missing");
}

FACT(of_a_member_that_stands_twice_the_last_counts)
{
    label.from = STR("/a");
    assert_is(&label, "{\"a\":\"x\",\"a\":\"refund\"}", "refund");
}

FACT(a_pointer_goes_on_inside_a_text_that_is_json)
{
    label.from = STR("/choices/0/message/content#/intent");
    assert_content("\"{\\\"intent\\\": \\\"refund\\\"}\"", "refund");
    assert_content("\"{\\\"intent\\\": \\\"caf\\\\u00e9\\\"}\"", "caf\u00e9");
    assert_content("\"{\\\"intent\\\": null}\"", "missing");
    assert_content("\"{}\"", "missing");
}

FACT(a_text_that_should_be_json_and_is_not_is_invalid)
{
    label.from = STR("/choices/0/message/content#/intent");
    assert_content("\"refund\"", "invalid");
    assert_content("\"\"", "invalid");
    assert_content("\"{\\\"intent\\\": \\\"refund\\\"\"", "invalid");
    assert_content("\"```json\\n{\\\"intent\\\": \\\"refund\\\"}```\"", "invalid");
}

FACT(a_mark_after_what_is_no_text_is_invalid)
{
    label.from = STR("/choices/0/message/content#/intent");
    assert_content("{\"intent\":\"refund\"}", "invalid");
    assert_content("null", "missing");
}

FACT(a_text_may_hold_a_text)
{
    label.from = STR("/a#/b#");
    assert_is(&label, "{\"a\":\"{\\\"b\\\":\\\"\\\\\\\"refund\\\\\\\"\\\"}\"}", "refund");
}

FACT(a_bound_belongs_to_the_bin_below_it)
{
    assert_is(&number, "{\"score\":0.5}", "le_0.5");
    assert_is(&number, "{\"score\":0.50000001}", "le_0.9");
    assert_is(&number, "{\"score\":-1}", "le_-1");
    assert_is(&number, "{\"score\":-1e300}", "le_-1");
    assert_is(&number, "{\"score\":0.9}", "le_0.9");
    assert_is(&number, "{\"score\":18446744073709551616}", "gt_0.9");
}

FACT(number_forms_do_not_matter)
{
    assert_is(&number, "{\"score\":5e-1}", "le_0.5");
    assert_is(&number, "{\"score\":-0}", "le_0.5");
    assert_is(&number, "{\"score\":0.500}", "le_0.5");
}

FACT(what_is_no_finite_number_is_invalid)
{
    assert_is(&number, "{\"score\":\"0.5\"}", "invalid");
    assert_is(&number, "{\"score\":1e999}", "invalid");
    assert_is(&number, "{\"score\":true}", "invalid");
    assert_is(&number, "{\"score\":[0.5]}", "invalid");
    assert_is(&number, "{\"score\":null}", "missing");
}

FACT(a_text_is_as_long_as_its_code_points)
{
    static const double lengths[] = { 0, 1, 2 };

    length.bounds = lengths;
    bound_words[0] = STR("le_0");
    bound_words[1] = STR("le_1");
    bound_words[2] = STR("le_2");
    bound_words[3] = STR("gt_2");
    assert_is(&length, "{\"score\":\"\"}", "le_0");
    assert_is(&length, "{\"score\":\"\u00e9\"}", "le_1");
    assert_is(&length, "{\"score\":\"\\ud83d\\ude00\"}", "le_1");
    assert_is(&length, "{\"score\":\"\U0001F600e\"}", "le_2");
    assert_is(&length, "{\"score\":\"\\ud83d\"}", "le_1");
    assert_is(&length, "{\"score\":\"abc\"}", "gt_2");
}

FACT(an_array_is_as_long_as_its_elements)
{
    static const double lengths[] = { 0, 1, 2 };

    length.bounds = lengths;
    assert_is(&length, "{\"score\":[]}", "le_-1");
    assert_is(&length, "{\"score\":[[1,2,3]]}", "le_0.5");
    assert_is(&length, "{\"score\":[1,{\"a\":[2]}]}", "le_0.9");
    assert_is(&length, "{\"score\":[1,2,3]}", "gt_0.9");
}

FACT(numbers_and_objects_have_no_length)
{
    assert_is(&length, "{\"score\":12}", "invalid");
    assert_is(&length, "{\"score\":{}}", "invalid");
    assert_is(&length, "{\"score\":null}", "missing");
}

/* ---- kinds that bring their own words ---- */

#define SAYS(content) "{\"choices\":[{\"message\":{\"content\":" content "}}]}"

static struct prediction of_kind(enum prediction_kind kind)
{
    struct prediction p = { .name = STR("p"), .kind = kind };

    prediction_complete(&p);
    return p;
}

FACT(without_a_place_the_answers_text_is_read)
{
    label.from = (struct str){ 0 };
    assert_is(&label, SAYS("\"refund\""), "refund");
    assert_is(&label, "{\"choices\":[{\"text\":\"refund\"}]}", "refund");
    assert_is(&label, SAYS("null"), "missing");
}

FACT(of_a_request_the_last_words_are_read)
{
    label.from = (struct str){ 0 };
    label.of_request = true;
    assert_is(&label, "{\"messages\":[{\"role\":\"user\",\"content\":\"refund\"}]}", "refund");
    assert_is(&label, "{\"messages\":[]}", "missing");
}

FACT(a_pattern_takes_the_label_out_of_a_text)
{
    struct fault why = { 0 };

    cr_assert_eq(pattern_new(&label.match, STR("intent: *(\\w+)"), &why), OK);
    assert_content("\"So. Intent: refund, I guess\"", "refund");
    assert_content("\"intent: fraud\"", "other");
    assert_content("\"refund\"", "missing");
    assert_content("[]", "invalid");
    pattern_free(label.match);
}

FACT(a_pattern_without_a_group_takes_all_that_fits)
{
    struct fault why = { 0 };

    cr_assert_eq(pattern_new(&label.match, STR("refund|shipping"), &why), OK);
    assert_content("\"a refund\"", "refund");
    assert_content("\"by shipping\"", "other");
    pattern_free(label.match);
}

FACT(a_group_that_takes_no_part_is_missing)
{
    struct fault why = { 0 };

    cr_assert_eq(pattern_new(&label.match, STR("(refund)?x"), &why), OK);
    assert_content("\"x\"", "missing");
    pattern_free(label.match);
}

FACT(a_pattern_that_takes_too_long_is_invalid)
{
    struct fault why = { 0 };

    cr_assert_eq(pattern_new(&label.match, STR("((a+)+)+[bc]"), &why), OK);
    assert_content("\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", "invalid");
    pattern_free(label.match);
}

FACT(a_text_is_json_or_not)
{
    struct prediction p = of_kind(PREDICTION_JSON);

    assert_is(&p, SAYS("\"{\\\"a\\\":1}\""), "yes");
    assert_is(&p, SAYS("\"Sure! {\\\"a\\\":1}\""), "no");
    assert_is(&p, SAYS("null"), "missing");
    p.from = STR("/label");
    assert_is(&p, "{\"label\":{\"a\":1}}", "yes");
}

FACT(a_tool_is_called_or_not)
{
    struct prediction p = of_kind(PREDICTION_TOOL);

    assert_is(&p,
              "{\"choices\":[{\"message\":{\"tool_calls\":[{\"function\":{\"name\":\"f\"}}]}}"
              "]}",
              "yes");
    assert_is(&p, SAYS("\"a\""), "no");
}

FACT(the_first_tool_is_one_of_the_labels_or_other)
{
    struct prediction p = { .kind = PREDICTION_TOOL, .labels = intents, .label_count = 3 };

    prediction_complete(&p);
    assert_is(&p,
              "{\"choices\":[{\"message\":{\"tool_calls\":[{\"function\":{\"name\":\"refund\"}"
              "}]}}]}",
              "refund");
    assert_is(&p,
              "{\"choices\":[{\"message\":{\"tool_calls\":[{\"function\":{\"name\":\"rm\"}}]}"
              "}]}",
              "other");
    assert_is(&p, SAYS("\"a\""), "missing");
}

FACT(confidence_is_told_in_tenths)
{
    struct prediction p = of_kind(PREDICTION_CONFIDENCE);

    assert_is(&p, "{\"choices\":[{\"logprobs\":{\"content\":[{\"logprob\":-0.1}]}}]}",
              "le_1"); /* 0.905 */
    assert_is(&p, "{\"choices\":[{\"logprobs\":{\"content\":[{\"logprob\":-100}]}}]}",
              "le_0.1");
    assert_is(&p, "{\"choices\":[{\"logprobs\":{\"content\":[{\"logprob\":0}]}}]}", "le_1");
    assert_is(&p, SAYS("\"a\""), "missing");
}

FACT(a_script_is_told_of_texts_alone)
{
    struct prediction p = of_kind(PREDICTION_SCRIPT);

    assert_is(&p, SAYS("\"\\u041f\\u0440\\u0438\""), "cyrillic");
    assert_is(&p, SAYS("\"\""), "none");
    p.from = STR("/n");
    assert_is(&p, "{\"n\":7}", "invalid");
}

Test(prediction, a_place_and_its_word_belong_together, .init = prepare)
{
    cr_assert(str_eq(prediction_word(&label, PREDICTION_MISSING), STR("missing")));
    cr_assert(str_eq(prediction_word(&label, PREDICTION_INVALID), STR("invalid")));
    cr_assert(str_eq(prediction_word(&label, PREDICTION_OTHER), STR("other")));
    cr_assert(
        str_eq(prediction_word(&label, prediction_label(&label, STR("true"))), STR("true")));
    cr_assert(str_eq(prediction_word(&number, prediction_bin(&number, 7)), STR("gt_0.9")));
}
