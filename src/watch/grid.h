/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The words that a number is counted by when nobody has said its bins: a fixed grid, the same
 * for all, logarithmic with sign, and finer between 0 and 1, where scores and probabilities
 * lie. "upto_0.5" is above the edge before it and at most 0.5; "above_1000000" is the last.
 * Whoever counts needs to know nothing of the numbers to come, and counts add up; the bins are
 * made of the words later, with the baseline (baseline.h).
 */

/* clang-format off */
#define GRID_EDGES(X)                                                                            \
    X(-1000000) X(-10000) X(-1000) X(-100) X(-50) X(-20) X(-10) X(-5) X(-2) X(-1) X(-0.5)        \
    X(-0.2) X(-0.1) X(-0.01) X(0) X(0.001) X(0.002) X(0.005) X(0.01) X(0.02) X(0.05) X(0.1)      \
    X(0.15) X(0.2) X(0.25) X(0.3) X(0.35) X(0.4) X(0.45) X(0.5) X(0.55) X(0.6) X(0.65) X(0.7)    \
    X(0.75) X(0.8) X(0.85) X(0.9) X(0.95) X(0.98) X(0.99) X(0.995) X(1) X(1.5) X(2) X(3) X(5)    \
    X(7) X(10) X(15) X(20) X(30) X(50) X(70) X(100) X(200) X(500) X(1000) X(2000) X(5000)        \
    X(10000) X(100000) X(1000000)
/* clang-format on */

#define GRID_ONE(edge) +1
enum { GRID_COUNT = 0 GRID_EDGES(GRID_ONE) }; /* edges; words are one more */

extern const double grid_edges[GRID_COUNT];
extern const struct str grid_words[GRID_COUNT + 1];

/* Is it a word of a grid, though perhaps of another version's? Its edge, of the last infinite. */
bool grid_reads(struct str word, double *edge);
/* The edge below, as it is written: of "upto_0.5" 0.45. False: there is none. */
bool grid_below(double edge, struct str *text);
