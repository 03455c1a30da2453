/* SPDX-License-Identifier: Apache-2.0 */
#include "drift_body.h"

#include "drift_plan.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct plan *plan;
static struct drift_body body;
static struct fault why;

static void start(void)
{
    plan = chat_plan();
}

static void stop(void)
{
    drift_body_deinit(&body);
    plan_unref(plan);
}

TestSuite(drift_counts, .init = start, .fini = stop, .timeout = 10);

static enum err read(const char *prediction, const char *counts)
{
    char json[2048];

    (void)snprintf(json, sizeof(json),
                   "{\"model\":\"chat\",\"prediction\":\"%s\",\"counts\":%s}", prediction,
                   counts);
    drift_body_deinit(&body);
    why = (struct fault){ 0 };
    cr_assert_eq(drift_body_read(&body, DRIFT_BASELINE, str_of(json), &why), OK, "%s",
                 why.text);
    /* The body lends its counts from the text, which ends here: they are read at once. */
    return drift_counts_read(&body, plan, &why);
}

static void refuses(const char *prediction, const char *counts, const char *sentence)
{
    cr_assert_eq(read(prediction, counts), ERR_MALFORMED, "%s", counts);
    cr_assert(strstr(why.text, sentence), "%s: %s", counts, why.text);
}

Test(drift_counts, counts_of_values_that_there_are_stand_in_the_table)
{
    cr_assert_eq(read("intent", "{\"refund\":300,\"sh\\u0069pping\":0,\"missing\":7}"), OK);
    cr_assert_eq(counts_of(&body.table, STR("refund")), 300);
    cr_assert_eq(counts_of(&body.table, STR("missing")), 7);
    cr_assert_eq(counts_total(&body.table), 307);
}

Test(drift_counts, what_every_model_has_may_be_counted_too)
{
    cr_assert_eq(read("refusal", "{\"yes\":20,\"no\":980}"), OK);
    cr_assert_eq(read("latency", "{\"le_0.5\":500,\"gt_100\":1}"), OK);
}

Test(drift_counts, without_counts_there_is_nothing_to_read)
{
    body = (struct drift_body){ .model = STR("nobody") };
    cr_assert_eq(drift_counts_read(&body, plan, &why), OK);
}

Test(drift_counts, a_model_that_there_is_not_is_refused_with_the_one_that_is_near)
{
    body = (struct drift_body){ .model = STR("chta"), .counts = STR("{}") };
    cr_assert_eq(drift_counts_read(&body, plan, &why), ERR_MALFORMED);
    cr_assert_str_eq(why.text,
                     "model: there is none of the name \"chta\" (did you mean \"chat\"?)");
}

Test(drift_counts, a_prediction_is_to_be_named_and_to_be_one_of_the_model)
{
    body = (struct drift_body){ .model = STR("chat"), .counts = STR("{}") };
    cr_assert_eq(drift_counts_read(&body, plan, &why), ERR_MALFORMED);
    cr_assert(str_starts(str_of(why.text), STR("prediction: ")));
    refuses("intnet", "{}", "(did you mean \"intent\"?)");
    refuses("zebra", "{}", "none of the name \"zebra\": there is intent, finish_reason, ");
}

Test(drift_counts, a_value_that_the_prediction_never_has_is_refused)
{
    refuses("intent", "{\"refnud\":500}", "\"refnud\" (did you mean \"refund\"?)");
    refuses("intent", "{\"\":500}", "no value \"\": there is refund, shipping, missing");
    refuses("latency", "{\"le_0.3\":500}", "no value \"le_0.3\"");
}

Test(drift_counts, a_value_that_stands_twice_is_refused)
{
    refuses("intent", "{\"refund\":300,\"refund\":300}", "\"refund\" stands twice");
    refuses("intent", "{\"refund\":300,\"\\u0072efund\":300}", "\"refund\" stands twice");
}

Test(drift_counts, a_count_is_a_whole_number_within_bounds)
{
    refuses("intent", "{\"refund\":-1}", "\"refund\" is -1: expected a whole number");
    refuses("intent", "{\"refund\":1.5}", "\"refund\" is 1.5: ");
    refuses("intent", "{\"refund\":2e3}", "\"refund\" is 2e3: ");
    refuses("intent", "{\"refund\":1000000001}", "\"refund\" is 1000000001: ");
    refuses("intent", "{\"refund\":999999999999999999999999999}", "\"refund\" is 9999");
    refuses("intent", "{\"refund\":\"5\"}", "\"refund\" is no number: ");
    refuses("intent", "{\"refund\":{\"n\":5}}", "\"refund\" is no number: ");
}

Test(drift_counts, too_few_answers_are_refused)
{
    refuses("intent", "{}", "0 answers together are too few");
    refuses("intent", "{\"refund\":0,\"shipping\":0}", "0 answers together are too few");
    refuses("intent", "{\"refund\":199}",
            "199 answers together are too few: a baseline takes 200");
}

static enum err read_segment(const char *segment)
{
    body = (struct drift_body){ .model = STR("chat"),
                                .prediction = STR("intent"),
                                .segment = str_of(segment),
                                .counts = STR("{\"refund\":500}") };
    return drift_counts_read(&body, plan, &why);
}

Test(drift_counts, a_segment_is_one_of_the_models)
{
    cr_assert_eq(read_segment(""), OK);
    drift_body_deinit(&body);
    cr_assert_eq(read_segment("country=de"), OK);
    drift_body_deinit(&body);
    cr_assert_eq(read_segment("plan=pro,country=de"), OK);
    drift_body_deinit(&body);
    cr_assert_eq(read_segment("plan"), ERR_MALFORMED);
    cr_assert_eq(read_segment("country=de,plan=pro"), ERR_MALFORMED);
    cr_assert_eq(read_segment("plan=pro,country=de,plan=pro"), ERR_MALFORMED);
    cr_assert_eq(read_segment("pln=pro"), ERR_MALFORMED);
    cr_assert(strstr(why.text, "segments, not \"pln=pro\": there is plan, country"));
}
