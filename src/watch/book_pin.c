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

static struct pin *find_pin(const struct book *b, struct str member)
{
    for (size_t i = 0; i < b->pin_count; i++)
        if (str_eq(str_of(b->pins[i].member), member))
            return &b->pins[i];
    return NULL;
}

const char *book_pin_of(const struct book *b, struct str pin)
{
    const struct pin *found = find_pin(b, pin);

    return found ? found->baseline : NULL;
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
    for (size_t i = 0; i < b->pin_count; i++) {
        struct str pin = str_of(b->pins[i].member);

        if (str_starts(pin, member) && pin.len > member.len && pin.at[member.len] == '#')
            return true;
    }
    return false;
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

void book_pin(struct book *b, struct str member, const char *baseline)
{
    struct pin *pin = find_pin(b, member);

    if (!pin && baseline[0]) {
        grow(b);
        pin = &b->pins[b->pin_count++];
        pin->member = copy(member);
    } else if (pin && !baseline[0]) {
        free(pin->member);
        *pin = b->pins[--b->pin_count];
        return;
    }
    if (pin)
        (void)snprintf(pin->baseline, sizeof(pin->baseline), "%s", baseline);
}

void book_unpin_all(struct book *b)
{
    while (b->pin_count > 0)
        free(b->pins[--b->pin_count].member);
}
