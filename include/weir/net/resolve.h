/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/err.h"
#include "weir/base/str.h"

#include "weir/net/loop.h"

/*
 * Names to addresses, off the loop (uv_getaddrinfo's threads), remembered per loop: fresh for
 * 30 s, then still served while one look-up in the background renews it, for ten minutes when
 * that fails. libcurl and hiredis never resolve: they are given what comes from here.
 */

struct resolver;
struct resolve;

typedef void resolve_fn(struct resolve *op, enum err err, const char *addresses);

/* `addresses` is lent for the call, in the form "127.0.0.1,[::1]". */
struct resolve {
    resolve_fn *on_done;
    struct resolver *resolver;
    struct link waiting;
    struct deferred turn;
    void *name; /* the resolver's row */
    bool cancelled;
};

struct resolver *resolver_new(struct loop *loop);
void resolver_free(struct resolver *r);

/* Is the host an address already? Then nothing has to be resolved. */
bool resolve_is_numeric(struct str host);

void resolve_start(struct resolver *r, struct resolve *op, struct str host,
                   resolve_fn *on_done);
void resolve_cancel(struct resolve *op); /* on_done(ERR_CANCELLED) follows */
