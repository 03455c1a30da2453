/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/dialect/jsonschema.h"

#include "weir/base/buf.h"
#include "weir/base/scan.h"

#include <criterion/criterion.h>
#include <string.h>

/* ---- schemas ---- */

struct heard {
    struct buf text; /* "! /at: words" for a fault, "? ..." for a warning */
    size_t at;       /* of the last */
};

static void hear(void *ctx, const struct jsonschema_remark *r)
{
    struct heard *h = ctx;

    buf_put_printf(&h->text, "%c %s: %s\n", r->is_fault ? '!' : '?', r->pointer, r->words);
    h->at = r->at;
}

static struct jsonschema *schema_of(const char *text)
{
    struct jsonschema *s = NULL;
    struct heard heard = { 0 };
    enum err err = jsonschema_new(&s, str_of(text), hear, &heard);

    cr_assert_eq(err, OK, "%s: %.*s", text, STR_ARG(buf_str(&heard.text)));
    buf_deinit(&heard.text);
    return s;
}

static bool fits(const char *schema, const char *json)
{
    AUTO(jsonschema_free) struct jsonschema *s = schema_of(schema);

    cr_assert_eq(scan_check(str_of(json), NULL), OK);
    return jsonschema_fits(s, str_of(json), NULL);
}

/* All that is told, a line each. */
static void expect_told(const char *schema, struct str json, const char *lines)
{
    AUTO(jsonschema_free) struct jsonschema *s = schema_of(schema);
    struct jsonschema_report report;
    struct buf told = { 0 };

    cr_assert_eq(scan_check(json, NULL), OK);
    cr_assert_not(jsonschema_fits(s, json, &report));
    for (size_t i = 0; i < report.count; i++)
        buf_put_printf(&told, "%s: %s\n", report.violations[i].pointer,
                       report.violations[i].words);
    cr_assert(str_eq(buf_str(&told), str_of(lines)), "%.*s", STR_ARG(buf_str(&told)));
    buf_deinit(&told);
}

static void expect_remark(const char *schema, enum err err, const char *lines)
{
    AUTO(jsonschema_free) struct jsonschema *s = NULL;
    struct heard heard = { 0 };

    cr_assert_eq(jsonschema_new(&s, str_of(schema), hear, &heard), err);
    cr_assert(str_eq(buf_str(&heard.text), str_of(lines)), "%.*s",
              STR_ARG(buf_str(&heard.text)));
    buf_deinit(&heard.text);
}

/* ---- what fits ---- */

Test(jsonschema, an_integer_is_one_however_it_is_written, .timeout = 5)
{
    cr_assert(fits("{\"type\":\"integer\"}", "1.0"));
    cr_assert(fits("{\"type\":\"integer\"}", "1e400"));
    cr_assert_not(fits("{\"type\":\"integer\"}", "1e-1"));
}

Test(jsonschema, bounds_hold_for_exact_values, .timeout = 5)
{
    cr_assert_not(fits("{\"maximum\":9007199254740992}", "9007199254740993"));
    cr_assert(fits("{\"minimum\":-1e400}", "-1e399"));
}

Test(jsonschema, a_multiple_is_one_by_exact_values, .timeout = 5)
{
    cr_assert(fits("{\"multipleOf\":0.01}", "19.99"));
    cr_assert(fits("{\"multipleOf\":0.01}", "-1e-2"));
    cr_assert(fits("{\"multipleOf\":0.01}", "0.0"));
    cr_assert(fits("{\"multipleOf\":1e1}", "1e400"));
    cr_assert(fits("{\"multipleOf\":7}", "700000000000000000000000000000000000007"));
    cr_assert(fits("{\"multipleOf\":999999999}", "999999999000"));
    cr_assert_not(fits("{\"multipleOf\":7}", "700000000000000000000000000000000000008"));
    cr_assert_not(fits("{\"multipleOf\":0.01}", "19.999"));
    cr_assert_not(fits("{\"multipleOf\":3}", "1e400"));
    cr_assert(fits("{\"multipleOf\":3}", "\"a\""));
    expect_told("{\"items\":{\"multipleOf\":0.5}}", STR("[0.5,0.3]"),
                "/1: must be a multiple of 0.5 (multipleOf)\n");
    expect_told("{\"not\":{\"multipleOf\":3}}", STR("1e99999999999"),
                ": a number is too large to be checked\n");
}

Test(jsonschema, what_is_to_be_a_multiple_of_nothing_is_refused, .timeout = 5)
{
    static const char words[] =
        "! /multipleOf: must be a number above 0, of at most 9 digits\n";

    expect_remark("{\"multipleOf\":0}", ERR_CONFIG, words);
    expect_remark("{\"multipleOf\":-1}", ERR_CONFIG, words);
    expect_remark("{\"multipleOf\":1.234567891}", ERR_CONFIG, words);
    expect_remark("{\"multipleOf\":\"1\"}", ERR_CONFIG, words);
}

Test(jsonschema, lengths_are_in_code_points, .timeout = 5)
{
    cr_assert(fits("{\"maxLength\":2}", "\"\\ud83d\\ude00é\""));
    cr_assert_not(fits("{\"minLength\":3}", "\"\\ud83d\\ude00é\""));
}

Test(jsonschema, values_are_equal_by_what_they_mean, .timeout = 5)
{
    cr_assert(
        fits("{\"const\":{\"a\":1,\"b\":[\"é\"]}}", "{ \"b\": [ \"\\u00e9\" ], \"a\": 1.0 }"));
    cr_assert_not(fits("{\"enum\":[1]}", "true"));
    cr_assert_not(fits("{\"uniqueItems\":true}", "[1,2,1.0]"));
}

Test(jsonschema, a_pattern_minds_the_case_and_the_ends_of_the_text, .timeout = 5)
{
    cr_assert(fits("{\"pattern\":\"b\"}", "\"abc\""));
    cr_assert_not(fits("{\"pattern\":\"B\"}", "\"abc\""));
    cr_assert_not(fits("{\"pattern\":\"^b$\"}", "\"a\\nb\\nc\""));
    cr_assert_not(fits("{\"pattern\":\"^b$\"}", "\"b\\n\""));
    cr_assert(fits("{\"pattern\":\"^\\\\u00e9$\"}", "\"é\""));
}

Test(jsonschema, a_schema_may_refer_to_itself, .timeout = 5)
{
    const char
        *tree = "{\"$ref\":\"#/$defs/n\",\"$defs\":{\"n\":{\"type\":\"object\",\"properties\""
                ":{\"next\":{\"$ref\":\"#/$defs/n\"}},\"additionalProperties\":false}}}";

    cr_assert(fits(tree, "{\"next\":{\"next\":{}}}"));
    cr_assert_not(fits(tree, "{\"next\":{\"next\":{\"x\":1}}}"));
}

Test(jsonschema, a_member_that_stands_twice_must_fit_twice, .timeout = 5)
{
    cr_assert_not(fits("{\"properties\":{\"a\":{\"type\":\"null\"}}}", "{\"a\":1,\"a\":null}"));
}

/* ---- what is told ---- */

Test(jsonschema, a_violation_names_the_place_the_keyword_and_what_was_expected, .timeout = 5)
{
    expect_told("{\"properties\":{\"messages\":{\"items\":{\"properties\":{\"age\":{"
                "\"minimum\":0}}}}}}",
                STR("{\"messages\":[{\"age\":-1}]}"),
                "/messages/0/age: must be at least 0 (minimum)\n");
}

Test(jsonschema, several_are_told_in_one_go_and_no_more_than_five, .timeout = 5)
{
    expect_told(
        "{\"type\":\"object\",\"required\":[\"z\",\"y\"],\"additionalProperties\":false,"
        "\"properties\":{\"a/b\":{\"type\":[\"string\",\"null\"]},\"c\":{\"enum\":[\"x\",2]}}}",
        STR("{\"a/b\":1,\"c\":3,\"d\":0}"),
        "/a~1b: must be a string or null (type)\n"
        "/c: must be one of \"x\", 2 (enum)\n"
        "/d: is not allowed (additionalProperties)\n"
        ": must have a member \"y\" (required)\n"
        ": must have a member \"z\" (required)\n");
    expect_told("{\"items\":false}", STR("[1,2,3,4,5,6,7]"),
                "/0: is not allowed\n/1: is not allowed\n/2: is not allowed\n"
                "/3: is not allowed\n/4: is not allowed\n");
}

Test(jsonschema, of_alternatives_only_their_number_is_told, .timeout = 5)
{
    expect_told("{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\"}],\"not\":{\"const\":1},"
                "\"oneOf\":[true,{\"minimum\":0}]}",
                STR("1"),
                ": must fit one of 2 schemas (anyOf)\n"
                ": must fit exactly one of 2 schemas (oneOf)\n"
                ": must not fit a schema that it fits (not)\n");
}

/* ---- bounds ---- */

Test(jsonschema, alternatives_of_alternatives_are_given_up, .timeout = 20)
{
    struct buf deep = { 0 };

    for (unsigned i = 0; i < 40; i++)
        buf_put_text(&deep, "[");
    for (unsigned i = 0; i < 40; i++)
        buf_put_text(&deep, "]");
    expect_told("{\"$ref\":\"#/$defs/n\",\"$defs\":{\"n\":{\"not\":{\"anyOf\":["
                "{\"items\":{\"allOf\":[{\"$ref\":\"#/$defs/n\"},{\"$ref\":\"#/$defs/"
                "n\"}]},\"minItems\":1},"
                "{\"items\":{\"$ref\":\"#/$defs/n\"},\"minItems\":1}]}}}}",
                buf_str(&deep), ": it takes too long to be checked\n");
    buf_deinit(&deep);
}

Test(jsonschema, a_pattern_that_takes_too_long_does_not_fit_even_below_a_not, .timeout = 20)
{
    struct buf text = { 0 };

    buf_put_text(&text, "\"");
    for (unsigned i = 0; i < 100000; i++)
        buf_put_text(&text, "a");
    buf_put_text(&text, "\"");
    expect_told("{\"not\":{\"pattern\":\"(a+)+[bc]$\"}}", buf_str(&text),
                ": a pattern takes too long on it\n");
    buf_deinit(&text);
}

Test(jsonschema, what_is_too_large_does_not_fit, .timeout = 20)
{
    struct buf text = { 0 };

    buf_put_text(&text, "\"");
    while (text.len < JSONSCHEMA_MOST)
        buf_put_text(&text, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    buf_put_text(&text, "\"");
    expect_told("true", buf_str(&text), ": it is too large to be checked\n");
    buf_deinit(&text);
}

/* ---- schemas of callers ---- */

static enum jsonschema_verdict judged(const char *schema, struct str json)
{
    AUTO(jsonschema_free) struct jsonschema *s = jsonschema_of_caller(str_of(schema));

    cr_assert_not_null(s);
    return jsonschema_judge(s, json);
}

Test(jsonschema, a_callers_schema_judges_as_any_other, .timeout = 5)
{
    cr_assert_eq(judged("{\"minimum\":1}", STR("1")), JSONSCHEMA_FITS);
    cr_assert_eq(judged("{\"minimum\":1}", STR("0")), JSONSCHEMA_VIOLATED);
    cr_assert_null(jsonschema_of_caller(STR("{\"if\":true}")));
    cr_assert_null(jsonschema_of_caller(STR("{")));
}

Test(jsonschema, what_would_take_too_long_with_a_callers_schema_is_unsure, .timeout = 20)
{
    struct buf deep = { 0 };

    for (unsigned i = 0; i < 40; i++)
        buf_put_text(&deep, "[");
    for (unsigned i = 0; i < 40; i++)
        buf_put_text(&deep, "]");
    cr_assert_eq(judged("{\"anyOf\":[{\"items\":{\"$ref\":\"#\"},\"minItems\":1},"
                        "{\"items\":{\"$ref\":\"#\"},\"minItems\":1}]}",
                        buf_str(&deep)),
                 JSONSCHEMA_UNSURE);
    cr_assert_eq(judged("{\"pattern\":\"^(a+)+$\"}",
                        STR("\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"")),
                 JSONSCHEMA_UNSURE);
    buf_deinit(&deep);
}

Test(jsonschema, a_callers_schema_has_few_nodes, .timeout = 20)
{
    struct buf many = { 0 };

    buf_put_text(&many, "{\"allOf\":[true");
    for (unsigned i = 0; i < 5000; i++)
        buf_put_text(&many, ",{}");
    buf_put_text(&many, "]}");
    cr_assert_null(jsonschema_of_caller(buf_str(&many)));
    buf_put(&many, (struct str){ "", 1 }); /* the end */
    cr_assert(fits(many.at, "1"));
    buf_deinit(&many);
}

/* ---- what is wrong with a schema ---- */

Test(jsonschema, a_keyword_that_is_unknown_is_warned_of, .timeout = 5)
{
    expect_remark("{\"properties\":{\"a\":{\"minumum\":1,\"format\":\"date\"}}}", OK,
                  "? /properties/a/minumum: is no keyword that is known, and has no effect\n"
                  "? /properties/a/format: is not checked: use pattern\n");
}

Test(jsonschema, one_that_would_change_what_fits_is_refused, .timeout = 5)
{
    expect_remark("{\"if\":true}", ERR_CONFIG,
                  "! /if: this keyword is not supported, and would change what fits\n");
}

Test(jsonschema, values_of_the_wrong_kind_are_refused, .timeout = 5)
{
    expect_remark(
        "{\"minimum\":true,\"type\":\"int\",\"pattern\":\"(\",\"items\":[true]}", ERR_CONFIG,
        "! /minimum: must be a number\n"
        "! /type: must be null, boolean, number, integer, string, array or object\n"
        "! /pattern: is no pattern: missing closing parenthesis, at character 1 of the "
        "pattern\n"
        "! /items: a list of schemas is called prefixItems in this draft\n");
}

Test(jsonschema, references_lead_somewhere_in_the_same_text, .timeout = 5)
{
    expect_remark("{\"$ref\":\"#/$defs/x\"}", ERR_CONFIG,
                  "! : $ref \"#/$defs/x\" leads nowhere\n");
    expect_remark("{\"$ref\":\"other.json\"}", ERR_CONFIG,
                  "! /$ref: only places in this file can be referred to, like #/$defs/name\n");
    expect_remark("{\"$ref\":\"#\"}", ERR_CONFIG,
                  "! : a $ref leads back to itself, without a step into the value\n");
}

Test(jsonschema, a_circle_without_a_step_into_the_value_is_refused, .timeout = 5)
{
    static const char *const round[] = {
        "{\"anyOf\":[{\"type\":\"string\"},{\"$ref\":\"#\"}]}",
        "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"not\":{\"$ref\":\"#/$defs/b\"}},"
        "\"b\":{\"allOf\":[true,{\"oneOf\":[{\"$ref\":\"#/$defs/a\"}]}]}}}",
    };

    for (size_t i = 0; i < sizeof(round) / sizeof(round[0]); i++)
        expect_remark(round[i], ERR_CONFIG,
                      "! : a $ref leads back to itself, without a step into the value\n");
    expect_remark("{\"anyOf\":[{\"type\":\"string\"},{\"items\":{\"$ref\":\"#\"}}]}", OK, "");
}

Test(jsonschema, definitions_are_a_map_of_schemas, .timeout = 5)
{
    expect_remark("{\"$defs\":[true]}", ERR_CONFIG, "! /$defs: must be an object of schemas\n");
}

Test(jsonschema, of_two_definitions_of_a_name_the_later_is_referred_to, .timeout = 5)
{
    static const char two[] =
        "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":false,\"a\":{\"type\":\"null\"}}}";

    cr_assert(fits(two, "null"));
    cr_assert_not(fits(two, "1"));
}

Test(jsonschema, a_member_may_be_required_before_and_behind_its_schema, .timeout = 5)
{
    static const char twice[] = "{\"required\":[\"b\",\"a\",\"b\"],\"properties\":{\"a\":"
                                "{\"minimum\":3},\"b\":true},\"additionalProperties\":false}";

    cr_assert(fits(twice, "{\"a\":3,\"b\":0}"));
    cr_assert_not(fits(twice, "{\"a\":2,\"b\":0}"));
    cr_assert_not(fits(twice, "{\"a\":3}"));
    expect_told("{\"required\":[\"c\"],\"additionalProperties\":false}", STR("{\"c\":1}"),
                "/c: is not allowed (additionalProperties)\n");
}

Test(jsonschema, a_remark_knows_the_byte, .timeout = 5)
{
    struct heard heard = { 0 };
    struct jsonschema *s = NULL;

    cr_assert_eq(jsonschema_new(&s, STR("{ \"a\": 1 }"), hear, &heard), OK);
    cr_assert_eq(heard.at, 7);
    jsonschema_free(s);
    buf_deinit(&heard.text);
}

Test(jsonschema, a_text_that_is_no_json_is_refused, .timeout = 5)
{
    struct heard heard = { 0 };
    struct jsonschema *s = NULL;

    cr_assert_eq(jsonschema_new(&s, STR("{"), hear, &heard), ERR_CONFIG);
    cr_assert(str_starts(buf_str(&heard.text), STR("! : is no JSON: ")));
    buf_deinit(&heard.text);
}

/* ---- fields ---- */

static enum jsonschema_field field(const char *json)
{
    AUTO(jsonschema_free)
    struct jsonschema *s = schema_of(
        "{\"$ref\":\"#/$defs/whole\",\"$defs\":{\"whole\":{\"properties\":{\"age\":"
        "{\"anyOf\":[{\"type\":\"integer\",\"minimum\":0},{\"type\":\"null\"}]},\"b\":true}}}"
        "}");

    cr_assert_eq(jsonschema_field_count(s), 2);
    cr_assert(str_eq(jsonschema_field_name(s, 0), STR("age")));
    return jsonschema_field_of(s, 0, str_of(json));
}

Test(jsonschema, a_field_is_fine_null_missing_of_a_wrong_type_or_out_of_its_domain,
     .timeout = 5)
{
    cr_assert_eq(field("{\"age\":3}"), JSONSCHEMA_FIELD_OK);
    cr_assert_eq(field("{\"age\":null}"), JSONSCHEMA_FIELD_NULL);
    cr_assert_eq(field("{}"), JSONSCHEMA_FIELD_MISSING);
    cr_assert_eq(field("[]"), JSONSCHEMA_FIELD_MISSING);
    cr_assert_eq(field("{\"age\":\"3\"}"), JSONSCHEMA_FIELD_WRONG_TYPE);
    cr_assert_eq(field("{\"age\":1.5}"), JSONSCHEMA_FIELD_WRONG_TYPE);
    cr_assert_eq(field("{\"age\":-3}"), JSONSCHEMA_FIELD_OUT_OF_DOMAIN);
}

Test(jsonschema, of_thousands_of_properties_the_first_sixteen_are_fields, .timeout = 20)
{
    struct buf text = { 0 };
    struct jsonschema *s;

    buf_put_text(&text, "{\"properties\":{\"z\":true");
    for (unsigned i = 0; i < 5000; i++)
        buf_put_printf(&text, ",\"p%u\":true", i);
    buf_put(&text, (struct str){ "}}", 3 }); /* with its end */
    s = schema_of(text.at);
    cr_assert_eq(jsonschema_field_count(s), JSONSCHEMA_FIELDS);
    cr_assert(str_eq(jsonschema_field_name(s, 0), STR("z")));
    cr_assert(str_eq(jsonschema_field_name(s, 15), STR("p14")));
    jsonschema_free(s);
    buf_deinit(&text);
}

/* Each of twenty holds the next one five times. */
Test(jsonschema, a_field_whose_schemas_hold_each_other_many_times_is_looked_at_soon,
     .timeout = 20)
{
    struct buf text = { 0 };
    struct jsonschema *s;

    buf_put_text(&text, "{\"properties\":{\"a\":{\"$ref\":\"#/$defs/0\"}},\"$defs\":{");
    for (unsigned i = 0; i < 20; i++) {
        buf_put_printf(&text, "\"%u\":{\"allOf\":[true", i);
        for (unsigned j = 0; j < 5; j++)
            buf_put_printf(&text, ",{\"$ref\":\"#/$defs/%u\"}", i + 1);
        buf_put_text(&text, "]},");
    }
    buf_put_text(&text, "\"20\":true}}");
    buf_put(&text, (struct str){ "", 1 }); /* the end */
    s = schema_of(text.at);
    cr_assert_eq(jsonschema_field_of(s, 0, STR("{\"a\":1}")), JSONSCHEMA_FIELD_OUT_OF_DOMAIN);
    jsonschema_free(s);
    buf_deinit(&text);
}
