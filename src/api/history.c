/* SPDX-License-Identifier: Apache-2.0 */
#include "history.h"

#include "traffic.h"
#include "weir/base/ensure.h"
#include "weir/base/mem.h"
#include "weir/base/quantile.h"
#include "weir/base/scan.h"

#include <inttypes.h>
#include <stdlib.h>

/*
 * A ring of hours for each model, each a block of sixty minutes that is made when the model
 * first has a request in it. The block says which hour it is: a reader passes over what is left
 * of the day before.
 */

enum { MINUTES = 60, MINUTE_MS = 60 * 1000 };

struct minute_row {
    uint32_t requests, errors, rejected, hits, degraded;
    uint32_t p50_us, p95_us, p99_us;
    uint32_t cost_microusd, saved_microusd; /* at most 4,294 dollars a minute */
};

struct hour {
    uint64_t hour; /* since 1970 */
    struct minute_row minutes[MINUTES];
};

struct past {
    struct str model;    /* lent by the metrics */
    struct traffic last; /* where the counters stood */
    struct hour
        *hours[HISTORY_HOURS + 1]; /* owned; one more than is told, for the hour that runs */
};

struct history {
    struct past *models[HISTORY_MODELS]; /* owned */
    size_t count;
    bool begun;
};

struct history *history_new(void)
{
    return MEM_NEW(struct history);
}

void history_free(struct history *h)
{
    if (!h)
        return;
    for (size_t i = 0; i < h->count; i++) {
        for (size_t j = 0; j <= HISTORY_HOURS; j++)
            free(h->models[i]->hours[j]);
        free(h->models[i]);
    }
    free(h);
}

/* ---- noting ---- */

static struct past *past_of(struct history *h, struct str model)
{
    for (size_t i = 0; i < h->count; i++)
        if (str_eq(h->models[i]->model, model))
            return h->models[i];
    ensure(h->count < HISTORY_MODELS);
    h->models[h->count] = MEM_NEW(struct past);
    h->models[h->count]->model = model;
    return h->models[h->count++];
}

static uint32_t narrow(int64_t value)
{
    if (value < 0)
        return 0;
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static uint32_t microseconds(const struct quantile *q, double p)
{
    double seconds;

    return quantile_seen(q, p, &seconds) ? narrow((int64_t)(seconds * 1e6)) : 0;
}

static struct minute_row *row_at(struct past *past, uint64_t minute)
{
    struct hour **place = &past->hours[minute / MINUTES % (HISTORY_HOURS + 1)];

    if (!*place)
        *place = MEM_NEW(struct hour);
    if ((*place)->hour != minute / MINUTES)
        **place = (struct hour){ .hour = minute / MINUTES };
    return &(*place)->minutes[minute % MINUTES];
}

static void note(struct past *past, const struct traffic *now, const struct quantile *latest,
                 uint64_t minute)
{
    const struct traffic *last = &past->last;

    if (now->requests > last->requests)
        *row_at(past, minute) = (struct minute_row){
            .requests = narrow(now->requests - last->requests),
            .errors = narrow(now->errors - last->errors),
            .rejected = narrow(now->rejected - last->rejected),
            .hits = narrow(now->hits - last->hits),
            .degraded = narrow(now->degraded - last->degraded),
            .p50_us = microseconds(latest, 0.5),
            .p95_us = microseconds(latest, 0.95),
            .p99_us = microseconds(latest, 0.99),
            .cost_microusd = narrow(now->cost_microusd - last->cost_microusd),
            .saved_microusd = narrow(now->saved_microusd - last->saved_microusd),
        };
    past->last = *now;
}

void history_note(struct history *h, struct metrics *m, uint64_t now_ms)
{
    struct traffic all[TRAFFIC_MODELS];
    size_t count = traffic_read(m, all);

    for (size_t i = 0; i < count; i++) {
        struct past *past = past_of(h, all[i].model);
        struct quantile latest = { 0 };

        metrics_latest(m, all[i].model, &latest);
        if (h->begun)
            note(past, &all[i], &latest, now_ms / MINUTE_MS);
        else
            past->last = all[i];
    }
    h->begun = true;
}

/* ---- telling ---- */

static void put_row(struct buf *out, uint64_t minute, const struct minute_row *r)
{
    buf_put_printf(out,
                   "[%" PRIu64 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32
                   ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 "]",
                   minute, r->requests, r->errors, r->rejected, r->hits, r->degraded, r->p50_us,
                   r->p95_us, r->p99_us, r->cost_microusd, r->saved_microusd);
}

static void put_past(struct buf *out, const struct past *past, uint64_t from, uint64_t to)
{
    bool first = true;

    buf_put(out, STR("{\"model\":"));
    scan_put_string(out, past->model);
    buf_put(out, STR(",\"minutes\":["));
    for (uint64_t minute = from; minute <= to; minute++) {
        const struct hour *hour = past->hours[minute / MINUTES % (HISTORY_HOURS + 1)];
        const struct minute_row *row = hour ? &hour->minutes[minute % MINUTES] : NULL;

        if (!row || hour->hour != minute / MINUTES || row->requests == 0)
            continue;
        if (!first)
            buf_put(out, STR(","));
        first = false;
        put_row(out, minute, row);
    }
    buf_put(out, STR("]}"));
}

void history_put_json(const struct history *h, uint64_t now_ms, struct buf *out)
{
    uint64_t to = now_ms / MINUTE_MS, from = to - HISTORY_HOURS * MINUTES;

    buf_put_printf(out, "{\"from_minute\":%" PRIu64 ",\"models\":[", from);
    for (size_t i = 0; i < h->count; i++) {
        if (i > 0)
            buf_put(out, STR(","));
        put_past(out, h->models[i], from, to);
    }
    buf_put(out, STR("]}"));
}
