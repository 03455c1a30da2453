/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/own.h"
#include "weir/base/str.h"
#include "weir/dialect/dialect.h"
#include "weir/net/fetch.h"

#include <stdint.h>

/*
 * Where answers come from, as the configuration says it: who is asked, how many at once, how
 * patiently, and what is done when it goes wrong. Built with the plan and then only read. What
 * moves (health, calls under way, who waits) is in its pool, which outlives a reload.
 */

struct pool;
struct rules;

/* One server, or one name that may stand for several. */
struct upstream_site {
    char *url;        /* as configured, without a slash at its end; owned */
    struct str host;  /* inside url */
    struct str label; /* host:port, for metrics and logs; inside url */
    bool numeric;     /* host is an address: nothing to resolve */
    unsigned weight;  /* its share of the calls, from 1 */
};

enum balance {
    BALANCE_LEAST_OUTSTANDING,
    BALANCE_ROUND_ROBIN,
    BALANCE_P2C_EWMA,
    BALANCE_PREFIX_AFFINITY
};

/* Each guards one phase, so that a limit can be short where a healthy upstream is quick. */
struct upstream_timeouts {
    uint64_t connect_us;
    uint64_t headers_us;    /* request sent until the response's head */
    uint64_t first_data_us; /* head until the first data event or body byte */
    uint64_t data_gap_us;   /* between data events; comments do not count */
    uint64_t total_us;
};

/* When an endpoint is left alone after faults, and how it comes back. */
struct upstream_breaker {
    unsigned faults;  /* in a row, until it opens; 0: it never does */
    uint64_t rest_us; /* the first time; doubled each time that it fails again */
    uint64_t most_rest_us;
    double most_ejected;    /* share of the pool that it may keep out at once, 0 to 1 */
    uint64_t slow_start_us; /* after recovery its share grows over this long */
};

struct upstream_retry {
    double budget;       /* extra calls as a share of calls, over ten seconds */
    unsigned floor;      /* extra calls that are always allowed in that time */
    uint64_t backoff_us; /* the first pause; doubled, with full jitter */
    uint64_t most_backoff_us;
    uint64_t
        most_wait_us; /* for who asked to be left alone (Retry-After); longer: not at all */
};

struct upstream_hedge {
    bool on;
    double percentile; /* of times to the first content; 0: after_us is fixed */
    uint64_t after_us;
    double at_most; /* share of calls that may be doubled, 0 to 1 */
};

struct upstream_health {
    char *path; /* asked for at the server's root; NULL: endpoints are not asked; owned */
    uint64_t interval_us;
    uint64_t timeout_us;
    unsigned down_after; /* probes in a row */
    unsigned up_after;
};

struct upstream {
    char *name;
    const struct dialect *dialect;
    const struct rules *rules; /* of dialect rules; lent by the plan; else NULL */
    struct upstream_site *sites;
    size_t site_count;
    bool each_address; /* a name with several addresses is as many endpoints */
    enum balance balance;
    unsigned max_in_flight; /* calls at once per endpoint; 0: as many as come */
    bool adaptive;          /* the limit is found by itself; max_in_flight is then the most */
    struct {
        unsigned size; /* requests that may wait */
        uint64_t timeout_us;
    } queue;
    uint64_t cold_start_us; /* how long a pool that refuses may be starting up; 0: it is down */
    struct upstream_health health;
    struct upstream_breaker breaker;
    struct upstream_retry retry;
    struct upstream_hedge hedge;
    char **auth; /* header lines, "Authorization: Bearer ...", by turns; owned */
    size_t auth_count;
    bool auth_missing;   /* auth is configured, but its secret is empty: no call is made */
    char *ca_file;       /* NULL: the system's */
    struct str *forward; /* names of more headers that travel upstream, lower case; owned */
    size_t forward_count;
    struct upstream_timeouts timeouts;
    struct fetch_target target;
    bool retry_after_send; /* may a sent call be made again, elsewhere in this pool? */
    bool ask_usage;        /* inject stream_options.include_usage */
    struct pool *pool;     /* one reference; NULL until the plan is opened */
};

/* Ready with defaults; the configuration then fills it. */
struct upstream *upstream_new(struct str name, const struct dialect *dialect);
void upstream_free(struct upstream *u);

/* http(s)://host[:port][/path]; false when it is not that. Takes a copy; weight 0 is 1. */
MUST_CHECK bool upstream_add_site(struct upstream *u, struct str url, unsigned weight);
void upstream_add_auth(struct upstream *u, struct str line); /* takes a copy */

/* Does the configuration let this header of a caller travel to the upstream? */
bool upstream_forwards(const struct upstream *u, struct str name);
