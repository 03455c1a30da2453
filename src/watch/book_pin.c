/* SPDX-License-Identifier: Apache-2.0 */
#include "book.h"

#include "meaning.h"
#include "member.h"
#include "weir/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Which baseline is in force for which histogram: of a definition of it, so that one which is back
 * finds its own. What older versions have pinned goes with any definition, until it is known with
 * which one.
 */

static char *copy(struct str text)
{
    char *own = mem_new(text.len + 1);

    if (text.len > 0)
        memcpy(own, text.at, text.len);
    return own;
}

static void grow(struct book *b)
{
    if (b->pin_count < b->pin_capacity)
        return;
    b->pin_capacity = b->pin_capacity > 0 ? b->pin_capacity * 2 : 16;
    b->pins = mem_grow(b->pins, b->pin_capacity * sizeof(b->pins[0]));
}

/* Where it stands, or would. */
static size_t find_place(const struct book *b, struct str member, bool *found)
{
    size_t low = 0, high = b->pin_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (str_compare(str_of(b->pins[middle].member), member) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < b->pin_count && str_eq(str_of(b->pins[low].member), member);
    return low;
}

const char *book_pin_of(const struct book *b, struct str pin)
{
    bool found;
    size_t at = find_place(b, pin, &found);

    return found ? b->pins[at].baseline : NULL;
}

void book_put_pin(struct buf *out, const struct tick_histogram *of)
{
    member_put(out, of);
    if (of->meaning != 0) {
        buf_put(out, STR("#"));
        meaning_put(of->meaning, out);
    }
}

/* Under its own version, else under any. */
static const char *find_by(const struct book *b, struct tick_histogram of)
{
    struct buf name = { 0 };
    const char *id;

    book_put_pin(&name, &of);
    id = book_pin_of(b, buf_str(&name));
    if (!id) {
        buf_reset(&name);
        of.version = STR("*");
        book_put_pin(&name, &of);
        id = book_pin_of(b, buf_str(&name));
    }
    buf_deinit(&name);
    return id;
}

/* Is something pinned for one of its definitions? Then it is known which ones go without. */
static bool is_defined(const struct book *b, struct str member)
{
    struct buf mark = { 0 };
    size_t at;
    bool found;

    buf_put(&mark, member);
    buf_put(&mark, STR("#"));
    at = find_place(b, buf_str(&mark), &found);
    found = at < b->pin_count && str_starts(str_of(b->pins[at].member), buf_str(&mark));
    buf_deinit(&mark);
    return found;
}

const char *book_pinned(const struct book *b, const struct subject *s)
{
    struct tick_histogram of = s->of;
    const char *id = b->pin_count > 0 ? find_by(b, of) : NULL;

    if (id || of.meaning == 0 || b->pin_count == 0 || is_defined(b, s->member))
        return id;
    of.meaning = 0;
    return find_by(b, of);
}

bool book_is_pinned(const struct book *b, const char *baseline)
{
    for (size_t i = 0; i < b->pin_count; i++)
        if (strcmp(b->pins[i].baseline, baseline) == 0)
            return true;
    return false;
}

bool book_is_in_force(const struct book *b, const char *baseline)
{
    const struct baseline *known = book_baseline(b, baseline);

    return book_is_pinned(b, baseline) || (known && book_is_judged_by(b, known));
}

static void make_room(struct book *b, size_t at, struct str member)
{
    grow(b);
    memmove(&b->pins[at + 1], &b->pins[at], (b->pin_count - at) * sizeof(b->pins[0]));
    b->pin_count++;
    b->pins[at].member = copy(member);
}

static void take_out(struct book *b, size_t at)
{
    free(b->pins[at].member);
    b->pin_count--;
    memmove(&b->pins[at], &b->pins[at + 1], (b->pin_count - at) * sizeof(b->pins[0]));
}

void book_pin(struct book *b, struct str member, const char *baseline)
{
    bool found;
    size_t at = find_place(b, member, &found);

    if (!baseline[0]) {
        if (found)
            take_out(b, at);
        return;
    }
    if (!found)
        make_room(b, at, member);
    (void)snprintf(b->pins[at].baseline, sizeof(b->pins[at].baseline), "%s", baseline);
}

void book_unpin_all(struct book *b)
{
    while (b->pin_count > 0)
        free(b->pins[--b->pin_count].member);
}
