/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/err.h"
#include "weir/base/own.h"
#include "weir/base/str.h"

#include <stdint.h>

/*
 * Calls to upstreams: one libcurl multi handle per loop, driven by the loop, HTTP/1.1 only,
 * with pooled handles and connections. Time limits are the caller's own timers; libcurl gets
 * a connect timeout and a far absolute one as a last resort.
 *
 * Events run inside libcurl's callbacks: they may pause or cancel their fetch and start others
 * (which begin later), and must not expect any of these to act before they return.
 * on_done comes exactly once, last, never from inside start or cancel, also after a cancel,
 * which closes the connection within the same turn of the loop.
 *
 * The body is given in parts that are lent until on_done, so that a spliced body is never
 * copied. It is never sent twice by one fetch: a dead pooled connection ends in
 * ERR_UPSTREAM_UNREACHABLE with `stale` set, and the caller may start again with `fresh`.
 */

struct loop;
struct fetcher;
struct fetch;

struct fetcher *fetcher_new(struct loop *loop);
/* Before its first call: so many connections are kept open for calls to come, and no more. */
void fetcher_keep(struct fetcher *f, unsigned most);
void fetcher_free(struct fetcher *f); /* every fetch must have ended */

/* What one upstream endpoint needs; lent, must outlive its fetches. */
struct fetch_target {
    const char *ca_file; /* NULL: the system's */
    uint64_t connect_timeout_us;
    unsigned idle_s; /* pooled connections are dropped after this idle age */
};

struct fetch_call {
    const struct fetch_target *target;
    const char *method; /* "POST" or "GET" */
    const char *url;
    const char *addresses; /* what `url`'s host resolves to: "127.0.0.1,[::1]"; NULL: numeric */
    const char *const *headers; /* "Name: value", NULL at the end; lent for the call of start */
    const struct str *body;     /* lent until on_done */
    size_t body_parts;
    bool fresh; /* on a new connection */
};

struct fetch_events {
    /* A connection is there, new or pooled: sending starts. */
    void (*on_connected)(struct fetch *f);
    void (*on_head)(struct fetch *f);                   /* status and headers are readable */
    void (*on_data)(struct fetch *f, struct str bytes); /* lent for the call */
    void (*on_done)(struct fetch *f, enum err err); /* OK: the body is whole by its framing */
};

/* Headers that were copied while they could be read; lent by whoever copied them. */
struct fetch_kept {
    size_t count;
    struct fetch_line {
        struct str name, value;
    } lines[];
};

struct fetch {
    const struct fetch_events *events;
    struct fetch_slot *slot;       /* the fetcher's; NULL when not running */
    struct fetch_slot *head;       /* whose headers can be read; NULL before on_head */
    const struct fetch_kept *kept; /* read in its place, also after on_done; may be NULL */
    long status;                   /* from on_head on */
    bool connected;
    bool sent;        /* the whole request was handed to the connection */
    bool stale;       /* see above */
    char detail[128]; /* after a failed on_done: libcurl's words, without secrets */
};

void fetch_start(struct fetcher *fetcher, struct fetch *f, const struct fetch_call *call,
                 const struct fetch_events *events);
void fetch_cancel(struct fetch *f); /* on_done(ERR_CANCELLED) follows */
void fetch_pause(struct fetch *f);  /* at most one more read's worth of data comes */
void fetch_resume(struct fetch *f);

/*
 * A response header's value from on_head until on_done returns, unless they are `kept`; absent
 * if it is not there.
 */
struct str fetch_header(const struct fetch *f, const char *name);
/* Walks all response headers; a zeroed place starts. Interim (1xx) ones are left out. */
struct fetch_header_at {
    struct str name;
    struct str value;
    void *state;
};
bool fetch_next_header(const struct fetch *f, struct fetch_header_at *at);
