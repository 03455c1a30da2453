/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One call to one endpoint.
 *
 *     resolving ─> connecting ─> headers ─> first_data ─> data ─> linger ─> over
 *
 * The phase says which time limit runs. Whatever ends the call goes through call_off() (ours)
 * or on_fetched() (the transport's), and finish() alone tells the owner.
 *
 * What holds throughout
 *   - `err` is written once, by the first failure of ours; the transport's own comes after it.
 *   - Events of the fetch run inside libcurl, so nothing here ends an attempt from within them:
 *     they note, cancel, and the end comes with on_fetched.
 *   - An answer whose terminal marker was seen is whole, whatever the transport says then.
 */

#include "weir/upstream/attempt.h"

#include "weir/base/ensure.h"
#include "weir/base/metric.h"

#include "head.h"
#include "verdict.h"

#include <stdio.h>

enum {
    LINGER_US = 250 * 1000
}; /* for the connection of a complete stream to become reusable */

/* ---- the end ------------------------------------------------------------------------- */

static struct str label_of(const struct attempt *a)
{
    return a->endpoint ? a->endpoint->label : STR("here");
}

static void finish(struct attempt *a, enum err err)
{
    struct metric_shard *shard = loop_shard(a->kit->loop);
    struct str name = str_of(a->call.upstream->name);
    struct permit_report report;

    timer_disarm(&a->limit);
    timer_disarm(&a->total);
    a->ended_in = a->phase;
    a->phase = PHASE_OVER;
    a->ended_us = loop_now_us(a->kit->loop);
    metric_add(shard, METRIC_UPSTREAM_IN_FLIGHT, -1, METRIC_LABEL(name, label_of(a)));
    verdict_report(a, err, &report);
    permit_give_back(&a->call.permit, &report);
    if (a->tap.gave_up)
        metric_add(shard, METRIC_PARSE_GAVE_UP, 1, METRIC_LABEL(STR("unreadable")));
    metric_add(shard, METRIC_ATTEMPTS, 1,
               METRIC_LABEL(name, label_of(a), verdict_word(a, err)));
    a->events->on_done(a, err);
}

/*
 * Notes why, and makes the transport end; on_fetched or on_resolved follows. Once the answer is
 * whole there is no why: the call then ends well, only sooner.
 */
static void call_off(struct attempt *a, enum err why)
{
    if (a->err || a->phase == PHASE_OVER)
        return;
    a->err = a->phase == PHASE_LINGER ? OK : why;
    if (a->phase == PHASE_RESOLVING)
        resolve_cancel(&a->resolve);
    else if (a->phase != PHASE_IDLE) /* else it ends in its turn */
        fetch_cancel(&a->fetch);
}

/* ---- time ---------------------------------------------------------------------------- */

static void enter(struct attempt *a, enum attempt_phase phase, uint64_t limit_us)
{
    /* While the owner is full it is not the upstream that is slow. */
    bool waits = a->paused && (phase == PHASE_FIRST_DATA || phase == PHASE_DATA);

    a->phase = phase;
    if (limit_us > 0 && !waits)
        timer_arm(&a->limit, limit_us);
    else
        timer_disarm(&a->limit);
}

/* `limit` is named as the configuration names it, for the log line. */
static void run_out(struct attempt *a, const char *limit, enum err why)
{
    if (a->streamed && tap_is_finished(&a->tap)) {
        a->phase = PHASE_LINGER; /* whole, though its upstream forgot to say so */
        why = OK;
    } else {
        (void)snprintf(a->fetch.detail, sizeof(a->fetch.detail),
                       "the upstream's timeouts.%s has passed", limit);
    }
    call_off(a, why);
}

static void on_limit(struct timer *t)
{
    struct attempt *a = container_of(t, struct attempt, limit);

    switch (a->phase) {
    case PHASE_RESOLVING:
    case PHASE_CONNECTING: run_out(a, "connect", ERR_UPSTREAM_UNREACHABLE); break;
    case PHASE_HEADERS: run_out(a, "headers", ERR_UPSTREAM_SILENT); break;
    case PHASE_FIRST_DATA: run_out(a, "first_data", ERR_UPSTREAM_SILENT); break;
    case PHASE_DATA: run_out(a, "data_gap", ERR_UPSTREAM_SILENT); break;
    case PHASE_LINGER: call_off(a, OK); break;
    case PHASE_IDLE:
    case PHASE_OVER: break;
    }
}

static void on_total(struct timer *t)
{
    run_out(container_of(t, struct attempt, total), "total", ERR_UPSTREAM_SILENT);
}

/* ---- reading ------------------------------------------------------------------------- */

static void on_event(void *owner, const struct sse_event *e)
{
    struct attempt *a = owner;
    struct tap_event event = { e->raw, e->name, e->data, e->opaque, e->has_blank };
    struct delta delta;
    enum err err;

    if (a->err)
        return;
    err = tap_event(&a->tap, &event, &delta);
    if (err && err != ERR_UPSTREAM_IN_BAND) {
        call_off(a, err);
        return;
    }
    if (a->phase != PHASE_LINGER && e->data.at)
        enter(a, PHASE_DATA, a->call.upstream->timeouts.data_gap_us);
    if (a->first_us == 0 && (delta.kind == DELTA_CONTENT || delta.kind == DELTA_OPAQUE))
        a->first_us = loop_now_us(a->kit->loop);
    a->events->on_delta(a, &delta);
    if (err)
        call_off(a, err);
    else if (delta.kind == DELTA_DONE && !a->err)
        enter(a, PHASE_LINGER, LINGER_US);
}

static bool is_good(const struct attempt *a)
{
    return a->status >= 200 && a->status <= 299;
}

static void gather(struct attempt *a, struct str bytes)
{
    if (buf_add(&a->body, bytes) != OK)
        call_off(a, is_good(a) ? ERR_UPSTREAM_MALFORMED : ERR_UPSTREAM_STATUS);
}

static void on_data(struct fetch *f, struct str bytes)
{
    struct attempt *a = container_of(f, struct attempt, fetch);

    if (a->err)
        return;
    if (a->streamed) {
        sse_feed(&a->sse, bytes, on_event, a);
        return;
    }
    enter(a, PHASE_DATA, a->call.upstream->timeouts.data_gap_us);
    gather(a, bytes);
}

static bool is_event_stream(const struct attempt *a)
{
    struct str type = str_trim(fetch_header(&a->fetch, "content-type"));
    struct str wanted = STR("text/event-stream");

    return type.len >= wanted.len && str_eq_nocase(str_cut(type, 0, wanted.len), wanted);
}

static void on_head(struct fetch *f)
{
    struct attempt *a = container_of(f, struct attempt, fetch);
    struct str coding;

    if (a->err)
        return;
    a->status = (int)f->status;
    a->head_us = loop_now_us(a->kit->loop);
    buf_init(&a->body, is_good(a) ? ATTEMPT_BODY_BYTES : ATTEMPT_ERROR_BYTES);
    coding = str_trim(fetch_header(f, "content-encoding"));
    if (coding.len > 0 && !str_eq_nocase(coding, STR("identity"))) {
        /* We asked for identity: what is packed all the same cannot be read on its way. */
        call_off(a, ERR_UPSTREAM_MALFORMED);
        return;
    }
    a->streamed = a->status == 200 && a->call.request->stream && is_event_stream(a);
    if (a->streamed)
        sse_init(&a->sse, SSE_EVENT_BYTES);
    enter(a, PHASE_FIRST_DATA, a->call.upstream->timeouts.first_data_us);
}

static void on_connected(struct fetch *f)
{
    struct attempt *a = container_of(f, struct attempt, fetch);

    if (a->err)
        return;
    a->sent_any = true;
    enter(a, PHASE_HEADERS, a->call.upstream->timeouts.headers_us);
}

/* ---- what came of it ----------------------------------------------------------------- */

/* A request that no other upstream would take either is told as it is: see failing-over.md. */
static enum err judge_status(int status)
{
    switch (status) {
    case 401:
    case 403:
    case 404:
    case 408:
    case 409:
    case 425:
    case 429: return ERR_UPSTREAM_STATUS;
    default: return status >= 400 && status < 500 ? ERR_UPSTREAM_REFUSED : ERR_UPSTREAM_STATUS;
    }
}

static enum err judge_whole(struct attempt *a)
{
    struct answer *answer = &a->tap.answer;
    enum err err = tap_whole(&a->tap, &a->body);

    if (a->status != 200) {
        answer->storable = false;
        answer->why_not = answer->why_not ? answer->why_not : "its status is not 200";
    }
    return err;
}

static enum err judge(struct attempt *a, enum err transport)
{
    if (a->err)
        return a->err;
    if (a->status != 0 && !is_good(a))
        return judge_status(a->status);
    if (a->streamed) {
        enum err err;
        bool bare;

        sse_end(&a->sse, on_event, a);
        if (a->err)
            return a->err;
        err = tap_end(&a->tap);
        bare = err == ERR_UPSTREAM_EMPTY ||
               (err == ERR_UPSTREAM_TRUNCATED && !a->tap.answer.has_content);
        return bare && transport ? transport : err;
    }
    if (transport)
        return transport;
    return judge_whole(a);
}

static void on_fetched(struct fetch *f, enum err err)
{
    struct attempt *a = container_of(f, struct attempt, fetch);

    finish(a, judge(a, err));
}

static const struct fetch_events fetch_events = {
    .on_connected = on_connected,
    .on_head = on_head,
    .on_data = on_data,
    .on_done = on_fetched,
};

/* ---- sending ------------------------------------------------------------------------- */

/* The request could not be put on the wire (it is over its arena's budget), or needs no wire. */
static void on_turn(struct deferred *d)
{
    struct attempt *a = container_of(d, struct attempt, turn);

    finish(a, a->err);
}

/* Answered by the dialect itself: what it says is read as an upstream's plain answer is. */
static void answer_here(struct attempt *a)
{
    const struct upstream *u = a->call.upstream;

    buf_init(&a->body, ATTEMPT_BODY_BYTES);
    a->err = u->dialect->answer(u->rules, a->call.request, a->call.model, &a->body);
    if (!a->err) {
        a->status = 200;
        a->err = tap_whole(&a->tap, &a->body);
    }
    loop_defer(a->kit->loop, &a->turn, on_turn);
}

static void fetch_it(struct attempt *a, const char *addresses)
{
    const struct upstream_endpoint *e = a->endpoint;
    const struct upstream *u = a->call.upstream;
    const char *headers[HEAD_LINES + 1];
    struct fetch_call call = { 0 };
    struct str path, url;

    head_write(&a->call, headers);
    path = dialect_path(u->dialect, a->call.request->endpoint, str_of(e->url));
    url = arena_join(a->call.arena, (struct str[]){ str_of(e->url), path }, 2);
    if (!url.at) {
        a->err = ERR_TOO_LARGE;
        loop_defer(a->kit->loop, &a->turn, on_turn);
        return;
    }

    call.target = &u->target;
    call.method = "POST";
    call.url = url.at;
    call.addresses = addresses;
    call.headers = headers;
    call.body = a->wire.parts;
    call.body_parts = a->wire.count;
    call.fresh = a->call.fresh;
    enter(a, PHASE_CONNECTING, u->timeouts.connect_us);
    fetch_start(a->kit->fetcher, &a->fetch, &call, &fetch_events);
    if (a->paused)
        fetch_pause(&a->fetch); /* since before its name was resolved */
}

static void on_resolved(struct resolve *op, enum err err, const char *addresses)
{
    struct attempt *a = container_of(op, struct attempt, resolve);

    if (err && !a->err)
        (void)snprintf(a->fetch.detail, sizeof(a->fetch.detail), "its name does not resolve");
    if (a->err || err)
        finish(a, a->err ? a->err : ERR_UPSTREAM_UNREACHABLE);
    else
        fetch_it(a, addresses);
}

void attempt_start(struct attempt *a, struct attempt_kit *kit, const struct attempt_call *call,
                   const struct attempt_events *events)
{
    struct upstream_endpoint *e = call->permit.endpoint;
    const struct upstream *u = call->upstream;

    *a = (struct attempt){ .events = events, .kit = kit, .call = *call };
    a->endpoint = e ? endpoint_ref(e) : NULL;
    a->started_us = loop_now_us(kit->loop);
    timer_init(&a->limit, kit->loop, on_limit);
    timer_init(&a->total, kit->loop, on_total);
    if (u->timeouts.total_us > 0)
        timer_arm(&a->total, u->timeouts.total_us);
    tap_init(&a->tap, u->dialect, call->request, call->model, call->keep);
    metric_add(loop_shard(kit->loop), METRIC_UPSTREAM_IN_FLIGHT, 1,
               METRIC_LABEL(str_of(u->name), label_of(a)));
    if (!e) {
        answer_here(a);
        return;
    }
    a->err = u->dialect->put_request(call->request, call->upstream_model, u->ask_usage,
                                     call->arena, &a->wire);
    a->tap.usage_injected = a->wire.usage_injected;
    if (a->err) {
        loop_defer(kit->loop, &a->turn, on_turn);
    } else if (e->numeric || e->address) {
        fetch_it(a, e->address);
    } else {
        enter(a, PHASE_RESOLVING, u->timeouts.connect_us);
        resolve_start(kit->resolver, &a->resolve, e->host, on_resolved);
    }
}

void attempt_cancel(struct attempt *a, enum err why)
{
    call_off(a, why);
}

void attempt_lose(struct attempt *a)
{
    a->beaten = a->first_us == 0 && !a->paused && (a->streamed || a->phase < PHASE_DATA);
    call_off(a, ERR_CANCELLED);
}

void attempt_pause(struct attempt *a)
{
    a->paused = true;
    if (a->phase == PHASE_FIRST_DATA || a->phase == PHASE_DATA)
        timer_disarm(&a->limit);
    fetch_pause(&a->fetch);
}

void attempt_resume(struct attempt *a)
{
    a->paused = false;
    if (a->phase == PHASE_FIRST_DATA || a->phase == PHASE_DATA)
        enter(a, a->phase, a->call.upstream->timeouts.data_gap_us);
    fetch_resume(&a->fetch);
}

void attempt_deinit(struct attempt *a)
{
    if (!a->kit)
        return;
    ensure(a->phase == PHASE_OVER);
    tap_deinit(&a->tap);
    sse_deinit(&a->sse);
    buf_deinit(&a->body);
    endpoint_unref(a->endpoint);
    a->kit = NULL;
}

struct str attempt_header(const struct attempt *a, const char *name)
{
    return fetch_header(&a->fetch, name);
}
