/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/watch/course.h"
#include "weir/watch/watch.h"

/*
 * What requests came to, by model, version and segments, until that is told: how they ended, how
 * long they took, what they cost and spared. Counting one is a line found and a few numbers
 * added to; a line is made when its like first comes. One thread's own, as the ledger is, and
 * with sets of a few ways, too.
 */

enum { TOLL_SETS = 128, TOLL_WAYS = 4 };

struct toll_line {
    struct watchlist *list; /* counted */
    struct str version;     /* in this block */
    uint8_t segments[SEGMENT_MOST];
    uint64_t hash;
    uint64_t minute; /* of all that follows */
    uint64_t count;
    uint32_t outcomes[WATCH_OUTCOMES];
    uint32_t bins[COURSE_BINS];
    uint64_t spent_nanousd; /* below a thousand of it stays when the line is told */
    uint64_t saved_microusd;
};

/* One number of a line: "~seconds", "57", 12. */
typedef void toll_fn(void *ctx, const struct toll_line *line, struct str name, struct str word,
                     uint64_t count);

struct toll {
    toll_fn *tell;
    void *ctx;   /* of tell; lent */
    size_t next; /* the set that is told next */
    struct toll_line *sets[TOLL_SETS][TOLL_WAYS];
};

void toll_init(struct toll *t, toll_fn *tell, void *ctx);
void toll_deinit(struct toll *t); /* tells nothing */

void toll_add(struct toll *t, const struct watch_end *e, uint64_t minute);

/* Tells so many sets; true when that came round to the beginning. As ledger_tell. */
bool toll_tell(struct toll *t, size_t sets, uint64_t minute);
