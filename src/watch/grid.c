/* SPDX-License-Identifier: Apache-2.0 */
#include "grid.h"

#include "weir/base/scan.h"

#include <math.h>

#define UPTO "upto_"
#define ABOVE "above_"

#define VALUE(edge) edge,
const double grid_edges[GRID_COUNT] = { GRID_EDGES(VALUE) };

/* STR() is no constant, and this list is. */
#define WORD(edge) { UPTO #edge, sizeof(UPTO #edge) - 1 },
const struct str grid_words[GRID_COUNT + 1] = {
    GRID_EDGES(WORD){ ABOVE "1000000", sizeof(ABOVE "1000000") - 1 },
};

bool grid_reads(struct str word, double *edge)
{
    bool above = str_starts(word, STR(ABOVE));
    size_t head = above ? sizeof(ABOVE) - 1 : sizeof(UPTO) - 1;

    if (!above && !str_starts(word, STR(UPTO)))
        return false;
    if (!scan_number(str_cut(word, head, word.len), edge))
        return false;
    if (above)
        *edge = HUGE_VAL;
    return true;
}

bool grid_below(double edge, struct str *text)
{
    size_t i = GRID_COUNT;

    while (i > 0 && grid_edges[i - 1] >= edge)
        i--;
    if (i == 0)
        return false;
    *text = str_cut(grid_words[i - 1], sizeof(UPTO) - 1, grid_words[i - 1].len);
    return true;
}
