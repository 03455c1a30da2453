/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/fit.h"

#include "weir/base/buf.h"
#include "weir/base/scan.h"

#include <criterion/criterion.h>
#include <time.h>

static struct fit *fit;

static void start(void)
{
    fit = fit_new();
}

static void stop(void)
{
    fit_free(fit);
}

TestSuite(fit, .init = start, .fini = stop, .timeout = 20);

#define LABEL                                                                             \
    "{\"type\":\"object\",\"required\":[\"label\"],\"properties\":{\"label\":{\"enum\":[" \
    "\"a\","                                                                              \
    "\"b\"]}}}"

static struct str chat_request(struct buf *out, struct str schema)
{
    buf_put_printf(out,
                   "{\"messages\":[],\"response_format\":{\"type\":\"json_schema\","
                   "\"json_schema\":{\"name\":\"x\",\"strict\":true,\"schema\":%.*s}}}",
                   STR_ARG(schema));
    return buf_str(out);
}

static struct str chat_answer(struct buf *out, struct str text)
{
    buf_put_text(out, "{\"choices\":[{\"message\":{\"content\":");
    scan_put_string(out, text);
    buf_put_text(out, "}}]}");
    return buf_str(out);
}

static enum fit_word said(struct str schema, struct str text)
{
    struct buf request = { 0 }, answer = { 0 };
    enum fit_word word = fit_of(fit, chat_request(&request, schema),
                                chat_answer(&answer, text));

    buf_deinit(&request);
    buf_deinit(&answer);
    return word;
}

Test(fit, a_chat_is_held_against_the_schema_that_it_brings)
{
    cr_assert_eq(said(STR(LABEL), STR("{\"label\": \"a\"}")), FIT_YES);
    cr_assert_eq(said(STR(LABEL), STR("{\"label\": \"c\"}")), FIT_NO);
    cr_assert_eq(said(STR(LABEL), STR("```json\n{\"label\": \"a\"}\n```")), FIT_NOT_JSON);
    cr_assert_eq(said(STR(LABEL), STR("")), FIT_NOT_JSON);
}

Test(fit, a_response_is_held_against_the_schema_of_its_text_format)
{
    const struct str request = STR(
        "{\"input\":\"x\",\"text\":{\"format\":{\"type\":\"json_schema\",\"name\":\"x\","
        "\"schema\":" LABEL "}}}");

    cr_assert_eq(fit_of(fit, request,
                        STR("{\"output\":[{\"content\":[{\"type\":\"output_text\","
                            "\"text\":\"{\\\"label\\\":\\\"b\\\"}\"}]}]}")),
                 FIT_YES);
    cr_assert_eq(fit_of(fit, request, STR("{\"output\":[{\"content\":[{\"text\":\"[]\"}]}]}")),
                 FIT_NO);
}

Test(fit, a_message_is_held_against_the_schema_of_its_output_format)
{
    const struct str answer = STR(
        "{\"content\":[{\"type\":\"text\",\"text\":\"{\\\"label\\\":\\\"c\\\"}\"}]}");

    cr_assert_eq(fit_of(fit,
                        STR("{\"output_config\":{\"effort\":\"low\",\"format\":{\"type\":"
                            "\"json_schema\",\"schema\":" LABEL "}}}"),
                        answer),
                 FIT_NO);
    cr_assert_eq(
        fit_of(fit, STR("{\"output_format\":{\"type\":\"json_schema\",\"schema\":" LABEL "}}"),
               answer),
        FIT_NO);
}

Test(fit, json_may_be_asked_for_without_a_schema)
{
    const struct str object = STR("{\"response_format\":{\"type\":\"json_object\"}}");
    const struct str any = STR("{\"response_format\":{\"type\":\"json_schema\"}}");
    struct buf list = { 0 };

    (void)chat_answer(&list, STR("[]"));
    cr_assert_eq(fit_of(fit, object, buf_str(&list)), FIT_NO);
    cr_assert_eq(fit_of(fit, any, buf_str(&list)), FIT_YES);
    buf_deinit(&list);
}

Test(fit, what_is_not_asked_for_json_has_no_word)
{
    const struct str answer = STR("{\"choices\":[{\"message\":{\"content\":\"x\"}}]}");

    cr_assert_eq(fit_of(fit, STR("{\"messages\":[]}"), answer), FIT_UNASKED);
    cr_assert_eq(fit_of(fit, STR("{\"response_format\":{\"type\":\"text\"}}"), answer),
                 FIT_UNASKED);
    cr_assert_eq(fit_of(fit, STR("{\"text\":\"json_schema\",\"response_format\":3}"), answer),
                 FIT_UNASKED);
    cr_assert_eq(fit_of(fit, STR("{\"text\":{\"format\":\"json_object\"},"), answer),
                 FIT_UNASKED);
    cr_assert_eq(fit_of(fit, (struct str){ 0 }, answer), FIT_UNASKED);
}

Test(fit, an_answer_that_calls_a_tool_or_has_no_text_has_no_word)
{
    const struct str request = STR("{\"response_format\":{\"type\":\"json_object\"}}");

    cr_assert_eq(fit_of(fit, request,
                        STR("{\"choices\":[{\"message\":{\"content\":\"Let me see\","
                            "\"tool_calls\":[{\"function\":{\"name\":\"f\"}}]}}]}")),
                 FIT_UNASKED);
    cr_assert_eq(
        fit_of(fit, request,
               STR("{\"choices\":[{\"message\":{\"content\":null,\"refusal\":\"No\"}}]}")),
        FIT_UNASKED);
}

Test(fit, a_schema_that_cannot_be_checked_is_unknown)
{
    static const char *const schemas[] = {
        "{\"if\":true}",          "{\"$ref\":\"https://example.com/a\"}",
        "{\"$ref\":\"#/x\"}",     "{\"anyOf\":[{\"$ref\":\"#\"},true]}",
        "{\"type\":\"string2\"}", "7",
    };

    for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++)
        cr_assert_eq(said(str_of(schemas[i]), STR("{}")), FIT_UNKNOWN, "%s", schemas[i]);
    cr_assert_eq(
        fit_of(fit, STR("{\"response_format\":{\"type\":\"json_object\"}}"), (struct str){ 0 }),
        FIT_UNKNOWN);
}

/* ---- bounds ---- */

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void repeat(struct buf *out, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++)
        buf_put_text(out, text);
}

/* Sanitizers are slow, so this is generous; what it is to find takes minutes. */
static void expect_soon(struct buf *schema, struct str text, enum fit_word word)
{
    double began = seconds();

    cr_assert_eq(said(buf_str(schema), text), word);
    cr_assert_lt(seconds() - began, 2.0);
    buf_deinit(schema);
}

Test(fit, a_schema_that_is_too_large_is_unknown)
{
    struct buf schema = { 0 };

    buf_put_text(&schema, "{\"description\":\"");
    repeat(&schema, "xxxxxxxxxxxxxxxx", 16 << 10);
    buf_put_text(&schema, "\"}");
    expect_soon(&schema, STR("{}"), FIT_UNKNOWN);
}

Test(fit, a_schema_of_very_many_names_is_read_soon)
{
    struct buf schema = { 0 };

    buf_put_text(&schema, "{\"required\":[\"a\"");
    for (unsigned i = 0; i < 14000; i++)
        buf_put_printf(&schema, ",\"%u\"", i);
    buf_put_text(&schema, "]}");
    expect_soon(&schema, STR("{}"), FIT_NO);
}

Test(fit, a_schema_of_very_many_places_is_given_up)
{
    struct buf schema = { 0 };

    buf_put_text(&schema, "{\"allOf\":[true");
    for (unsigned i = 0; i < 3000; i++)
        buf_put_printf(&schema, ",{\"$ref\":\"#/x/%u\"}", i);
    buf_put_text(&schema, "],\"x\":[true");
    repeat(&schema, ",true", 3000);
    buf_put_text(&schema, "]}");
    expect_soon(&schema, STR("{}"), FIT_UNKNOWN);
}

Test(fit, a_schema_of_very_many_patterns_is_given_up)
{
    struct buf schema = { 0 };

    buf_put_text(&schema, "{\"allOf\":[true");
    repeat(&schema, ",{\"pattern\":\"((a{1,90}){1,90}){1,9}\"}", 1000);
    buf_put_text(&schema, "]}");
    expect_soon(&schema, STR("\"aa\""), FIT_UNKNOWN);
}

Test(fit, a_pattern_that_explodes_is_given_up)
{
    struct buf schema = { 0 };

    buf_put_text(&schema, "{\"pattern\":\"^(a+)+$\"}");
    expect_soon(&schema, STR("\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\""),
                FIT_UNKNOWN);
}

Test(fit, a_large_enum_is_looked_up_and_not_walked)
{
    struct buf schema = { 0 }, text = { 0 };

    buf_put_text(&schema, "{\"items\":{\"enum\":[0");
    for (unsigned i = 1; i < 20000; i++)
        buf_put_printf(&schema, ",%u", i);
    buf_put_text(&schema, "]}}");
    buf_put_text(&text, "[0");
    repeat(&text, ",19999", 20000);
    buf_put_text(&text, "]");
    expect_soon(&schema, buf_str(&text), FIT_YES);
    buf_deinit(&text);
}

Test(fit, many_schemas_push_each_other_out_and_the_words_stay)
{
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < 100; i++) {
            struct buf schema = { 0 };

            buf_put_printf(&schema, "{\"minimum\":%u}", i);
            cr_assert_eq(said(buf_str(&schema), STR("50")), i <= 50 ? FIT_YES : FIT_NO);
            buf_deinit(&schema);
        }
}

Test(fit, large_schemas_push_each_other_out_too)
{
    for (unsigned i = 0; i < 40; i++) {
        struct buf schema = { 0 };

        buf_put_printf(&schema, "{\"minimum\":%u,\"properties\":{", i);
        for (unsigned j = 0; j < 3000; j++)
            buf_put_printf(&schema, "%s\"p%u\":true", j > 0 ? "," : "", j);
        buf_put_text(&schema, "}}");
        cr_assert_eq(said(buf_str(&schema), STR("50")), FIT_YES);
        buf_deinit(&schema);
    }
}
