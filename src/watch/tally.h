/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/base/str.h"
#include "weir/watch/watch.h"

#include <stdint.h>

/*
 * Counts that wait to be told, one cell for each thing counted in each minute.
 *
 * Cells stand in one array in the order of their coming; a table of their places finds one
 * again by its hash (open addressing, at most half full). Names are copied when a cell is
 * made, so counting what is known already allocates nothing. The tally is bounded in cells
 * and in bytes; what does not fit is the caller's to report.
 */

/* 1,000 histograms of ten values and more; a place in `slots` is a uint16_t. */
enum { TALLY_CELLS = 16384, TALLY_TEXT_BYTES = 8 << 20 };

enum { TALLY_LATE = 0 };

struct tally_key {
    struct str model;
    struct str version;
    struct str prediction;
    struct str segment; /* as it stands in a key in Redis; empty: all answers */
    struct str value;
    uint32_t meaning; /* of prediction and segment (meaning.h) */
    enum watch_source source;
    uint64_t minute; /* since 1970; TALLY_LATE: whichever it is when this is told */
};

struct tally_cell {
    struct tally_key key;
    uint64_t histogram; /* the hash of the key but its value */
    uint64_t hash;      /* of all of it */
    uint64_t count;
};

struct tally {
    struct tally_cell *cells; /* owned; the keys' names are in `text` */
    size_t count;
    size_t capacity;
    struct arena text;
    uint16_t *slots; /* owned; twice the capacity; a cell's place + 1; 0: empty */
};

void tally_init(struct tally *t);
void tally_deinit(struct tally *t);

/* False: no room for a new cell. */
bool tally_add(struct tally *t, const struct tally_key *key, uint64_t by);

/* Puts cells of one histogram (all of a key but the value) side by side; only reset may follow. */
void tally_group(struct tally *t);
/* The same in an order of their names alone, which takes longer. */
void tally_sort(struct tally *t);
bool tally_same_histogram(const struct tally_key *a, const struct tally_key *b);
void tally_reset(struct tally *t);
