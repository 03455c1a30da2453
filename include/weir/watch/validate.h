/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/metric.h"
#include "weir/dialect/jsonschema.h"
#include "weir/watch/watchlist.h"

/*
 * Holds requests and answers against the schemas of their model, and counts the verdicts:
 * METRIC_VALIDATION. What follows from one is the caller's.
 */

/* True where the model has no schema for that side, and nothing is counted. `l` may be NULL. */
bool validate(const struct watchlist *l, enum watch_side side, struct str text,
              struct metric_shard *shard, struct jsonschema_report *report);
