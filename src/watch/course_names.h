/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/base/map.h"
#include "weir/watch/course.h"

/*
 * The names that stand in the texts of a course, each known by a small number from its first
 * coming on. There is room for so many; what comes later is not counted.
 */

struct course_names {
    struct map *series_ids, *word_ids; /* as they stand in a text, to their number plus one */
    struct arena text;
    struct course_series series[COURSE_SERIES];
    struct course_word words[COURSE_WORDS];
    unsigned series_count, word_count;
    bool turned_away, said;
};

void course_names_init(struct course_names *n);
void course_names_deinit(struct course_names *n);

/* The number of what is called so, -1: there is no room, or it is no such name. */
int course_names_series(struct course_names *n, struct str text, uint64_t tick);
int course_names_word(struct course_names *n, struct str text);

/* Has one found no room? True once. */
bool course_names_full(struct course_names *n);
