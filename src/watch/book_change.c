/* SPDX-License-Identifier: Apache-2.0 */
#include "book.h"

#include <string.h>

/* Changes of upstreams in the book: the newest first, each once, and no more than so many. */

static void drop(struct book *b, size_t i)
{
    change_free(b->changes[i]);
    b->change_count--;
    memmove(&b->changes[i], &b->changes[i + 1], (b->change_count - i) * sizeof(b->changes[0]));
}

void book_put_change(struct book *b, struct change *c)
{
    size_t at = 0;

    for (size_t i = b->change_count; i > 0; i--)
        if (strcmp(b->changes[i - 1]->id, c->id) == 0)
            drop(b, i - 1);
    if (b->change_count == BOOK_CHANGES)
        drop(b, b->change_count - 1);
    while (at < b->change_count && b->changes[at]->at_ms > c->at_ms)
        at++;
    memmove(&b->changes[at + 1], &b->changes[at],
            (b->change_count - at) * sizeof(b->changes[0]));
    b->changes[at] = c;
    b->change_count++;
}

void book_forget_changes(struct book *b)
{
    while (b->change_count > 0)
        change_free(b->changes[--b->change_count]);
}
