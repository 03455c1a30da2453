/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/list.h"
#include "weir/base/str.h"

/*
 * Those of one tenant who wait in a lane, in the order in which they came. A line is there while
 * anybody stands in it. A lane's first line is served next; its last has been served last.
 */

struct lane {
    struct link lines;
};

struct line {
    struct link link; /* in its lane */
    struct link boxes;
    unsigned length;
    struct str tenant; /* behind the struct */
};

/* At the end of the tenant's line, which begins if there is none. */
struct line *line_join(struct lane *lane, struct str tenant, struct link *who);
void line_leave(struct line *line, struct link *who); /* ends with its last one */
unsigned line_length(const struct lane *lane, struct str tenant);
/* Of equals the one that is served last; NULL: nobody waits. */
struct line *line_longest(const struct lane *lane);
