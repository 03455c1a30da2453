/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What serves when nobody answers: the model's fallbacks, one after the other, and first of all
 * an answer of this very request that was only not good enough. A stale answer and a heuristic
 * one are there at once; another model has to be asked, if there is time. Whatever is given
 * is marked, counted when it is told, and never kept.
 */

#include "weir/base/clock.h"
#include "weir/base/metric.h"
#include "weir/dialect/replay.h"

#include "books.h"
#include "steps.h"
#include "tell.h"

/* ---- what is there at once ---------------------------------------------------------------- */

bool degrade_takes_stale(const struct exchange *x, const struct entry *e)
{
    int64_t within_s = x->ask.cache.stale_if_error_s;
    int64_t late_ms;

    if (!e || x->idempotent)
        return false;
    late_ms = -entry_ttl_ms(e, clock_wall_ms());
    return within_s < 0 || late_ms / 1000 < within_s;
}

/* A heuristic answer as an entry, so that it is told as kept ones are. */
static struct entry *ask_rules(const struct exchange *x, const struct fallback *f)
{
    const struct upstream *u = f->routes[0].upstream;
    struct entry_facts facts = {
        .key = x->print.key,
        .endpoint = x->ask.endpoint,
        .upstream = str_of(u->name),
        .upstream_model = f->name,
        .content_type = STR("application/json"),
        .finish_reason = "stop",
        .status = 200,
        .degraded = DEGRADED_HEURISTIC,
        .created_ms = clock_wall_ms(),
        .fresh_ms = 1000,
        .prompt_tokens = -1,
        .completion_tokens = -1,
    };
    struct buf body = { 0 };
    struct entry *e = NULL;

    if (rules_answer(u->rules, &x->request, x->request.model, &body) == OK) {
        facts.body = buf_str(&body);
        e = entry_new(&facts);
    }
    buf_deinit(&body);
    return e;
}

/* One rung: an answer with a reference, or NULL. */
static struct entry *step_on(struct exchange *x, const struct fallback *f)
{
    switch (f->kind) {
    case FALLBACK_STALE: return degrade_takes_stale(x, x->stale) ? steal(&x->stale) : NULL;
    case FALLBACK_RULES: return ask_rules(x, f);
    case FALLBACK_MODEL: break;
    }
    return NULL;
}

bool degrade_has_something(const struct exchange *x)
{
    if (x->deserted || x->unsure)
        return x->unsure;
    for (size_t i = x->rung; i < x->model->fallback_count; i++) {
        const struct fallback *f = &x->model->fallbacks[i];

        if (f->kind == FALLBACK_RULES ||
            (f->kind == FALLBACK_STALE && degrade_takes_stale(x, x->stale)))
            return true;
    }
    return false;
}

/* ---- one answer, and its marks -------------------------------------------------------------- */

/* What is given from here on, if anything is. */
static void mark(struct exchange *x, enum degraded degraded, enum stale_why why)
{
    x->degraded = degraded;
    x->stale_why = why;
    x->fell_back = x->err == OK ? "in_time" : x->err == ERR_DEADLINE ? "deadline" : "error";
    if (degraded == DEGRADED_STALE)
        x->word = WORD_STALE;
    else if (x->word == WORD_COALESCED)
        x->word = WORD_MISS;
}

void degrade_unmark(struct exchange *x)
{
    x->degraded = DEGRADED_NOT;
    x->fell_back = NULL;
}

void degrade_count(const struct exchange *x)
{
    static const char *const words[] = { "none", "stale", "fallback", "heuristic" };

    if (x->fell_back && x->degraded && !x->deserted)
        metric_add(
            loop_shard(x->kit->loop), METRIC_FALLBACKS, 1,
            METRIC_LABEL(x->model->name, str_of(words[x->degraded]), str_of(x->fell_back)));
}

/* What the first rung gives that is there at once; the caller's reference. NULL: nothing. */
static struct entry *take_at_once(struct exchange *x, enum degraded *degraded)
{
    struct entry *e = steal(&x->unsure);

    *degraded = DEGRADED_FALLBACK;
    for (size_t i = x->rung; !e && i < x->model->fallback_count; i++) {
        const struct fallback *f = &x->model->fallbacks[i];

        e = step_on(x, f);
        *degraded = f->kind == FALLBACK_STALE ? DEGRADED_STALE : DEGRADED_HEURISTIC;
    }
    return e;
}

/* ---- in time ------------------------------------------------------------------------------- */

static void tell(struct exchange *x)
{
    struct buf events = { 0 };

    if (!x->request.stream)
        tell_whole(x, x->answer->facts.body);
    else if (replay_events(x->ask.endpoint, x->answer->facts.body, x->request.include_usage,
                           &events) == OK)
        tell_bytes(x, buf_str(&events));
    buf_deinit(&events);
}

/* The answer is told and booked here; a better one, if it still comes, is for the cache. */
bool degrade_in_time(struct exchange *x)
{
    enum cache_word word = x->word;
    enum degraded degraded;
    struct entry *e = take_at_once(x, &degraded);

    if (!e)
        return false;
    mark(x, degraded, STALE_IN_TIME);
    x->answer = e;
    tell(x);
    books_close(x, NULL);
    metric_add(loop_shard(x->kit->loop), METRIC_IN_FLIGHT, -1, NULL);
    x->deserted = true;
    degrade_unmark(x);
    x->word = word;
    entry_unref(steal(&x->answer));
    return true;
}

/* ---- degrade -------------------------------------------------------------------------------- */

/* Its routes are tried as the model's were, with as many calls. */
static enum step ask_other(struct exchange *x, const struct fallback *f)
{
    mark(x, DEGRADED_FALLBACK, STALE_ASKED);
    x->err = OK;
    x->routes = f->routes;
    x->route_count = f->route_count;
    x->route_at = 0;
    x->over = x->tried = x->failed = x->seen = 0;
    x->rounds = x->calls = 0;
    return ROUTE;
}

static enum step serve(struct exchange *x, struct entry *e, enum degraded degraded)
{
    mark(x, degraded, STALE_IF_ERROR);
    x->err = OK;
    x->answer = e;
    x->passed = x->upstream_request_id = (struct str){ 0 }; /* those of a failed call */
    find_land(x); /* before it is told: asked again, it is a question of its own */
    return REPLAY;
}

/* Nothing more is known of it than that it failed: with another answer it may still end well. */
static bool is_worth_it(const struct exchange *x)
{
    return !x->committed && !x->deserted &&
           (err_worth_retry(x->err) || x->err == ERR_DEADLINE || x->err == ERR_TOO_COSTLY);
}

enum step degrade_step(struct exchange *x)
{
    bool in_time = x->err != ERR_DEADLINE;

    degrade_unmark(x); /* of another model, that has failed as well */
    if (!is_worth_it(x))
        return SETTLE;
    if (x->unsure)
        return serve(x, steal(&x->unsure), DEGRADED_FALLBACK);
    while (x->rung < x->model->fallback_count) {
        const struct fallback *f = &x->model->fallbacks[x->rung++];
        struct entry *e = step_on(x, f);

        if (e)
            return serve(x, e, f->kind == FALLBACK_STALE ? DEGRADED_STALE : DEGRADED_HEURISTIC);
        if (f->kind == FALLBACK_MODEL && in_time)
            return ask_other(x, f);
    }
    return SETTLE;
}
