/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/http/sse.h"

#include "weir/base/ensure.h"

#include <string.h>

/*
 * Two passes: bytes are cut into events by line ends alone, with one byte of state; the
 * lines of an event are read when it is whole. What lies whole in a feed is never copied.
 *
 * A blank line that ends in CR is over only when the next byte is known, since an LF would
 * belong to it: an event is the same however the stream is cut. Streams that end lines with a
 * bare CR thus hear of an event when the next one begins; nobody has been seen to send them.
 */

enum place { LINE_START, IN_LINE, AFTER_CR, AFTER_BLANK_CR };

enum { SMALL = 64 << 10 }; /* bytes that an emptied buffer may keep */

#define BOM "\xEF\xBB\xBF"

void sse_init(struct sse *s, size_t most_bytes)
{
    *s = (struct sse){ .most_bytes = most_bytes, .state = LINE_START };
}

void sse_deinit(struct sse *s)
{
    buf_deinit(&s->pending);
    buf_deinit(&s->joined);
}

static void empty(struct buf *b)
{
    if (b->capacity > SMALL)
        buf_deinit(b);
    else
        buf_reset(b);
}

/* ---- lines ---- */

/* The next line without its end. The last one of an unfinished event may have none. */
static struct str next_line(struct str *rest)
{
    size_t len = 0, end;
    struct str line;

    while (len < rest->len && rest->at[len] != '\n' && rest->at[len] != '\r')
        len++;
    end = len;
    if (end < rest->len)
        end += rest->at[end] == '\r' && end + 1 < rest->len && rest->at[end + 1] == '\n' ? 2
                                                                                         : 1;
    line = str_cut(*rest, 0, len);
    *rest = str_cut(*rest, end, rest->len);
    return line;
}

/* Splits "name: value"; a line without a colon is a name with an empty value. */
static struct str split_line(struct str line, struct str *value)
{
    const char *colon = line.len > 0 ? memchr(line.at, ':', line.len) : NULL;
    size_t at = colon ? (size_t)(colon - line.at) : line.len;

    *value = str_cut(line, colon ? at + 1 : line.len, line.len);
    if (value->len > 0 && value->at[0] == ' ')
        *value = str_cut(*value, 1, value->len);
    return str_cut(line, 0, at);
}

/* One data line stays where it is; a second one makes them a copy, joined by LF. */
static void add_data(struct sse *s, struct sse_event *e, struct str value)
{
    if (!e->data.at) {
        e->data = value;
        return;
    }
    if (s->joined.len == 0)
        buf_put(&s->joined, e->data);
    buf_put(&s->joined, STR("\n"));
    buf_put(&s->joined, value);
    e->data = buf_str(&s->joined);
}

static void read_fields(struct sse *s, struct sse_event *e)
{
    struct str rest = e->raw;

    if (!s->began && str_starts(rest, STR(BOM)))
        rest = str_cut(rest, sizeof(BOM) - 1, rest.len);
    while (rest.len > 0) {
        struct str value, name = split_line(next_line(&rest), &value);

        if (str_eq(name, STR("data")))
            add_data(s, e, value);
        else if (str_eq(name, STR("event")))
            e->name = value;
    }
}

/* ---- events ---- */

static void tell(struct sse *s, struct sse_event *e, sse_fn *on_event, void *owner)
{
    if (!e->opaque)
        read_fields(s, e);
    s->began = true;
    on_event(owner, e);
    empty(&s->joined);
}

static void tell_piece(struct sse *s, struct str raw, bool is_last, sse_fn *on_event,
                       void *owner)
{
    struct sse_event e = { .raw = raw, .opaque = true, .has_blank = is_last };

    s->opaque = !is_last;
    tell(s, &e, on_event, owner);
}

/* Takes bytes of the present event, the last ones if `is_end`. */
static void take(struct sse *s, struct str bytes, bool is_end, sse_fn *on_event, void *owner)
{
    bool is_over = s->pending.len + bytes.len > s->most_bytes;
    struct sse_event e = { .raw = bytes, .has_blank = true };

    if (s->opaque || is_over) {
        if (s->pending.len > 0)
            tell_piece(s, buf_str(&s->pending), false, on_event, owner);
        empty(&s->pending);
        if (bytes.len > 0 || is_end)
            tell_piece(s, bytes, is_end, on_event, owner);
        return;
    }
    if (s->pending.len > 0 || !is_end) {
        buf_put(&s->pending, bytes);
        e.raw = buf_str(&s->pending);
    }
    if (!is_end)
        return;
    tell(s, &e, on_event, owner);
    empty(&s->pending);
}

/* The first CR or LF from `i` on. */
static size_t find_line_end(struct str bytes, size_t i)
{
    while (i < bytes.len && bytes.at[i] != '\n' && bytes.at[i] != '\r')
        i++;
    return i;
}

/*
 * Looks at the byte at *i. True: an event ends before *i, which has then moved behind what
 * belongs to it.
 */
static bool step(struct sse *s, struct str bytes, size_t *i)
{
    char byte = bytes.at[*i];

    switch ((enum place)s->state) {
    case AFTER_BLANK_CR:
        s->state = LINE_START;
        if (byte == '\n')
            ++*i;
        return true;
    case AFTER_CR:
        s->state = LINE_START;
        if (byte == '\n')
            ++*i;
        return false;
    case LINE_START:
        if (byte == '\r')
            s->state = AFTER_BLANK_CR;
        else if (byte != '\n')
            s->state = IN_LINE;
        ++*i;
        return byte == '\n';
    case IN_LINE:
        *i = find_line_end(bytes, *i);
        if (*i < bytes.len)
            s->state = bytes.at[(*i)++] == '\r' ? AFTER_CR : LINE_START;
        return false;
    }
    unreachable("a place in an event stream");
}

void sse_feed(struct sse *s, struct str bytes, sse_fn *on_event, void *owner)
{
    size_t from = 0, i = 0;

    while (i < bytes.len) {
        if (!step(s, bytes, &i))
            continue;
        take(s, str_cut(bytes, from, i), true, on_event, owner);
        from = i;
    }
    if (from < bytes.len)
        take(s, str_cut(bytes, from, bytes.len), false, on_event, owner);
}

void sse_end(struct sse *s, sse_fn *on_event, void *owner)
{
    bool is_whole = s->state == AFTER_BLANK_CR;
    struct sse_event e = { .raw = buf_str(&s->pending), .has_blank = is_whole };

    if (s->opaque && is_whole)
        tell_piece(s, (struct str){ "", 0 }, true, on_event, owner);
    else if (e.raw.len > 0)
        tell(s, &e, on_event, owner);
    empty(&s->pending);
    s->state = LINE_START;
    s->opaque = false;
    s->began = false;
}
