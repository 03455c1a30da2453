/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/api/api.h"
#include "weir/base/digest.h"
#include "weir/base/metric.h"
#include "weir/cache/memory.h"
#include "weir/cache/remote.h"

/*
 * The operator's plane, on an address of its own and on the control loop: a page for people at /,
 * /metrics and health for everyone who reaches it, /admin/... for those who know the token, if
 * one is configured. The page itself knows nothing: what it shows it asks of /admin/...
 */

struct feed;
struct herald;
struct judge;

struct admin {
    struct metrics *metrics;    /* lent by the process, as all below */
    struct metric_shard *shard; /* of the control loop */
    struct memory *memory;      /* NULL: tier off */
    struct judge *judge;        /* NULL: nothing is judged */
    struct herald *herald;      /* who knows the last hours */
    struct plan *plan;          /* one reference */
    const struct api_health *health;
    struct remote_settings remote; /* for the names of keys */
    bool redis_on;                 /* one is configured */
    bool token_asked;
    struct digest token;
    struct feed *feed; /* who listens to the page's events; owned */
};

void admin_init(struct admin *a, struct loop *loop, struct metrics *metrics,
                struct metric_shard *shard, struct plan *plan, const struct api_health *health);
void admin_set_token(struct admin *a, struct str token); /* empty: none is asked for */
void admin_set_plan(struct admin *a, struct plan *plan); /* takes a reference of its own */
void admin_deinit(struct admin *a);                      /* after its server is gone */

struct http_handler admin_handler(struct admin *a);
