/* SPDX-License-Identifier: Apache-2.0 */
#include "line.h"

#include "weir/base/mem.h"
#include "weir/base/own.h"

#include <stdlib.h>
#include <string.h>

static struct line *find(const struct lane *lane, struct str tenant)
{
    for (struct link *l = lane->lines.next; l != &lane->lines; l = l->next) {
        struct line *line = container_of(l, struct line, link);

        if (str_eq(line->tenant, tenant))
            return line;
    }
    return NULL;
}

static struct line *begin(struct lane *lane, struct str tenant)
{
    struct line *line = mem_new(sizeof(*line) + tenant.len + 1);

    line->length = 0;
    line->tenant = (struct str){ (char *)(line + 1), tenant.len };
    if (tenant.len > 0)
        memcpy(line + 1, tenant.at, tenant.len);
    link_init(&line->boxes);
    link_before(&lane->lines, &line->link);
    return line;
}

struct line *line_join(struct lane *lane, struct str tenant, struct link *who)
{
    struct line *line = find(lane, tenant);

    if (!line)
        line = begin(lane, tenant);
    link_before(&line->boxes, who);
    line->length++;
    return line;
}

void line_leave(struct line *line, struct link *who)
{
    link_out(who);
    if (--line->length > 0)
        return;
    link_out(&line->link);
    free(line);
}

unsigned line_length(const struct lane *lane, struct str tenant)
{
    const struct line *line = find(lane, tenant);

    return line ? line->length : 0;
}

struct line *line_longest(const struct lane *lane)
{
    struct line *longest = NULL;

    for (struct link *l = lane->lines.next; l != &lane->lines; l = l->next) {
        struct line *line = container_of(l, struct line, link);

        if (!longest || line->length >= longest->length)
            longest = line;
    }
    return longest;
}
