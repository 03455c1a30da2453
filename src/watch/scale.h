/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

#include <stdbool.h>

/*
 * The bins that lengths and times are counted in where no baseline is asked for: four to each
 * doubling, the same for tokens as for milliseconds. Bin 0 reaches up to 1, the next to 1.19,
 * 1.41, 1.68, 2 and so on; the last has all above 165,000. So what has moved by a half has left
 * its bin, however narrow its spread. A bin's word is its number.
 *
 * There are as many as a table of counts has room for.
 */

enum { SCALE_BINS = 71, SCALE_DOUBLING = 4, SCALE_WORD = 3 };

unsigned scale_bin(double value);
double scale_edge(unsigned bin); /* log2 of what it reaches up to */

struct str scale_word(unsigned bin, char room[SCALE_WORD]);
bool scale_read(struct str word, unsigned *bin); /* false: no word of this scale */
