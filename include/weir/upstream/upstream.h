/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/own.h"
#include "weir/base/str.h"
#include "weir/dialect/dialect.h"
#include "weir/net/fetch.h"

#include <stdatomic.h>
#include <stdint.h>

/*
 * Where answers come from: a pool of endpoints that speak one dialect. Built with the
 * configuration and read by all workers; only the counts of calls under way move, as atomics.
 */

struct upstream;

struct upstream_endpoint {
    struct upstream *upstream;
    char *url;        /* as configured, without a slash at its end; owned */
    struct str host;  /* inside url */
    bool numeric;     /* host is an address: nothing to resolve */
    struct str label; /* host:port, for metrics and logs; inside url */
    struct fetch_target target;
    _Atomic uint32_t in_flight;
};

enum balance { BALANCE_LEAST_OUTSTANDING, BALANCE_ROUND_ROBIN };

/* Each guards one phase, so that a limit can be short where a healthy upstream is quick. */
struct upstream_timeouts {
    uint64_t connect_us;
    uint64_t headers_us;    /* request sent until the response's head */
    uint64_t first_data_us; /* head until the first data event or body byte */
    uint64_t data_gap_us;   /* between data events; comments do not count */
    uint64_t total_us;
};

struct upstream {
    char *name;
    const struct dialect *dialect;
    struct upstream_endpoint *endpoints;
    size_t endpoint_count;
    enum balance balance;
    char *auth_header;   /* "Authorization: Bearer ..."; NULL: none asked for */
    bool auth_missing;   /* auth is configured, but its secret is empty: no call is made */
    char *ca_file;       /* NULL: the system's */
    struct str *forward; /* names of more headers that travel upstream, lower case; owned */
    size_t forward_count;
    struct upstream_timeouts timeouts;
    bool retry_after_send; /* may a sent call be made again, elsewhere in this pool? */
    bool ask_usage;        /* inject stream_options.include_usage */
    _Atomic unsigned turn;
};

/* Ready with defaults; the configuration then fills it. */
struct upstream *upstream_new(struct str name, const struct dialect *dialect);
void upstream_free(struct upstream *u);

/* http(s)://host[:port][/path]; false when it is not that. Takes a copy. */
MUST_CHECK bool upstream_add_endpoint(struct upstream *u, struct str url);

/* Does the configuration let this header of a caller travel to the upstream? */
bool upstream_forwards(const struct upstream *u, struct str name);

/*
 * The next by `balance` that is not in `tried`, or NULL. Bit i stands for endpoint i; those from
 * 64 on share the last bit.
 */
struct upstream_endpoint *upstream_choose(struct upstream *u, uint64_t tried);
uint64_t upstream_bit(const struct upstream *u, const struct upstream_endpoint *e);
