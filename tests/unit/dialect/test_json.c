/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/dialect/tap.h"

#include "world.h"

static struct answer answered(const char *text, enum err wanted)
{
    struct world w = { 0 };
    struct buf body = { 0 };
    struct answer a;

    cr_assert_eq(ask(&w, ENDPOINT_PREDICT, "churn", "{}"), OK);
    tap_init(&w.tap, dialect_named(STR("json")), &w.request, STR("churn"), true);
    buf_put_text(&body, text);
    cr_assert_eq(tap_whole(&w.tap, &body), wanted);
    expect_str(buf_str(&body), text);
    a = w.tap.answer;
    buf_deinit(&body);
    end(&w);
    return a;
}

Test(json, the_request_goes_as_it_came, .timeout = 5)
{
    struct world w = { 0 };
    struct dialect_body out;

    cr_assert_eq(ask(&w, ENDPOINT_PREDICT, "churn", " {\"model\": 1.0}"), OK);
    cr_assert_eq(
        dialect_named(STR("json"))->put_request(&w.request, STR("other"), true, &w.arena, &out),
        OK);
    cr_assert_eq(out.count, 1);
    expect_str(out.parts[0], " {\"model\": 1.0}");
    arena_deinit(&w.arena);
}

Test(json, an_answers_model_member_is_its_own, .timeout = 5)
{
    cr_assert(answered("{\"model\":\"v7\",\"score\":0.1}", OK).storable);
}

Test(json, an_error_or_a_bare_value_is_not_kept, .timeout = 5)
{
    cr_assert_not(answered("{\"error\":\"no\"}", OK).storable);
    cr_assert_not(answered("5", OK).storable);
    cr_assert(answered("{\"error\":null}", OK).storable);
    cr_assert(answered("[{\"error\":1}]", OK).storable);
}

Test(json, nothing_and_no_json_are_failures, .timeout = 5)
{
    (void)answered(" \n", ERR_UPSTREAM_EMPTY);
    (void)answered("<html>", ERR_UPSTREAM_MALFORMED);
    (void)answered("{\"a\":", ERR_UPSTREAM_MALFORMED);
}
