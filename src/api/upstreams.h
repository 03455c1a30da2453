/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/metric.h"
#include "weir/route/plan.h"

/* How the upstreams of a plan fare, as their pools know it at this moment. */

/*
 * Sets the gauges of endpoints and keys, which all are this shard's. Series of endpoints that
 * are gone fall to 0; where one name stands for several addresses, theirs add up.
 */
void upstreams_measure(struct metrics *m, struct metric_shard *shard, const struct plan *plan);

/* For a person who asks why traffic does not go somewhere: JSON, a line for each endpoint. */
void upstreams_put_json(const struct plan *plan, struct buf *out);
