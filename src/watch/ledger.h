/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "reading.h"
#include "weir/base/metric.h"

/*
 * How often each reading came, by its source and its segments, until that is told.
 *
 * Most answers say what another one has said before, so an answer is one line found and one
 * number added to, and the words are spelt out when the ledger is read. What /metrics shows is
 * added to at once, in cells that the line has found already.
 * One thread's own. It takes no more lines when it is full: read it, and empty it.
 */

enum { LEDGER_LINES = 2048, LEDGER_SLOTS = 2 * LEDGER_LINES };

struct ledger_line {
    struct reading reading;
    struct watchlist *list; /* counted */
    struct str version;     /* in this block, as are the cells */
    enum watch_source source;
    uint8_t segments[SEGMENT_MOST];
    uint64_t hash;
    uint64_t count; /* since it was read */
    size_t cell_count;
    struct metric_cell *cells[];
};

struct ledger {
    struct metric_shard *shard; /* lent */
    size_t used;
    struct ledger_line *slots[LEDGER_SLOTS];
};

void ledger_init(struct ledger *l, struct metric_shard *shard);
bool ledger_add(struct ledger *l, const struct watch_answer *a); /* false: it is full */
bool ledger_is_full(const struct ledger *l);
void ledger_empty(struct ledger *l);

/* Calls `each` for all lines with a count, and sets that to 0. */
typedef void ledger_fn(void *ctx, const struct ledger_line *line);
void ledger_read(struct ledger *l, ledger_fn *each, void *ctx);
