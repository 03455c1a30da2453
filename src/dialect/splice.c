/* SPDX-License-Identifier: Apache-2.0 */
#include "splice.h"

#include "weir/base/ensure.h"

void splice_add(struct splices *all, size_t from, size_t to, struct str with)
{
    size_t i = all->count;

    ensure(all->count < SPLICES);
    while (i > 0 && all->at[i - 1].from > from) {
        all->at[i] = all->at[i - 1];
        i--;
    }
    all->at[i] = (struct splice){ from, to, with };
    all->count++;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void splice_out(struct splices *all, struct str text, struct str key, struct str value)
{
    size_t from = (size_t)(key.at - 1 - text.at);
    size_t to = (size_t)(value.at + value.len - text.at), next = to, before = from;

    while (next < text.len && is_space(text.at[next]))
        next++;
    while (before > 0 && is_space(text.at[before - 1]))
        before--;
    if (before > 0 && text.at[before - 1] == ',')
        from = before - 1;
    else if (next < text.len && text.at[next] == ',')
        to = next + 1;
    splice_add(all, from, to, STR(""));
}

void splice_put(const struct splices *all, struct str text, struct buf *out)
{
    size_t at = 0;

    for (size_t i = 0; i < all->count; i++) {
        buf_put(out, str_cut(text, at, all->at[i].from));
        buf_put(out, all->at[i].with);
        at = all->at[i].to;
    }
    buf_put(out, str_cut(text, at, text.len));
}
