/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/base/map.h"
#include "weir/base/own.h"
#include "weir/base/str.h"
#include "weir/dialect/rules.h"
#include "weir/policy/tenant.h"
#include "weir/route/accept.h"
#include "weir/route/price.h"
#include "weir/upstream/permit.h"
#include "weir/upstream/upstream.h"
#include "weir/watch/watchlist.h"

#include <stdatomic.h>
#include <stdint.h>

/*
 * From the name that a client asks for to those who can answer: an immutable, counted plan
 * made from one configuration. An exchange keeps the plan that it was born under.
 */

enum cache_when { CACHE_DETERMINISTIC, CACHE_ALWAYS, CACHE_NEVER };
enum cache_scope { SCOPE_TENANT, SCOPE_SHARED };

struct route {
    struct upstream *upstream; /* lent by the plan */
    struct str model; /* what the upstream calls it; empty: the name that was asked for */
    struct accept
        *accept; /* what its answer must be, for the next not to be asked; NULL: any */
    struct price price;
};

/* What is tried when no route has answered, in the order of the configuration. */
enum fallback_kind { FALLBACK_STALE, FALLBACK_MODEL, FALLBACK_RULES };

struct fallback {
    enum fallback_kind kind;
    struct str name;            /* of the model or the rules */
    const struct route *routes; /* of that model, or one to the rules; lent by the plan */
    size_t route_count;
};

struct model {
    struct str name; /* public */
    struct route *routes;
    size_t route_count;
    unsigned max_attempts;
    uint64_t deadline_us;
    uint64_t respond_within_us;       /* then the best that is there is sent; 0: not said */
    double max_cost_usd;              /* of one request over all its calls; 0: no limit */
    uint64_t idempotency_ms;          /* how long an Idempotency-Key is remembered */
    enum priority priority;           /* of requests that do not say theirs */
    const struct fallback *fallbacks; /* [stale] where the configuration says nothing */
    size_t fallback_count;
    bool rejects;              /* what does not fit its schemas; else that is only counted */
    bool finish_on_disconnect; /* a call that can be kept runs on when its client leaves */
    struct {
        uint64_t ttl_ms;
        uint64_t stale_ms;
        enum cache_scope scope;
        enum cache_when when;
        bool revalidate; /* a stale answer is served at once, and renewed in the background */
    } cache;
    struct str text;         /* the routes in words: part of the cache key */
    struct watchlist *watch; /* what is watched of it; one reference */
};

enum { PLAN_SEGMENT_HEADERS = 16 };

struct plan {
    _Atomic uint32_t refs;
    uint64_t generation;   /* differs between any two plans of this process */
    struct map *upstreams; /* name -> struct upstream, owned */
    struct map *models;    /* name -> struct model, in the arena */
    struct map *rules;     /* name -> struct upstream of dialect rules, owned with its rules */
    struct model *any;     /* for names that are not configured; NULL: they are refused */
    struct tenants *tenants;
    struct str segment_headers[PLAN_SEGMENT_HEADERS]; /* that some model's segments go by */
    size_t segment_header_count;
    struct arena arena; /* everything that has no ender of its own */
};

struct plan *plan_new(void);

/*
 * Gives every upstream its pool: that of the upstream of the same name in `previous` (NULL:
 * there is none), whose endpoints keep their state, or a new one; and every model's segments
 * the values that were seen. Once, before the plan is used; a plan that is only checked needs
 * none, and neither do upstreams that are rules.
 */
void plan_open(struct plan *p, const struct plan *previous);
struct plan *plan_ref(struct plan *p);
void plan_unref(struct plan *p); /* NULL is fine; the last one frees all */
DEFINE_AUTO(struct plan, plan_unref)

enum { PLAN_MODEL_BYTES = 256 }; /* of a name that only default_upstream takes */

/* NULL: no such model, or a name that cannot be handed on. */
const struct model *plan_model(const struct plan *p, struct str name);

/*
 * What metrics and histograms call an upstream's model: the configuration's own word for it,
 * else the model's name. Where names are handed on, the caller's words never become a label.
 */
struct str model_version(const struct model *m, struct str upstream_model);

/*
 * What a model is made complete by once its routes stand: its text, and where `fallbacks` is
 * NULL, the default. Not NULL and of no length: it has none.
 */
void plan_describe(struct plan *p, struct model *m);
