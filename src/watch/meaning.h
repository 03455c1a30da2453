/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/str.h"

#include <stdint.h>

/*
 * What a histogram's name stands for: a digest of all that decides which answers it counts, and
 * in which bin. Of a prediction its kind, what it reads, its pattern and its words; of a segment
 * its kind and where its values come from. Neither names nor the order of words are part of it.
 *
 * Counts of one name and of two meanings are two things, and are not held against each other.
 * 0 is the meaning of what no configuration can change, and of what was counted or made by a
 * version that knew of none: it goes with any.
 */

struct prediction;
struct segment;

uint32_t meaning_of_prediction(const struct prediction *p);
/* `all` is the list that it stands in: its parts have theirs. `other`: of what is on no list. */
uint32_t meaning_of_segment(const struct segment *s, const struct segment *all, bool other);
uint32_t meaning_join(uint32_t prediction, uint32_t segment); /* of the one in the other */
bool meaning_differs(uint32_t a, uint32_t b);                 /* and both are known */

/* Eight hexadecimal digits; reading takes nothing else. */
void meaning_put(uint32_t meaning, struct buf *out);
bool meaning_read(struct str text, uint32_t *out);
