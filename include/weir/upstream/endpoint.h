/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/own.h"
#include "weir/base/str.h"

#include <stdatomic.h>
#include <stdint.h>

/*
 * One place that can be called: who it is, which never changes, and a count of who still needs
 * it. How it fares is its pool's to know (pool.h). A call keeps a reference through its permit,
 * so an endpoint that a reload or a name server takes away stays until its last call is over.
 */

struct upstream_endpoint {
    _Atomic uint32_t refs;
    char *url;        /* of its site, without a slash at its end; owned */
    struct str host;  /* inside url */
    struct str label; /* host:port as configured, for metrics and logs; inside url */
    char *address;    /* "10.0.0.7" or "[::1]" where its name stands for several; else NULL */
    bool numeric;     /* host is an address already */
    unsigned slot;    /* its place in its pool: no other endpoint has it at the same time */
};

/* A bit for each slot; those from 63 on share the last. */
static inline uint64_t endpoint_bit(const struct upstream_endpoint *e)
{
    return UINT64_C(1) << (e->slot < 63 ? e->slot : 63);
}

struct upstream_endpoint *endpoint_ref(struct upstream_endpoint *e);
void endpoint_unref(struct upstream_endpoint *e); /* NULL is fine */
