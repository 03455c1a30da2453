/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/api/problem.h"
#include "weir/base/buf.h"
#include "weir/exchange/exchange.h"
#include "weir/http/conn.h"

#include <stdatomic.h>

/*
 * The data plane of one worker: from HTTP to an exchange and back. It knows the paths of
 * router.c's table and nothing of the admin's, which are served on another address alone.
 */

/* What a load balancer asks: changed by the control loop, read by all workers. */
struct api_health {
    _Atomic bool ready;
};

struct api {
    struct exchange_kit *kit;        /* lent by the worker */
    struct plan *plan;               /* one reference */
    const struct api_health *health; /* lent */
    struct buf fields;               /* header lines being written: one answer at a time */
};

void api_init(struct api *a, struct exchange_kit *kit, struct plan *plan,
              const struct api_health *health);
void api_deinit(struct api *a);
void api_set_plan(struct api *a, struct plan *plan); /* takes a reference of its own */

struct http_handler api_handler(struct api *a);
