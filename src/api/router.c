/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which path is answered by whom. The table is the data plane's whole surface: what is not in
 * it is 404, and the admin's paths are not in it.
 */

#include "weir/exchange/account.h"

#include "reply.h"
#include "rows.h"

typedef void serve_fn(const struct visit *v);

static serve_fn livez_serve, readyz_serve;

struct row {
    const char *path;
    bool prefix;    /* the rest of the path is a name */
    bool versioned; /* also without /v1 and with it twice: clients differ in their base URL */
    bool open;      /* no key is asked for */
    bool post;      /* POST, else GET and HEAD */
    enum caller caller;
    enum endpoint endpoint;
    serve_fn *serve;
};

/* clang-format off */
static const struct row rows[] = {
    /*  path                   prefix versioned open   post   caller         endpoint */
    { "/chat/completions",     false, true,     false, true,  CALLER_OPENAI, ENDPOINT_CHAT,        infer_serve },
    { "/completions",          false, true,     false, true,  CALLER_OPENAI, ENDPOINT_COMPLETIONS, infer_serve },
    { "/embeddings",           false, true,     false, true,  CALLER_OPENAI, ENDPOINT_EMBEDDINGS,  infer_serve },
    { "/responses",            false, true,     false, true,  CALLER_OPENAI, ENDPOINT_RESPONSES,   infer_serve },
    { "/moderations",          false, true,     false, true,  CALLER_OPENAI, ENDPOINT_MODERATIONS, infer_serve },
    { "/messages",             false, true,     false, true,  CALLER_ANTHROPIC, ENDPOINT_MESSAGES, infer_serve },
    { "/messages/count_tokens", false, true,    false, true,  CALLER_ANTHROPIC, ENDPOINT_TOKENS,   infer_serve },
    { "/v1/predict/",          true,  false,    false, true,  CALLER_PLAIN,  ENDPOINT_PREDICT,     infer_serve },
    { "/models",               false, true,     false, false, CALLER_OPENAI, 0,                    models_serve },
    { "/models/",              true,  true,     false, false, CALLER_OPENAI, 0,                    models_serve },
    { "/livez",                false, false,    true,  false, CALLER_PLAIN,  0,                    livez_serve },
    { "/readyz",               false, false,    true,  false, CALLER_PLAIN,  0,                    readyz_serve },
};
/* clang-format on */

static struct str without_version(struct str path)
{
    struct str version = STR("/v1");

    for (int i = 0; i < 2; i++)
        if (str_starts(path, STR("/v1/")))
            path = str_cut(path, version.len, path.len);
    return path;
}

static const struct row *find(struct str path, struct str *rest)
{
    struct str bare = without_version(path);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str asked = rows[i].versioned ? bare : path;
        struct str own = str_of(rows[i].path);

        if (rows[i].prefix ? asked.len > own.len && str_starts(asked, own)
                           : str_eq(asked, own)) {
            *rest = str_cut(asked, own.len, asked.len);
            return &rows[i];
        }
    }
    return NULL;
}

/* Paths that both dialects have, or none, are answered as the caller speaks. */
static enum caller caller_of(const struct row *row, const struct http_request *r)
{
    if (row && row->caller != CALLER_OPENAI)
        return row->caller;
    if ((!row || !row->post) && http_request_field(r, STR("anthropic-version")).at)
        return CALLER_ANTHROPIC;
    return CALLER_OPENAI;
}

/* ---- refusing ------------------------------------------------------------------------ */

/* What never becomes an exchange is accounted for here: a row of the log and a count. */
static struct record record_of(enum err err, int status, const char *why)
{
    return (struct record){
        .endpoint = STR("other"),
        .err = err,
        .word = WORD_BYPASS,
        .status = status,
        .prompt_tokens = -1,
        .answer = { .completion_tokens = -1 },
        .why = why,
    };
}

static void put_on_record(const struct visit *v, struct record *record)
{
    uint64_t now_us = loop_now_us(v->api->kit->loop);

    record->request_id = str_of(v->call->request_id);
    if (v->tenant)
        record->tenant = tenant_name(v->tenant);
    if (now_us > v->request->began_us)
        record->total_us = now_us - v->request->began_us;
    account(loop_shard(v->api->kit->loop), NULL, record);
}

static void account_refusal(const struct visit *v, enum err err, int status, const char *why)
{
    struct record record = record_of(err, status, why);

    put_on_record(v, &record);
}

void visit_account(const struct visit *v, struct str endpoint, enum err err, int status,
                   const char *why)
{
    struct record record = record_of(err, status, why);

    record.endpoint = endpoint;
    put_on_record(v, &record);
}

void visit_refuse(const struct visit *v, struct problem *p)
{
    reply_refuse(v->api, v->conn, visit_to(v), NULL, p);
    problem_deinit(p);
}

static void refuse_path(const struct visit *v)
{
    struct problem p;
    struct str path = str_head(v->request->path, 200);

    problem_say(&p, v->caller, 404, "unknown_url",
                "There is no %.*s %.*s here. Set the client's base URL to http://HOST:PORT/v1; "
                "the paths are /chat/completions, /completions, /embeddings, /responses, "
                "/moderations, /messages, /messages/count_tokens, /models and /predict/MODEL.",
                STR_ARG(str_head(v->request->method_text, 16)), STR_ARG(path));
    account_refusal(v, ERR_MALFORMED, 404, "unknown path");
    visit_refuse(v, &p);
}

static void refuse_method(const struct visit *v, const struct row *row)
{
    struct problem p;
    const char *allowed = row->post ? "POST" : "GET, HEAD";

    problem_say(&p, v->caller, 405, "method_not_allowed", "This path takes %s.", allowed);
    buf_put_printf(&p.fields, "Allow: %s\r\n", allowed);
    account_refusal(v, ERR_MALFORMED, 405, "method");
    visit_refuse(v, &p);
}

/* Inflating is not for us: a small body could become any size. */
static void refuse_encoding(const struct visit *v)
{
    struct problem p;

    problem_say(&p, v->caller, 415, "unsupported_content_encoding",
                "A compressed body is not read here. Send it as plain JSON, without "
                "Content-Encoding.");
    buf_put_text(&p.fields, "Accept-Encoding: identity\r\n");
    account_refusal(v, ERR_MALFORMED, 415, "content encoding");
    visit_refuse(v, &p);
}

static void refuse_key(const struct visit *v)
{
    struct failure why = { .err = ERR_UNAUTHENTICATED, .retry_after_s = -1 };
    struct problem p;

    problem_of(&p, v->caller, &why);
    buf_put_text(&p.fields, "WWW-Authenticate: Bearer\r\n");
    account_refusal(v, ERR_UNAUTHENTICATED, p.status, NULL);
    visit_refuse(v, &p);
}

/* ---- the way in ---------------------------------------------------------------------- */

static bool allows(const struct row *row, enum http_method method)
{
    return row->post ? method == HTTP_POST : method == HTTP_GET || method == HTTP_HEAD;
}

static bool is_encoded(const struct http_request *r)
{
    struct str coding = http_request_field(r, STR("content-encoding"));

    return coding.len > 0 && !str_eq_nocase(coding, STR("identity"));
}

/* Path, method and key, in this order; false when it has been refused. */
static bool admit(struct visit *v, const struct row **out)
{
    const struct row *row = find(v->request->path, &v->rest);
    struct tenants *tenants = v->api->plan->tenants;

    *out = row;
    v->caller = caller_of(row, v->request);
    if (!row) {
        refuse_path(v);
        return false;
    }
    v->endpoint = row->endpoint;
    if (!allows(row, v->request->method)) {
        refuse_method(v, row);
        return false;
    }
    if (!row->open && tenants_any(tenants)) {
        v->tenant = v->call->key.at ? tenants_find(tenants, v->call->key) : NULL;
        if (!v->tenant) {
            refuse_key(v);
            return false;
        }
    }
    return true;
}

/* Before a body is read: whoever would be refused is told so without sending it. */
static int64_t on_head(void *owner, struct http_conn *c, const struct http_request *r)
{
    struct api *a = owner;
    struct call call;
    struct http_request request = *r;
    struct visit v = { .api = a, .conn = c, .request = &request, .call = &call };
    const struct row *row = find(r->path, &v.rest);

    /* Most need no look here: what they lack, if anything, is told once they are whole. */
    if (row && allows(row, r->method) && (row->open || !tenants_any(a->plan->tenants)) &&
        !is_encoded(r))
        return INT64_MAX;
    call_read(&call, r, a->plan);
    if (!admit(&v, &row))
        return -1;
    if (!row->post || !is_encoded(r))
        return INT64_MAX;
    refuse_encoding(&v);
    return -1;
}

static void on_request(void *owner, struct http_conn *c, struct http_request *r)
{
    struct api *a = owner;
    struct call call;
    struct visit v = { .api = a, .conn = c, .request = r, .call = &call };
    const struct row *row;

    call_read(&call, r, a->plan);
    if (admit(&v, &row))
        row->serve(&v);
}

/* ---- health -------------------------------------------------------------------------- */

static void answer_text(const struct visit *v, int status, struct str body)
{
    http_conn_answer(v->conn,
                     &(struct http_answer){ .status = status,
                                            .fields = STR("Content-Type: text/plain\r\n"
                                                          "Cache-Control: no-store\r\n"),
                                            .body = { body } });
}

static void livez_serve(const struct visit *v)
{
    answer_text(v, 200, STR("ok\n"));
}

static void readyz_serve(const struct visit *v)
{
    if (atomic_load_explicit(&v->api->health->ready, memory_order_relaxed))
        answer_text(v, 200, STR("ready\n"));
    else
        answer_text(v, 503, STR("draining\n"));
}

/* ---- the data plane of a worker ------------------------------------------------------- */

static void put_error(void *owner, const struct http_refusal *why, struct buf *fields,
                      struct buf *body)
{
    static const struct http_request unread = { .path = { NULL, 0 } };
    const struct http_request *r = why->request ? why->request : &unread;
    struct str rest;
    const struct row *row = find(r->path, &rest);
    const struct api *a = owner;
    struct record record = record_of(why->status == 413 ? ERR_TOO_LARGE : ERR_MALFORMED,
                                     why->status, why->what);
    struct call call;
    struct reply_to to = { caller_of(row, r), call.request_id };
    struct problem p;

    call_read(&call, r, a->plan);
    record.request_id = str_of(call.request_id);
    account(loop_shard(a->kit->loop), NULL, &record);
    problem_of_http(&p, to.caller, why);
    problem_sign(&p, record.request_id);
    problem_put_fields(&p, fields);
    reply_put_ids(fields, to);
    buf_put(body, buf_str(&p.body));
    problem_deinit(&p);
}

void api_init(struct api *a, struct exchange_kit *kit, struct plan *plan,
              const struct api_health *health)
{
    *a = (struct api){ .kit = kit, .plan = plan_ref(plan), .health = health };
}

void api_deinit(struct api *a)
{
    plan_unref(a->plan);
    buf_deinit(&a->fields);
    *a = (struct api){ 0 };
}

void api_set_plan(struct api *a, struct plan *plan)
{
    plan_unref(a->plan);
    a->plan = plan_ref(plan);
}

struct http_handler api_handler(struct api *a)
{
    return (struct http_handler){ on_head, on_request, put_error, a };
}
