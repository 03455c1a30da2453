/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "reading.h"
#include "weir/base/metric.h"

/*
 * How often each reading came, by its source, its segments and the minute, until that is told.
 *
 * Most answers say what another one has said before, so an answer is one line found and one
 * number added to. The words are spelt out when a line is told: now and then, when another
 * minute has begun, or when it makes room; never many of them at once, since others wait
 * for this thread. What /metrics shows is added to at once, in cells that the line has found.
 * One thread's own. Lines stand in sets of a few ways, as in a processor's cache.
 */

enum { LEDGER_SETS = 512, LEDGER_WAYS = 4 };

struct ledger_line {
    struct reading reading;
    struct watchlist *list; /* counted */
    struct str version;     /* in this block, as are the cells */
    enum watch_source source;
    uint8_t segments[SEGMENT_MOST];
    uint64_t hash;
    uint64_t minute; /* of the count */
    uint64_t count;  /* not told yet */
    size_t cell_count;
    struct metric_cell *cells[];
};

/* What is done with a line whose count is not 0; it is 0 behind it. */
typedef void ledger_fn(void *ctx, const struct ledger_line *line);

struct ledger {
    struct metric_shard *shard; /* lent */
    ledger_fn *tell;
    void *ctx; /* of tell; lent */
    struct fit *fit;
    size_t next; /* the set that is told next */
    struct ledger_line *sets[LEDGER_SETS][LEDGER_WAYS];
};

void ledger_init(struct ledger *l, struct metric_shard *shard, ledger_fn *tell, void *ctx);
void ledger_deinit(struct ledger *l); /* tells nothing */

void ledger_add(struct ledger *l, const struct watch_answer *a, uint64_t minute);

/*
 * Tells the lines of so many sets, from where the last call has stopped; true when that came
 * round to the beginning. Lines without a count since before `minute` are forgotten.
 */
bool ledger_tell(struct ledger *l, size_t sets, uint64_t minute);
