/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/api/problem.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

static struct problem problem;
static struct failure why;
static struct fault fault;
static json_t *told;

static void start(void)
{
    why = (struct failure){ .fault = &fault, .retry_after_s = -1 };
}

static void stop(void)
{
    json_decref(told);
    problem_deinit(&problem);
}

TestSuite(problem, .init = start, .fini = stop, .timeout = 20);

static void tell(enum caller caller)
{
    problem_deinit(&problem);
    json_decref(told);
    problem_of(&problem, caller, &why);
    told = json_loadb(problem.body.at, problem.body.len, 0, NULL);
    cr_assert_not_null(told, "%.*s", STR_ARG(buf_str(&problem.body)));
}

static const char *member(const char *name)
{
    json_t *error = json_object_get(told, "error");
    const char *text = json_string_value(json_object_get(error ? error : told, name));

    return text ? text : "";
}

static bool fields_have(const char *line)
{
    return problem.fields.len > 0 &&
           memmem(problem.fields.at, problem.fields.len, line, strlen(line)) != NULL;
}

/* ---- the table ------------------------------------------------------------------------- */

Test(problem, every_error_has_a_status_a_type_a_code_and_words)
{
    for (int err = 1; err < ERR_COUNT; err++) {
        why.err = (enum err)err;
        tell(CALLER_OPENAI);
        cr_expect(problem.status >= 400 && problem.status <= 599, "%s", err_name(why.err));
        cr_expect_gt(strlen(member("type")), 0, "%s", err_name(why.err));
        cr_expect_gt(strlen(member("code")), 0, "%s", err_name(why.err));
        cr_expect_gt(strlen(member("message")), 0, "%s", err_name(why.err));
        cr_expect(json_object_get(json_object_get(told, "error"), "param"));
    }
}

Test(problem, that_all_upstreams_rest_is_said_once)
{
    why.err = ERR_RESTING;
    tell(CALLER_OPENAI);
    cr_assert_str_eq(member("message"),
                     "Every upstream has asked to be left alone. Try again after Retry-After.");
}

Test(problem, statuses_are_those_of_the_contract)
{
    static const struct {
        enum err err;
        int status;
        const char *code;
    } rows[] = {
        { ERR_NO_ROUTE, 503, "no_healthy_upstream" },
        { ERR_NO_RULE, 422, "no_rule_fits" },
        { ERR_UPSTREAM_SILENT, 504, "upstream_timeout" },
        { ERR_UPSTREAM_STATUS, 502, "upstream_error" },
        { ERR_NO_MODEL, 404, "model_not_found" },
        { ERR_UNAUTHENTICATED, 401, "invalid_api_key" },
        { ERR_ONLY_IF_CACHED, 504, "not_cached" },
        { ERR_MALFORMED, 400, "invalid_json" },
        { ERR_TOO_LARGE, 413, "request_too_large" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        why.err = rows[i].err;
        tell(CALLER_OPENAI);
        cr_expect_eq(problem.status, rows[i].status, "%s", err_name(why.err));
        cr_expect_str_eq(member("code"), rows[i].code);
    }
}

Test(problem, other_callers_get_problem_json)
{
    why.err = ERR_NO_ROUTE;
    tell(CALLER_PLAIN);
    cr_assert(str_eq(problem.content_type, STR("application/problem+json")));
    cr_assert_eq(json_integer_value(json_object_get(told, "status")), 503);
    cr_assert_gt(strlen(member("detail")), 0);
    cr_assert_gt(strlen(member("title")), 0);
}

Test(problem, a_fault_is_told_with_its_words_and_its_place)
{
    (void)fault_set(&fault, ERR_MALFORMED, "messages", "a \"quoted\" fault");
    why.err = ERR_MALFORMED;
    tell(CALLER_OPENAI);
    cr_assert(strstr(member("message"), "a \"quoted\" fault"));
    cr_assert_str_eq(member("param"), "messages");
}

Test(problem, an_unknown_model_is_named_and_is_the_model_members_fault)
{
    why.err = ERR_NO_MODEL;
    why.model = STR("gpt-\"9\"");
    tell(CALLER_OPENAI);
    cr_assert(strstr(member("message"), "gpt-\"9\""));
    cr_assert_str_eq(member("param"), "model");
}

/* ---- retries ------------------------------------------------------------------------------ */

Test(problem, whoever_must_wait_is_told_how_long)
{
    why.err = ERR_NO_ROUTE;
    tell(CALLER_OPENAI);
    cr_assert(fields_have("Retry-After: 1\r\n"));
}

Test(problem, an_upstreams_429_and_529_keep_their_status_and_its_wait)
{
    static const int statuses[] = { 429, 503, 529 };

    for (size_t i = 0; i < 3; i++) {
        why.err = ERR_UPSTREAM_STATUS;
        why.status = statuses[i];
        why.retry_after_s = 7;
        tell(CALLER_OPENAI);
        cr_expect_eq(problem.status, statuses[i]);
        cr_expect(fields_have("Retry-After: 7\r\n"));
        why.retry_after_s = -1;
        tell(CALLER_OPENAI);
        cr_expect(fields_have("Retry-After: 1\r\n"), "%d", statuses[i]);
    }
}

Test(problem, an_error_inside_a_200_is_told_with_its_true_status)
{
    why.err = ERR_UPSTREAM_IN_BAND;
    why.status = 429;
    why.body = STR("slow down");
    tell(CALLER_OPENAI);
    cr_assert_eq(problem.status, 429);
    cr_assert(strstr(member("message"), "slow down"));
    cr_assert(fields_have("Retry-After: "));
}

Test(problem, what_no_retry_can_cure_says_so)
{
    static const enum err errs[] = { ERR_MALFORMED, ERR_NO_MODEL, ERR_UNAUTHENTICATED,
                                     ERR_ONLY_IF_CACHED };

    for (size_t i = 0; i < sizeof(errs) / sizeof(errs[0]); i++) {
        why.err = errs[i];
        tell(CALLER_OPENAI);
        cr_expect(fields_have("x-should-retry: false\r\n"), "%s", err_name(errs[i]));
    }
    why.err = ERR_UPSTREAM_SILENT;
    tell(CALLER_OPENAI);
    cr_assert_not(fields_have("x-should-retry"));
}

/* ---- an upstream's own words ---------------------------------------------------------------- */

Test(problem, an_upstreams_json_goes_through_byte_for_byte)
{
    why.err = ERR_UPSTREAM_REFUSED;
    why.status = 422;
    why.body = STR(" {\"error\": {\"message\":\"no\"} }\n");
    why.content_type = STR("application/json; charset=utf-8");
    tell(CALLER_OPENAI);
    cr_assert_eq(problem.status, 422);
    cr_assert(str_eq(buf_str(&problem.body), why.body));
    cr_assert(str_eq(problem.content_type, why.content_type));
}

Test(problem, an_upstreams_html_is_wrapped_and_cut)
{
    static char page[8192];

    memset(page, '<', sizeof(page) - 1);
    why.err = ERR_UPSTREAM_STATUS;
    why.status = 502;
    why.body = str_of(page);
    why.content_type = STR("text/html");
    tell(CALLER_OPENAI);
    cr_assert_eq(problem.status, 502);
    cr_assert(str_eq(problem.content_type, STR("application/json")));
    cr_assert_gt(strlen(member("message")), 2048);
    cr_assert_lt(strlen(member("message")), 2048 + 200);
}

Test(problem, foreign_bytes_are_cut_between_characters_and_made_readable)
{
    static char page[4096];

    for (size_t i = 0; i + 2 < sizeof(page); i += 2)
        memcpy(page + i, i == 10 ? "\xff " : "\xc3\xa4", 2);
    why.err = ERR_UPSTREAM_STATUS;
    why.status = 500;
    why.body = (struct str){ page + 1, sizeof(page) - 3 };
    tell(CALLER_OPENAI);
    cr_assert_str_eq(member("type"), "upstream_error");
}

Test(problem, json_that_is_no_object_is_wrapped)
{
    why.err = ERR_UPSTREAM_STATUS;
    why.status = 500;
    why.body = STR("\"no\"");
    tell(CALLER_OPENAI);
    cr_assert_str_eq(member("code"), "upstream_error");
}

Test(problem, a_status_without_a_body_has_words_of_ours)
{
    why.err = ERR_UPSTREAM_STATUS;
    why.status = 500;
    tell(CALLER_OPENAI);
    cr_assert_eq(problem.status, 500);
    cr_assert_gt(strlen(member("message")), 0);
}

/* ---- without an exchange ----------------------------------------------------------------------- */

Test(problem, what_is_said_is_told_in_the_callers_form)
{
    problem_say(&problem, CALLER_OPENAI, 404, "unknown_url", "There is no %s.", "\"x\"");
    told = json_loadb(problem.body.at, problem.body.len, 0, NULL);
    cr_assert_str_eq(member("message"), "There is no \"x\".");
    cr_assert_str_eq(member("code"), "unknown_url");
    cr_assert_str_eq(member("type"), "invalid_request_error");
    cr_assert(fields_have("x-should-retry: false\r\n"));
}

/* ---- in a stream ------------------------------------------------------------------------------- */

static void put_event(enum endpoint endpoint, const char *data_from)
{
    struct buf event = { 0 };
    const char *data;

    problem_put_event(&event, endpoint, &why);
    cr_assert(str_ends(buf_str(&event), STR("\n\n")));
    data = memmem(event.at, event.len, data_from, strlen(data_from));
    cr_assert_eq(data, event.at);
    data += strlen(data_from);
    told = json_loadb(data, event.len - 2 - (size_t)(data - event.at), 0, NULL);
    cr_assert_not_null(told);
    buf_deinit(&event);
}

Test(problem, a_chat_that_broke_off_ends_with_an_error_event)
{
    why.err = ERR_UPSTREAM_TRUNCATED;
    put_event(ENDPOINT_CHAT, "data: ");
    cr_assert_str_eq(member("type"), "upstream_error");
    cr_assert_str_eq(member("code"), "stream_incomplete");
    cr_assert(json_is_null(json_object_get(json_object_get(told, "error"), "param")));
}

Test(problem, a_response_that_broke_off_ends_with_its_own_error_event)
{
    why.err = ERR_UPSTREAM_TRUNCATED;
    why.sequence = 4;
    put_event(ENDPOINT_RESPONSES, "event: error\ndata: ");
    cr_assert_str_eq(json_string_value(json_object_get(told, "type")), "error");
    cr_assert_str_eq(json_string_value(json_object_get(told, "code")), "stream_incomplete");
    cr_assert_eq(json_integer_value(json_object_get(told, "sequence_number")), 4);
    cr_assert_str_eq(member("code"), "stream_incomplete");
}

/* ---- Anthropic ------------------------------------------------------------------------- */

Test(problem, an_anthropic_error_has_its_own_frame_and_the_requests_name)
{
    why.err = ERR_UNAUTHENTICATED;
    tell(CALLER_ANTHROPIC);
    problem_sign(&problem, STR("id-1"));
    json_decref(told);
    told = json_loadb(problem.body.at, problem.body.len, 0, NULL);
    cr_assert_str_eq(json_string_value(json_object_get(told, "type")), "error");
    cr_assert_str_eq(json_string_value(json_object_get(told, "request_id")), "id-1");
    cr_assert_str_eq(member("type"), "authentication_error");
    cr_assert_gt(strlen(member("message")), 0);
    cr_assert(str_eq(problem.content_type, STR("application/json")));
}

Test(problem, an_anthropic_caller_is_told_of_an_overload_by_529_and_a_time_to_wait)
{
    static const enum err overloads[] = { ERR_NO_ROUTE,   ERR_RESTING,    ERR_QUEUE_FULL,
                                          ERR_QUEUE_SLOW, ERR_OVERLOADED, ERR_SHUTDOWN };

    for (size_t i = 0; i < sizeof(overloads) / sizeof(overloads[0]); i++) {
        why.err = overloads[i];
        tell(CALLER_ANTHROPIC);
        cr_expect_eq(problem.status, 529, "%s", err_name(why.err));
        cr_expect_str_eq(member("type"), "overloaded_error");
        cr_expect(fields_have("Retry-After: 1\r\n"));
    }
}

Test(problem, every_error_has_an_anthropic_type)
{
    static const struct {
        enum err err;
        int status;
        const char *type;
    } rows[] = {
        { ERR_MALFORMED, 400, "invalid_request_error" },
        { ERR_NO_MODEL, 404, "not_found_error" },
        { ERR_TOO_LARGE, 413, "request_too_large" },
        { ERR_UNSUPPORTED, 400, "invalid_request_error" },
        { ERR_DEADLINE, 504, "timeout_error" },
        { ERR_UPSTREAM_UNREACHABLE, 502, "api_error" },
        { ERR_CONFIG, 500, "api_error" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        why.err = rows[i].err;
        tell(CALLER_ANTHROPIC);
        cr_expect_eq(problem.status, rows[i].status, "%s", err_name(why.err));
        cr_expect_str_eq(member("type"), rows[i].type, "%s", err_name(why.err));
    }
}

Test(problem, an_upstreams_own_words_are_not_signed)
{
    why.err = ERR_UPSTREAM_STATUS;
    why.status = 503;
    why.body = STR("{\"type\":\"error\"}");
    tell(CALLER_ANTHROPIC);
    problem_sign(&problem, STR("id-1"));
    cr_assert_eq(problem.status, 503);
    cr_assert(str_eq(buf_str(&problem.body), why.body));
}

Test(problem, a_message_that_broke_off_ends_with_its_own_error_event)
{
    why.err = ERR_UPSTREAM_TRUNCATED;
    put_event(ENDPOINT_MESSAGES, "event: error\ndata: ");
    cr_assert_str_eq(json_string_value(json_object_get(told, "type")), "error");
    cr_assert_str_eq(member("type"), "api_error");
    json_decref(told);
    why.err = ERR_UPSTREAM_SILENT;
    put_event(ENDPOINT_MESSAGES, "event: error\ndata: ");
    cr_assert_str_eq(member("type"), "timeout_error");
}

/* ---- schemas ----------------------------------------------------------------------------- */

static const struct jsonschema_report misfits = {
    2,
    { { "/a", "must be \"x\" (const)" }, { "", "must have a member \"b\" (required)" } }
};

static const char *misfit(json_t *of, size_t i, const char *name)
{
    json_t *errors = json_object_get(of, "errors");

    cr_assert_eq(json_array_size(errors), 2);
    return json_string_value(json_object_get(json_array_get(errors, i), name));
}

Test(problem, what_does_not_fit_a_schema_is_listed)
{
    why.err = ERR_INVALID;
    why.violations = &misfits;
    tell(CALLER_PLAIN);
    cr_assert_eq(problem.status, 400);
    cr_assert_str_eq(misfit(told, 0, "pointer"), "/a");
    cr_assert_str_eq(misfit(told, 0, "detail"), "must be \"x\" (const)");
    cr_assert_str_eq(misfit(told, 1, "pointer"), "");
    cr_assert_str_eq(member("detail"),
                     "The request does not fit the model's schema: /a must be \"x\" (const); "
                     "must have a member \"b\" (required).");
    cr_assert(fields_have("x-should-retry: false"));
}

Test(problem, clients_of_chats_find_the_list_beside_the_message)
{
    why.err = ERR_UPSTREAM_INVALID;
    why.violations = &misfits;
    tell(CALLER_OPENAI);
    cr_assert_eq(problem.status, 502);
    cr_assert_str_eq(member("code"), "schema_violation");
    cr_assert_str_eq(misfit(json_object_get(told, "error"), 1, "detail"),
                     "must have a member \"b\" (required)");
}
