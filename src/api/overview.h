/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/api/admin.h"
#include "weir/base/buf.h"

/*
 * This moment in one JSON object, for the admin page and `weir top`:
 *     {"now_ms":...,"version":"...","ready":true,"in_flight":3,"connections":12,"redis_up":true,
 *      "cache":{"bytes":...,"entries":...,"evictions":...},
 *      "models":[{"model":"chat","requests":...,"errors":...,"rejected":...,"hits":...,
 *                 "degraded":...,"cost_usd":...,"saved_usd":...,"p50_ms":...,"p95_ms":...,
 *                 "p99_ms":...}],
 *      "changes":[...],
 *      "upstreams":[{"name":"local","waiting":0,"endpoints":[...]}]}
 * Counts are since the start of the process; who reads twice has a rate. Percentiles are of the
 * last minute, null without requests. redis_up is null where no Redis is configured. Changes are
 * the newest of /admin/changes, where drift is judged; upstreams are as /admin/upstreams tells
 * them.
 */
void overview_put_json(struct admin *a, struct buf *out);
