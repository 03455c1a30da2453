/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Latencies in base-2 exponential buckets, schema 5 (OpenTelemetry's scale 5, Prometheus'
 * native histograms): a bucket is 2^(1/32) wide, so a quantile is off by at most 1.1 %.
 * Range 2^-20 s (1 us) to 2^12 s (68 min), 1024 buckets, and one below and one above.
 * One writer, any reader: cells are written with relaxed atomics. Merging is adding.
 * A zeroed quantile is empty.
 */

enum { QUANTILE_BUCKETS = 1024, QUANTILE_CELLS = QUANTILE_BUCKETS + 2 };

struct quantile {
    _Atomic uint64_t cells[QUANTILE_CELLS]; /* [0] at most 2^-20, [1025] above 2^12 */
    _Atomic uint64_t count;
    _Atomic double sum;
    _Atomic double least; /* 0 when empty */
    _Atomic double most;
};

/* The bucket of a value: upper bounds are inclusive, so 1.0 lies in the bucket that ends at 1. */
unsigned quantile_bucket(double value);
double quantile_upper(unsigned bucket); /* its inclusive upper bound */

void quantile_add(struct quantile *q, double value); /* what is not finite is left out */
void quantile_reset(struct quantile *q);
void quantile_merge(struct quantile *into, const struct quantile *from);

/*
 * Nearest rank: the geometric middle of the bucket that holds rank ceil(p * n), clamped to
 * [least, most]. False when fewer than ten values lie beyond it: n * (1 - p) < 10.
 */
bool quantile_at(const struct quantile *q, double p, double *out);
/* The same from as few values as one: what was seen, not what may be inferred. False when empty. */
bool quantile_seen(const struct quantile *q, double p, double *out);

/* How many values are at most `bound`: exact where it is a bucket's upper bound, as 2^n is. */
uint64_t quantile_at_most(const struct quantile *q, double bound);
