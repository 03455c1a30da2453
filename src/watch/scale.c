/* SPDX-License-Identifier: Apache-2.0 */
#include "scale.h"

#include <math.h>
#include <stdio.h>

unsigned scale_bin(double value)
{
    if (!(value > 1))
        return 0;
    return (unsigned)fmin(SCALE_BINS - 1, ceil(SCALE_DOUBLING * log2(value)));
}

double scale_edge(unsigned bin)
{
    return (double)bin / SCALE_DOUBLING;
}

struct str scale_word(unsigned bin, char room[SCALE_WORD])
{
    int len = snprintf(room, SCALE_WORD, "%u", bin);

    return (struct str){ room, (size_t)len };
}

bool scale_read(struct str word, unsigned *bin)
{
    uint64_t number;

    if (!str_to_u64(word, &number) || number >= SCALE_BINS)
        return false;
    *bin = (unsigned)number;
    return true;
}
