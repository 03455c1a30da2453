/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/str.h"

#include <stdint.h>

/*
 * How often each value was given: a small table, sorted by the values' bytes, so that adding
 * in any order makes the same table and the same text. A zeroed one is empty.
 *
 * It has room for COUNTS_VALUES; what comes beyond is counted as "other", as is what a
 * prediction itself calls so.
 */

enum { COUNTS_VALUES = 71 }; /* and "other": as many as the detector has bins */

struct count {
    struct str value; /* owned by the table, with a NUL behind it */
    uint64_t n;
};

struct counts {
    struct count *at;
    size_t size;
    size_t capacity;
};

void counts_deinit(struct counts *c);
void counts_add(struct counts *c, struct str value, uint64_t n);
void counts_merge(struct counts *into, const struct counts *from);
uint64_t counts_total(const struct counts *c);
uint64_t counts_of(const struct counts *c, struct str value);

/* "other=3 refund=12", values escaped (escape.h); reading adds, and is false for other text. */
void counts_put(const struct counts *c, struct buf *out);
bool counts_read(struct counts *c, struct str text);
