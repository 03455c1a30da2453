/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/week.h"

#include "weir/base/mem.h"

#include <stdlib.h>

enum { HOUR_MS = 3600 * 1000, THURSDAY = 3 }; /* 1970 began on one */

unsigned week_hour_of(uint64_t ms)
{
    return (unsigned)((ms / HOUR_MS + THURSDAY * WEEK_DAY) % WEEK_HOURS);
}

bool week_is_weekend(unsigned hour_of_week)
{
    return hour_of_week >= WEEK_WORKDAYS * WEEK_DAY;
}

struct week *week_new(void)
{
    return MEM_NEW(struct week);
}

void week_free(struct week *w)
{
    for (unsigned i = 0; w && i < WEEK_HOURS; i++)
        counts_deinit(&w->at[i].counts);
    free(w);
}

void week_add(struct week *w, uint64_t ms, const struct counts *counts)
{
    struct week_hour *at = &w->at[week_hour_of(ms)];
    uint64_t hour = ms / HOUR_MS;

    if (counts->size == 0)
        return;
    if (at->seen == 0 || at->last != hour)
        at->seen++;
    at->last = hour;
    w->first = w->first > 0 ? w->first : hour;
    w->last = hour;
    counts_merge(&at->counts, counts);
}

uint64_t week_span(const struct week *w)
{
    return w->first > 0 ? w->last - w->first + 1 : 0;
}

void week_put(const struct week *w, struct buf *out)
{
    buf_put_printf(out, "%llu,%llu", (unsigned long long)w->first, (unsigned long long)w->last);
    for (unsigned i = 0; i < WEEK_HOURS; i++) {
        const struct week_hour *at = &w->at[i];

        if (at->seen == 0)
            continue;
        buf_put_printf(out, ";%u:%llu:%llu:", i, (unsigned long long)at->seen,
                       (unsigned long long)at->last);
        counts_put(&at->counts, out);
    }
}

static bool read_u64(struct str *text, char mark, uint64_t *out)
{
    struct str word;

    return str_split(text, mark, &word) && str_to_u64(word, out);
}

bool week_read(struct week *w, struct str text)
{
    struct str piece;
    uint64_t i;

    if (!str_split(&text, ';', &piece) || !read_u64(&piece, ',', &w->first) ||
        !str_to_u64(piece, &w->last))
        return false;
    while (str_split(&text, ';', &piece)) {
        struct week_hour *at;

        if (!read_u64(&piece, ':', &i) || i >= WEEK_HOURS)
            return false;
        at = &w->at[i];
        if (!read_u64(&piece, ':', &at->seen) || !read_u64(&piece, ':', &at->last) ||
            at->seen == 0 || !counts_read(&at->counts, piece))
            return false;
    }
    return true;
}
