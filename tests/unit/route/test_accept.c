/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/route/accept.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct accept a;
static struct str words[2];

static void start(void)
{
    a = (struct accept){ .pointer = STR("/score") };
    words[0] = STR("refund");
    words[1] = STR("caf\u00e9");
}

/* In memory of its very size, so that a read past its end is seen. */
static bool holds(const char *body)
{
    size_t len = strlen(body);
    char *copy = malloc(len > 0 ? len : 1);
    bool result;

    cr_assert_not_null(copy);
    memcpy(copy, body, len);
    result = accept_holds(&a, (struct str){ copy, len });
    free(copy);
    return result;
}

static void want_least(double least)
{
    a.has_least = true;
    a.at_least = least;
}

static void want_words(void)
{
    a.pointer = STR("/label");
    a.is = words;
    a.is_count = 2;
}

static void want_other_words(void)
{
    a.pointer = STR("/label");
    a.is_not = words;
    a.is_not_count = 2;
}

TestSuite(accept, .init = start, .timeout = 10);

Test(accept, a_number_at_or_above_the_least_is_accepted)
{
    want_least(0.8);
    cr_expect(holds("{\"score\":0.8}"));
    cr_expect(holds("{\"score\":9e-1}"));
    cr_expect_not(holds("{\"score\":0.79}"));
}

Test(accept, a_number_at_or_below_the_most_is_accepted)
{
    a.has_most = true;
    a.at_most = 0;
    cr_expect(holds("{\"score\":0}"));
    cr_expect(holds("{\"score\":-3}"));
    cr_expect_not(holds("{\"score\":0.001}"));
}

Test(accept, with_both_bounds_a_number_must_lie_between)
{
    want_least(1);
    a.has_most = true;
    a.at_most = 2;
    cr_expect(holds("{\"score\":1.5}"));
    cr_expect_not(holds("{\"score\":0.5}"));
    cr_expect_not(holds("{\"score\":2.5}"));
}

Test(accept, what_is_no_number_is_within_no_bounds)
{
    static const char *const odd[] = { "{\"score\":\"0.9\"}",
                                       "{\"score\":true}",
                                       "{\"score\":null}",
                                       "{\"score\":[1]}",
                                       "{\"score\":{}}",
                                       "{\"scores\":1}",
                                       "{\"score\":1e999}",
                                       "[1]",
                                       "1",
                                       "" };

    want_least(0.8);
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        cr_expect_not(holds(odd[i]), "%s", odd[i]);
}

Test(accept, a_broken_body_is_not_accepted)
{
    want_least(0.8);
    cr_expect_not(holds("{\"score\":0.9"));
    cr_expect_not(holds("{\"score\":0.9} and more"));
    cr_expect_not(holds("data: {\"score\":0.9}"));
}

Test(accept, an_absent_body_is_not_accepted)
{
    want_least(0.8);
    cr_expect_not(accept_holds(&a, (struct str){ NULL, 0 }));
}

Test(accept, a_text_on_the_list_is_accepted)
{
    want_words();
    cr_expect(holds("{\"label\":\"refund\"}"));
    cr_expect(holds("{\"label\":\"caf\\u00e9\"}"));
    cr_expect_not(holds("{\"label\":\"Refund\"}"));
    cr_expect_not(holds("{\"label\":\"other\"}"));
}

Test(accept, a_text_that_is_not_on_the_other_list_is_accepted)
{
    want_other_words();
    cr_expect(holds("{\"label\":\"shipping\"}"));
    cr_expect_not(holds("{\"label\":\"refund\"}"));
    cr_expect_not(holds("{\"label\":\"caf\\u00e9\"}"));
}

Test(accept, what_is_not_there_is_not_accepted_even_if_it_is_on_no_list)
{
    want_other_words();
    cr_expect_not(holds("{}"));
    cr_expect_not(holds("{\"label\":null}"));
    cr_expect_not(holds("{\"label\":[\"shipping\"]}"));
    cr_expect_not(holds("{\"label\":{}}"));
}

Test(accept, numbers_and_booleans_are_on_a_list_as_they_are_written)
{
    want_words();
    words[0] = STR("true");
    words[1] = STR("3");
    cr_expect(holds("{\"label\":true}"));
    cr_expect(holds("{\"label\":3}"));
    cr_expect_not(holds("{\"label\":3.0}"));
}

Test(accept, the_pointer_leads_into_a_text_that_is_json)
{
    want_least(0.8);
    a.pointer = STR("/choices/0/message/content#/score");
    cr_expect(holds("{\"choices\":[{\"message\":{\"content\":\"{\\\"score\\\": 0.9}\"}}]}"));
    cr_expect_not(holds("{\"choices\":[{\"message\":{\"content\":\"{\\\"score\\\": 0.9\"}}]}"));
    cr_expect_not(holds("{\"choices\":[{\"message\":{\"content\":\"sure\"}}]}"));
    cr_expect_not(holds("{\"choices\":[{\"message\":{\"content\":0.9}}]}"));
}

Test(accept, a_whole_text_may_be_the_json)
{
    want_least(0.8);
    a.pointer = STR("/content#");
    cr_expect(holds("{\"content\":\"0.85\"}"));
    cr_expect_not(holds("{\"content\":\"0.75\"}"));
}

Test(accept, without_a_test_it_is_enough_to_be_there)
{
    cr_expect(holds("{\"score\":{}}"));
    cr_expect_not(holds("{\"score\":null}"));
}

/* ---- predictions ---- */

static const double bounds[] = { 0.5, 0.9 };
static struct str bound_words[3];
static struct prediction number, label;

static void predict_number(void)
{
    bound_words[0] = STR("le_0.5");
    bound_words[1] = STR("le_0.9");
    bound_words[2] = STR("gt_0.9");
    number = (struct prediction){ .name = STR("score"),
                                  .from = STR("/score"),
                                  .kind = PREDICTION_NUMBER,
                                  .bounds = bounds,
                                  .bound_words = bound_words,
                                  .bound_count = 2 };
    a.prediction = &number;
}

static void predict_label(void)
{
    label = (struct prediction){
        .name = STR("label"), .from = STR("/label"), .labels = words, .label_count = 2
    };
    a.prediction = &label;
}

Test(accept, of_a_prediction_the_word_is_looked_at)
{
    predict_number();
    a.is = &bound_words[2];
    a.is_count = 1;
    cr_expect(holds("{\"score\":0.95}"));
    cr_expect_not(holds("{\"score\":0.85}"));
}

Test(accept, bounds_are_for_the_number_that_a_prediction_reads)
{
    predict_number();
    want_least(0.7);
    cr_expect(holds("{\"score\":0.85}"));
    cr_expect_not(holds("{\"score\":0.65}"));
}

Test(accept, a_label_that_nobody_listed_is_another_word)
{
    predict_label();
    a.is_not = (struct str[]){ STR("other") };
    a.is_not_count = 1;
    cr_expect(holds("{\"label\":\"refund\"}"));
    cr_expect_not(holds("{\"label\":\"unsure\"}"));
}

Test(accept, a_prediction_that_is_missing_or_invalid_is_not_accepted)
{
    predict_label();
    a.is_not = words;
    a.is_not_count = 1;
    cr_expect(holds("{\"label\":\"caf\\u00e9\"}"));
    cr_expect_not(holds("{}"));
    cr_expect_not(holds("{\"label\":[]}"));
    cr_expect_not(holds("no json"));
}

/* ---- in words ------------------------------------------------------------------------- */

static bool is_put_as(const char *text)
{
    struct buf out = { 0 };
    bool same;

    cr_assert_eq(accept_put(&a, &out), OK);
    same = str_eq(buf_str(&out), str_of(text));
    buf_deinit(&out);
    return same;
}

Test(accept, a_test_in_words_says_all_that_it_asks_for)
{
    start();
    a.has_least = a.has_most = true;
    a.at_least = 0.5;
    a.at_most = 1;
    a.is = words;
    a.is_count = 2;
    a.is_not = words;
    a.is_not_count = 1;
    cr_assert(is_put_as("?%2Fscore>0.5<1+refund+caf%C3%A9!refund"));
}

Test(accept, a_prediction_in_words_has_its_place_its_name_and_its_labels)
{
    struct prediction p = {
        .name = STR("a:b"), .from = STR("/x"), .labels = words, .label_count = 2
    };

    start();
    a = (struct accept){ .prediction = &p, .is_not = words, .is_not_count = 1 };
    cr_assert(is_put_as("*%2Fx:a%3Ab=l,refund,caf%C3%A9!refund"));
}

Test(accept, a_prediction_in_words_has_a_kind_whatever_its_kind_is)
{
    struct prediction p = { .name = STR("a"), .from = STR("/x"), .kind = PREDICTION_SCRIPT };

    start();
    a = (struct accept){ .prediction = &p, .is = words, .is_count = 1 };
    cr_assert(is_put_as("*%2Fx:a=s+refund"));
}

Test(accept, a_prediction_in_words_has_its_bins_unless_bounds_are_asked_for)
{
    start();
    predict_number();
    a.is = &bound_words[2];
    a.is_count = 1;
    cr_expect(is_put_as("*%2Fscore:score=n,le_0.5,le_0.9,gt_0.9+gt_0.9"));
    want_least(0.7);
    cr_expect(is_put_as("*%2Fscore:score>0.69999999999999996+gt_0.9"));
}
