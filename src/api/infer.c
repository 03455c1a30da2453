/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A question over HTTP: its request becomes an ask, the exchange's answer becomes a response.
 *
 * First the quick way (recall): what was asked before is answered from memory at once, with
 * nothing copied. Otherwise the request's bytes are taken from the connection and an exchange
 * starts, with this object as its sink. The object lives until on_end, also when its client
 * has left long before; `conn` is NULL from then on.
 */

#include "weir/base/ensure.h"
#include "weir/base/metric.h"
#include "weir/base/scan.h"
#include "weir/dialect/replay.h"
#include "weir/exchange/account.h"
#include "weir/exchange/load.h"
#include "weir/exchange/recall.h"
#include "weir/exchange/refresh.h"

#include "reply.h"
#include "rows.h"

enum { ARENA_BYTES = 256 << 10 }; /* header lines of one request: their limit and some more */

struct infer {
    struct exchange_sink sink;
    struct http_watcher watcher;
    struct api *api;        /* lent by the worker */
    struct http_conn *conn; /* NULL: the client has left, or has its answer */
    struct http_kept *kept; /* the request's bytes; owned */
    struct exchange *exchange;
    struct arena arena;
    char request_id[CALL_ID_BYTES];
    enum caller caller;
    enum endpoint endpoint;
    bool admitted; /* it counts as one of those whom the gateway works for */
    bool begun;    /* a stream's head has been written */
    bool between;  /* what was written last ends an event */
};

static struct reply_to to_whom(const struct infer *f)
{
    return (struct reply_to){ f->caller, f->request_id };
}

/* ---- the client ---------------------------------------------------------------------- */

/* It has its answer, or has left: what goes on behind it takes nobody's place. */
static void part(struct infer *f)
{
    f->conn = NULL;
    if (f->admitted && f->api->kit->load)
        load_leave(f->api->kit->load);
    f->admitted = false;
}

static void on_gone(struct http_watcher *w)
{
    struct infer *f = container_of(w, struct infer, watcher);

    part(f);
    exchange_cancel(f->exchange);
}

static void on_drained(struct http_watcher *w)
{
    struct infer *f = container_of(w, struct infer, watcher);

    exchange_resume(f->exchange);
}

/* ---- the answer ---------------------------------------------------------------------- */

static void on_whole(struct exchange_sink *s, const struct reply *r, struct str body)
{
    struct infer *f = container_of(s, struct infer, sink);

    reply_answer(f->api, f->conn, to_whom(f), r, body);
    part(f);
}

static void on_begin(struct exchange_sink *s, const struct reply *r)
{
    struct infer *f = container_of(s, struct infer, sink);

    f->begun = true;
    f->between = true;
    reply_begin(f->api, f->conn, to_whom(f), r);
}

/* With a blank line, whatever its line ends are. */
static bool ends_event(struct str bytes)
{
    return str_ends(bytes, STR("\n\n")) || str_ends(bytes, STR("\n\r\n")) ||
           str_ends(bytes, STR("\r\r"));
}

static void on_bytes(struct exchange_sink *s, struct str bytes)
{
    struct infer *f = container_of(s, struct infer, sink);

    if (bytes.len == 0)
        return;
    f->between = ends_event(bytes);
    http_conn_write(f->conn, bytes);
    if (http_conn_is_full(f->conn))
        exchange_pause(f->exchange);
}

static void break_stream(struct infer *f, const struct failure *why)
{
    struct buf event = { 0 };

    if (why->told)
        return;
    if (!f->between)
        buf_put_text(&event, "\n\n");
    problem_put_event(&event, f->endpoint, why);
    http_conn_write(f->conn, buf_str(&event));
    buf_deinit(&event);
}

static int on_failure(struct exchange_sink *s, const struct reply *r, const struct failure *why)
{
    struct infer *f = container_of(s, struct infer, sink);
    struct problem problem;
    int status;

    if (!f->conn)
        return 0;
    if (f->begun) {
        break_stream(f, why);
        return r->status;
    }
    problem_of(&problem, f->caller, why);
    status = problem.status;
    reply_refuse(f->api, f->conn, to_whom(f), r, &problem);
    problem_deinit(&problem);
    part(f);
    return status;
}

static void on_end(struct exchange_sink *s)
{
    struct infer *f = container_of(s, struct infer, sink);
    struct arena arena = f->arena; /* `f` lies in it */

    if (f->conn && f->begun)
        http_conn_end(f->conn);
    http_kept_free(f->kept);
    part(f);
    arena_deinit(&arena);
}

/* ---- the question -------------------------------------------------------------------- */

/* A name whose escapes are none stands as it came: no model is called so. */
static struct str path_model(const struct visit *v, struct arena *arena)
{
    struct str name;

    if (v->rest.len == 0)
        return (struct str){ 0 };
    name = call_unescape(v->rest, arena);
    return name.at ? name : v->rest;
}

static void put_ask(struct ask *ask, const struct visit *v, struct arena *arena)
{
    *ask = (struct ask){
        .plan = v->api->plan,
        .tenant = v->tenant,
        .scope = v->tenant ? tenant_name(v->tenant) : STR("public"),
        .endpoint = v->endpoint,
        .path_model = path_model(v, arena),
        .body = v->request->body,
        .request_id = str_of(v->call->request_id),
        .segment_headers = v->call->segments,
        .key_headers = call_key_headers(v->call, arena),
        .cache = v->call->cache,
        .timeout_us = v->call->timeout_us,
        .patience_us = v->call->patience_us,
        .priority = v->call->priority,
        .idempotency_key = v->call->idempotency_key,
        .is_again = v->call->is_again,
        .began_us = v->request->began_us,
    };
}

/* A kept plain answer, in the form that was asked for; false if it has no such form. */
static bool answer_recalled(const struct visit *v, struct recalled *r)
{
    struct str body = r->entry->facts.body;
    struct buf events = { 0 };

    if (!r->stream) {
        reply_answer(v->api, v->conn, visit_to(v), &r->reply, body);
        return true;
    }
    if (replay_events(v->endpoint, body, r->include_usage, &events) != OK) {
        buf_deinit(&events);
        return false;
    }
    reply_begin(v->api, v->conn, visit_to(v), &r->reply);
    http_conn_write(v->conn, buf_str(&events));
    http_conn_end(v->conn);
    buf_deinit(&events);
    return true;
}

/* Its headers are looked at only here: of most hits nobody wants to know them. */
static void renew(const struct visit *v, struct ask *ask, const struct entry *e,
                  struct arena *arena)
{
    ask->headers = call_headers(v->request, arena);
    (void)refresh_start(v->api->kit, ask, e, REFRESH_EARLY);
}

static bool serve_from_memory(const struct visit *v, struct ask *ask, struct arena *arena)
{
    struct recalled r;

    if (!recall_find(v->api->kit, ask, &r))
        return false;
    if (!answer_recalled(v, &r)) {
        entry_unref(r.entry);
        return false;
    }
    if (refresh_is_ours(r.entry))
        renew(v, ask, r.entry, arena);
    recall_settle(v->api->kit, ask, &r);
    return true;
}

/* NULL where no segment of the plan goes by a header. */
static const struct str *copy_segments(const struct visit *v, struct arena *arena)
{
    size_t count = v->api->plan->segment_header_count;
    struct str *copies = count > 0 ? arena_take(arena, count * sizeof(*copies)) : NULL;

    for (size_t i = 0; copies && i < count; i++)
        if (v->call->segments[i].at)
            copies[i] = arena_copy(arena, v->call->segments[i]);
    return copies;
}

static void start(const struct visit *v, struct infer *f)
{
    struct ask ask;

    f->sink = (struct exchange_sink){ on_whole, on_begin, on_bytes, on_failure, on_end };
    f->watcher = (struct http_watcher){ on_gone, on_drained };
    f->api = v->api;
    f->conn = v->conn;
    memcpy(f->request_id, v->call->request_id, sizeof(f->request_id));
    f->caller = v->caller;
    f->endpoint = v->endpoint;
    f->admitted = true;

    /* From here on what the exchange is lent is ours, wherever the client goes. */
    put_ask(&ask, v, &f->arena);
    ask.request_id = str_of(f->request_id);
    if (ask.path_model.at)
        ask.path_model = arena_copy(&f->arena, ask.path_model);
    ask.segment_headers = copy_segments(v, &f->arena);
    if (ask.idempotency_key.at)
        ask.idempotency_key = arena_copy(&f->arena, ask.idempotency_key);
    ask.headers = call_headers(v->request, &f->arena);
    http_conn_keep(v->conn, v->request);
    f->kept = http_conn_take(v->conn);
    ask.body = v->request->body;
    f->exchange = exchange_start(v->api->kit, &ask, &f->sink);
    http_conn_watch(v->conn, &f->watcher);
}

/* Its model's, where it has one: who asks for what is not there is told so in its turn. */
static enum priority model_priority(const struct ask *ask, struct arena *arena)
{
    struct request request;
    struct fault why;
    const struct model *m = NULL;

    if (request_decode(&request, ask->endpoint, ask->path_model, ask->body, arena, &why) == OK)
        m = plan_model(ask->plan, request.model);
    return m ? m->priority : PRIORITY_NORMAL;
}

/*
 * Lets it in, or says why not. A caller may leave its priority to the model; the body is read for
 * that only where the lowest are turned away, since there is room for everybody otherwise.
 */
static const char *enter(struct load *load, struct ask *ask, struct arena *arena)
{
    bool said = ask->priority != PRIORITY_COUNT;
    const char *why = load_enter(load, said ? ask->priority : PRIORITY_LOW);

    if (!why || said)
        return why;
    ask->priority = model_priority(ask, arena);
    return load_enter(load, ask->priority);
}

/* True: it has been turned away, since the gateway does as much as it may. */
static bool turn_away(const struct visit *v, struct ask *ask, struct arena *arena)
{
    struct load *load = v->api->kit->load;
    const char *why = load ? enter(load, ask, arena) : NULL;
    struct failure failure = { .err = ERR_OVERLOADED, .retry_after_s = 1 };
    struct problem problem;

    if (!why)
        return false;
    metric_add(loop_shard(v->api->kit->loop), METRIC_SHED, 1,
               METRIC_LABEL(call_priority_word(ask->priority), str_of(why)));
    problem_of(&problem, v->caller, &failure);
    visit_account(v, endpoint_word(v->endpoint), ERR_OVERLOADED, problem.status, why);
    visit_refuse(v, &problem);
    return true;
}

void infer_serve(const struct visit *v)
{
    struct arena arena;
    struct ask ask;
    bool served;

    arena_init(&arena, ARENA_BYTES);
    put_ask(&ask, v, &arena);
    served = serve_from_memory(v, &ask, &arena) || turn_away(v, &ask, &arena);
    arena_deinit(&arena);
    if (!served) {
        struct infer *f;

        arena_init_pooled(&arena, &v->api->kit->arenas, ARENA_BYTES);
        f = ARENA_NEW(&arena, struct infer);
        ensure(f);
        f->arena = arena;
        start(v, f);
    }
}
