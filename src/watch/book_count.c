/* SPDX-License-Identifier: Apache-2.0 */
#include "book.h"

size_t book_watched(const struct book *b)
{
    size_t n = 0;

    for (size_t i = 0; i < b->subject_count; i++)
        n += subject_is_watched(b->subjects[i]) ? 1 : 0;
    return n;
}

size_t book_judged(const struct book *b)
{
    size_t n = 0;

    for (size_t i = 0; i < b->subject_count; i++)
        n += subject_is_watched(b->subjects[i]) && b->subjects[i]->drift ? 1 : 0;
    return n;
}
