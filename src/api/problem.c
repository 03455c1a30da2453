/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/api/problem.h"

#include "weir/base/ensure.h"
#include "weir/base/scan.h"
#include "weir/base/utf8.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

enum { FOREIGN_TEXT_BYTES = 2048 }; /* of a body that is no JSON: enough to recognise it */

struct row {
    int status;
    const char *type;
    const char *code;
    bool final; /* no retry can cure it */
    const char *advice;
};

/* clang-format off */
static const struct row rows[ERR_COUNT] = {
    [OK]                       = { 500, "server_error",          "internal_error",      false, "" },
    [ERR_CANCELLED]            = { 499, "invalid_request_error", "client_closed_request", true, "" },
    [ERR_DEADLINE]             = { 504, "upstream_timeout",      "upstream_timeout",    false, "Raise the model's deadline or the caller's timeout if answers may take longer." },
    [ERR_SHUTDOWN]             = { 503, "server_error",          "shutting_down",       false, "Send it again: another replica will answer." },
    [ERR_MALFORMED]            = { 400, "invalid_request_error", "invalid_json",        true,  "" },
    [ERR_TOO_LARGE]            = { 413, "invalid_request_error", "request_too_large",   true,  "Send less, or raise server.max_body." },
    [ERR_UNAUTHENTICATED]      = { 401, "invalid_request_error", "invalid_api_key",     true,  "Send a key of a configured tenant as 'Authorization: Bearer KEY'." },
    [ERR_NO_MODEL]             = { 404, "invalid_request_error", "model_not_found",     true,  "GET /v1/models lists the models that this key may ask." },
    [ERR_UNSUPPORTED]          = { 400, "invalid_request_error", "unsupported_endpoint", true, "Ask this model through another endpoint, or give it a route whose upstream has this one." },
    [ERR_INVALID]              = { 400, "invalid_request_error", "schema_violation",    true,  "" },
    [ERR_ONLY_IF_CACHED]       = { 504, "invalid_request_error", "not_cached",          true,  "Leave only-if-cached out to have the upstream asked." },
    [ERR_NO_ROUTE]             = { 503, "server_error",          "no_healthy_upstream", false, "Try again in a moment." },
    [ERR_NO_RULE]              = { 422, "invalid_request_error", "no_rule_fits",        true,  "Asked again it fits none either: the operator may add a rule that always fits, or a fallback." },
    [ERR_RESTING]              = { 503, "server_error",          "no_healthy_upstream", false, "Try again after Retry-After." },
    [ERR_QUEUE_FULL]           = { 503, "server_error",          "queue_full",          false, "Try again after Retry-After, or raise the upstream's queue.size or max_in_flight." },
    [ERR_QUEUE_SLOW]           = { 503, "server_error",          "queue_timeout",       false, "Try again after Retry-After, or raise the upstream's max_in_flight or queue.timeout." },
    [ERR_OVERLOADED]           = { 503, "server_error",          "overloaded",          false, "Try again after Retry-After; requests of higher priority are turned away last." },
    [ERR_TOO_COSTLY]           = { 400, "invalid_request_error", "max_cost_exceeded",   true,  "Send less, ask for fewer tokens, or raise the model's max_cost." },
    [ERR_NOT_ACCEPTED]         = { 502, "upstream_error",        "not_accepted",        false, "No route gave an answer that accept_if takes." },
    [ERR_CONFIG]               = { 500, "server_error",          "configuration_error", true,  "The operator must give this upstream its credentials." },
    [ERR_UPSTREAM_UNREACHABLE] = { 502, "upstream_error",        "upstream_unreachable", false, "See the log line of this request id." },
    [ERR_UPSTREAM_TLS]         = { 502, "upstream_error",        "upstream_tls",        false, "See the log line of this request id." },
    [ERR_UPSTREAM_SILENT]      = { 504, "upstream_timeout",      "upstream_timeout",    false, "Try again, or raise the upstream's timeouts." },
    [ERR_UPSTREAM_STATUS]      = { 502, "upstream_error",        "upstream_error",      false, "See the log line of this request id." },
    [ERR_UPSTREAM_REFUSED]     = { 502, "upstream_error",        "upstream_error",      true,  "" },
    [ERR_UPSTREAM_IN_BAND]     = { 502, "upstream_error",        "upstream_error",      false, "" },
    [ERR_UPSTREAM_EMPTY]       = { 502, "upstream_error",        "upstream_empty",      false, "Try again." },
    [ERR_UPSTREAM_MALFORMED]   = { 502, "upstream_error",        "upstream_malformed",  false, "See the log line of this request id." },
    [ERR_UPSTREAM_INVALID]     = { 502, "upstream_error",        "schema_violation",    false, "" },
    [ERR_UPSTREAM_TRUNCATED]   = { 502, "upstream_error",        "stream_incomplete",   false, "Try again." },
    [ERR_FLIGHT_FAILED]        = { 502, "upstream_error",        "upstream_error",      false, "Try again." },
    [ERR_LEADER_LOST]          = { 502, "server_error",          "stream_incomplete",   false, "Ask again." },
    [ERR_TOO_LONG]             = { 502, "server_error",          "stream_incomplete",   false, "Ask again: then it is asked for you alone." },
    [ERR_STORE_DOWN]           = { 500, "server_error",          "internal_error",      false, "" },
};
/* clang-format on */

/* ---- bodies -------------------------------------------------------------------------- */

struct words {
    struct str message;
    struct str param; /* empty: null */
    const char *type;
    const char *code;
    int status;
    const struct jsonschema_report *violations; /* NULL: none */
};

/* What strangers wrote, and we have cut: bytes that are no UTF-8 show as U+FFFD. */
static void put_string(struct buf *out, struct str s)
{
    struct buf clean = { 0 };

    while (s.len > 0) {
        size_t n = utf8_length(s.at, s.len);

        buf_put(&clean, n > 0 ? str_head(s, n) : STR("\xef\xbf\xbd"));
        s = str_cut(s, n > 0 ? n : 1, s.len);
    }
    scan_put_string(out, buf_str(&clean));
    buf_deinit(&clean);
}

/* As RFC 9457 shows it. */
static void put_violations(struct buf *out, const struct jsonschema_report *r)
{
    for (size_t i = 0; r && i < r->count; i++) {
        buf_put_text(out, i > 0 ? ",{\"pointer\":" : ",\"errors\":[{\"pointer\":");
        put_string(out, str_of(r->violations[i].pointer));
        buf_put_text(out, ",\"detail\":");
        put_string(out, str_of(r->violations[i].words));
        buf_put_text(out, "}");
    }
    buf_put_text(out, r && r->count > 0 ? "]" : "");
}

static void put_openai(struct buf *out, const struct words *w)
{
    buf_put_text(out, "{\"error\":{\"message\":");
    put_string(out, w->message);
    buf_put_printf(out, ",\"type\":\"%s\",\"param\":", w->type);
    if (w->param.len > 0)
        put_string(out, w->param);
    else
        buf_put_text(out, "null");
    buf_put_printf(out, ",\"code\":\"%s\"", w->code);
    put_violations(out, w->violations);
    buf_put_text(out, "}}");
}

/* ---- Anthropic's words ---- */

/* clang-format off */
static const struct kind {
    int status;
    const char *type;
} kinds[] = {
    { 401, "authentication_error" },
    { 402, "billing_error" },
    { 403, "permission_error" },
    { 404, "not_found_error" },
    { 409, "conflict_error" },
    { 413, "request_too_large" },
    { 429, "rate_limit_error" },
    { 503, "overloaded_error" },
    { 504, "timeout_error" },
    { 529, "overloaded_error" },
};
/* clang-format on */

static const char *kind_of(int status)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (kinds[i].status == status)
            return kinds[i].type;
    }
    return status >= 500 ? "api_error" : "invalid_request_error";
}

static void put_anthropic(struct buf *out, const struct words *w)
{
    buf_put_printf(
        out, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":", kind_of(w->status));
    put_string(out, w->message);
    buf_put_text(out, "}}");
}

static void put_plain(struct buf *out, const struct words *w)
{
    buf_put_printf(out, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":",
                   w->code, w->status);
    put_string(out, w->message);
    if (w->param.len > 0) {
        buf_put_text(out, ",\"param\":");
        put_string(out, w->param);
    }
    buf_put_printf(out, ",\"code\":\"%s\"", w->code);
    put_violations(out, w->violations);
    buf_put_text(out, "}");
}

static void put_words(struct problem *p, enum caller caller, const struct words *w)
{
    p->status = w->status;
    if (caller == CALLER_OPENAI) {
        p->content_type = STR("application/json");
        put_openai(&p->body, w);
    } else if (caller == CALLER_ANTHROPIC) {
        p->content_type = STR("application/json");
        p->unsigned_yet = true;
        put_anthropic(&p->body, w);
    } else {
        p->content_type = STR("application/problem+json");
        put_plain(&p->body, w);
    }
}

/* ---- what to say --------------------------------------------------------------------- */

static void put_sentence(struct buf *out, const char *text)
{
    buf_put_printf(out, "%c%s", text[0] >= 'a' && text[0] <= 'z' ? text[0] - 32 : text[0],
                   text + 1);
}

/* All of them, since most SDKs show the message alone. */
static void put_misfits(struct buf *out, const struct failure *why)
{
    put_sentence(out, err_text(why->err));
    for (size_t i = 0; i < why->violations->count; i++) {
        const struct jsonschema_violation *v = &why->violations->violations[i];

        buf_put_printf(out, "%s %s%s%s", i > 0 ? ";" : ":", v->pointer,
                       v->pointer[0] ? " " : "", v->words);
    }
    buf_put_text(out, ".");
}

static void put_message(struct buf *out, const struct failure *why)
{
    const struct row *row = &rows[why->err];

    if (why->violations) {
        put_misfits(out, why);
    } else if (why->fault && why->fault->text[0]) {
        if (why->fault->param[0])
            buf_put_printf(out, "'%s' ", why->fault->param);
        buf_put_text(out, why->fault->text);
    } else if (why->err == ERR_NO_MODEL) {
        buf_put_printf(out, "There is no model \"%.*s\" here for this key.",
                       STR_ARG(str_head(why->model, 128)));
    } else if (why->body.len > 0) {
        buf_put_text(out, "The upstream said: ");
        buf_put(out, str_head(why->body, FOREIGN_TEXT_BYTES));
    } else {
        put_sentence(out, err_text(why->err));
        buf_put_text(out, ".");
    }
    if (row->advice[0])
        buf_put_printf(out, " %s", row->advice);
}

/* Anthropic's clients know an overload by its own status. */
static int own_status(enum caller caller, int status)
{
    return caller == CALLER_ANTHROPIC && status == 503 ? 529 : status;
}

static int status_of(enum caller caller, const struct failure *why)
{
    bool upstream_says = why->err == ERR_UPSTREAM_STATUS || why->err == ERR_UPSTREAM_REFUSED ||
                         why->err == ERR_UPSTREAM_IN_BAND;

    if (upstream_says && why->status >= 400 && why->status <= 599)
        return why->status;
    return own_status(caller, rows[why->err].status);
}

/* An upstream's error status whose body is JSON goes to the caller byte for byte. */
static bool is_passed_on(const struct failure *why)
{
    struct scan_member whole;

    return (why->err == ERR_UPSTREAM_STATUS || why->err == ERR_UPSTREAM_REFUSED) &&
           why->status >= 400 && scan_check(why->body, NULL) == OK &&
           scan_pointer(why->body, STR(""), &whole) && whole.type == SCAN_OBJECT;
}

/* Also "application/problem+json; charset=utf-8". */
static bool is_json_type(struct str type)
{
    struct str bare = { NULL, 0 };

    (void)str_split(&type, ';', &bare);
    bare = str_trim(bare);
    return str_eq_nocase(bare, STR("application/json")) || str_ends(bare, STR("+json"));
}

static void put_fields(struct problem *p, const struct failure *why)
{
    bool must_wait = p->status == 429 || p->status == 503 || p->status == 529;

    if (why->retry_after_s > 0)
        buf_put_printf(&p->fields, "Retry-After: %lld\r\n", (long long)why->retry_after_s);
    else if (must_wait)
        buf_put_text(&p->fields, "Retry-After: 1\r\n");
    if (rows[why->err].final && why->status == 0)
        buf_put_text(&p->fields, "x-should-retry: false\r\n");
}

void problem_of(struct problem *out, enum caller caller, const struct failure *why)
{
    struct buf message = { 0 };
    const struct row *row;

    ensure(why->err < ERR_COUNT);
    row = &rows[why->err];
    *out = (struct problem){ .status = status_of(caller, why) };
    if (is_passed_on(why)) {
        out->content_type = is_json_type(why->content_type) ? why->content_type
                                                            : STR("application/json");
        buf_put(&out->body, why->body);
    } else {
        put_message(&message, why);
        put_words(out, caller,
                  &(struct words){ .message = buf_str(&message),
                                   .param = why->fault && why->fault->param[0]
                                                ? str_of(why->fault->param)
                                            : why->err == ERR_NO_MODEL ? STR("model")
                                                                       : STR(""),
                                   .type = row->type,
                                   .code = row->code,
                                   .status = out->status,
                                   .violations = why->violations });
        buf_deinit(&message);
    }
    put_fields(out, why);
}

void problem_say(struct problem *out, enum caller caller, int status, const char *code,
                 const char *format, ...)
{
    char text[512];
    va_list args;
    struct failure why = { .retry_after_s = -1 };

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    *out = (struct problem){ 0 };
    put_words(out, caller,
              &(struct words){ .message = str_of(text),
                               .type = status >= 500 ? "server_error" : "invalid_request_error",
                               .code = code,
                               .status = status });
    put_fields(out, &why);
    if (status >= 400 && status < 500 && status != 429 && status != 408)
        buf_put_text(&out->fields, "x-should-retry: false\r\n");
}

void problem_of_http(struct problem *out, enum caller caller, const struct http_refusal *why)
{
    bool is_large = why->status == 413;

    problem_say(out, caller, why->status, is_large ? "request_too_large" : "bad_request",
                "%c%s.%s", toupper((unsigned char)why->what[0]), why->what + 1,
                is_large ? " Send less, or raise server.max_body." : "");
}

void problem_sign(struct problem *p, struct str request_id)
{
    if (!p->unsigned_yet)
        return;
    p->unsigned_yet = false;
    p->body.len--; /* its last brace */
    buf_put_text(&p->body, ",\"request_id\":");
    put_string(&p->body, request_id);
    buf_put_text(&p->body, "}");
}

void problem_put_fields(const struct problem *p, struct buf *out)
{
    buf_put_printf(out, "Content-Type: %.*s\r\n", STR_ARG(p->content_type));
    buf_put(out, buf_str(&p->fields));
}

void problem_deinit(struct problem *p)
{
    buf_deinit(&p->body);
    buf_deinit(&p->fields);
}

/* ---- in a stream --------------------------------------------------------------------- */

static void put_chunk(struct buf *out, const struct words *w)
{
    buf_put_text(out, "data: ");
    put_openai(out, w);
    buf_put_text(out, "\n\n");
}

/* The published form, and `error` as in other streams, which is what most SDKs look for. */
static void put_response_event(struct buf *out, const struct words *w, int64_t sequence)
{
    struct buf error = { 0 };

    put_openai(&error, w);
    buf_put_printf(out, "event: error\ndata: {\"type\":\"error\",\"sequence_number\":%lld,",
                   (long long)sequence);
    buf_put_printf(out, "\"code\":\"%s\",\"message\":", w->code);
    put_string(out, w->message);
    buf_put_text(out, ",\"param\":null,");
    buf_put(out, str_cut(buf_str(&error), 1, error.len)); /* without its opening brace */
    buf_put_text(out, "\n\n");
    buf_deinit(&error);
}

static void put_message_event(struct buf *out, const struct words *w)
{
    buf_put_text(out, "event: error\ndata: ");
    put_anthropic(out, w);
    buf_put_text(out, "\n\n");
}

void problem_put_event(struct buf *out, enum endpoint endpoint, const struct failure *why)
{
    bool late = why->err == ERR_DEADLINE || why->err == ERR_UPSTREAM_SILENT;
    bool long_one = why->err == ERR_TOO_LONG;
    bool ours = why->err == ERR_LEADER_LOST || long_one;
    struct words w = { .type = late   ? "upstream_timeout"
                               : ours ? "server_error"
                                      : "upstream_error",
                       .code = "stream_incomplete",
                       .status = late   ? 504
                                 : ours ? 500
                                        : 502 };
    struct buf message = { 0 };

    buf_put_text(&message, "The answer broke off: ");
    buf_put_text(&message, err_text(why->err));
    buf_put_text(&message, ". What came before it is not the whole answer.");
    if (ours)
        buf_put_text(&message,
                     long_one ? " Ask again: then it is asked for you alone." : " Ask again.");
    w.message = buf_str(&message);
    if (endpoint == ENDPOINT_RESPONSES)
        put_response_event(out, &w, why->sequence);
    else if (endpoint == ENDPOINT_MESSAGES)
        put_message_event(out, &w);
    else
        put_chunk(out, &w);
    buf_deinit(&message);
}
