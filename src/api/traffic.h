/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/metric.h"
#include "weir/base/str.h"

#include <stdint.h>

/*
 * The counters of /metrics, added up by model, as people ask for them: how many requests, how
 * many of them failed, were answered from what was kept, or were not what was asked for.
 */

enum { TRAFFIC_MODELS = 64 };

struct traffic {
    struct str model; /* lent by the metrics */
    int64_t requests;
    int64_t errors;   /* upstream_error, upstream_truncated, timeout, internal_error */
    int64_t rejected; /* and what the caller called off: neither served nor failed */
    int64_t hits;     /* cache_hit and coalesced: no call was made */
    int64_t degraded; /* stale and fallback */
    int64_t cost_microusd;
    int64_t saved_microusd;
};

/* In the order of their first request; what is beyond TRAFFIC_MODELS is left out. */
size_t traffic_read(struct metrics *m, struct traffic all[TRAFFIC_MODELS]);
