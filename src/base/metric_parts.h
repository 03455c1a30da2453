/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "minute.h"
#include "weir/base/metric.h"

#include <pthread.h>
#include <stdatomic.h>

/*
 * Families hold series, series hold cells: one for each shard that has counted in it. Both
 * lists only grow, and what is on them stays until metrics_free. So a scrape walks
 * them without a lock, beside threads that count and threads that add new series.
 */

/*
 * Tokens are counted in units of 1024, which moves 1 .. 4^10 into the range of struct quantile.
 * A power of two, so nothing is rounded.
 */
enum { METRIC_TOKEN_SCALE = 1024 };

/* A series as one shard counts it. Only that shard's thread writes. */
struct metric_cell {
    struct metric_cell *next; /* fixed before the cell can be seen */
    struct metric_series *series;
    enum metric metric;
    _Atomic int64_t value;
    struct quantile *values; /* histograms only; owned */
    struct minute *latest;   /* REQUEST_SECONDS only; owned */
};

struct metric_series {
    struct metric_series *_Atomic next;
    struct metric_cell *_Atomic cells;
    struct str labels[METRIC_LABELS];
    char *memory;    /* what `labels` point to; owned */
    struct buf text; /* model="a",endpoint="b" */
};

struct metric_family {
    enum metric metric;
    enum metric_type type;
    struct str name;
    struct str help;
    struct str labels[METRIC_LABELS];
    unsigned label_count;
    unsigned size; /* series; under the lock */
    struct metric_series *_Atomic first;
    struct metric_series *last; /* under the lock */
};

struct metrics {
    pthread_mutex_t lock; /* for adding series and shards; never held while counting */
    struct metric_family families[METRIC_COUNT];
    struct metric_shard *shards;
};

/* name="value" with the value escaped; bytes that are not UTF-8 would spoil a whole scrape. */
void metric_parts_put_label(struct buf *out, struct str name, struct str value);

/* The series over all threads: added up, or the least of them; METRIC_ABSENT if one says so. */
int64_t metric_series_sum(const struct metric_family *f, const struct metric_series *series);
