/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/buf.h"

#include "weir/base/ensure.h"
#include "weir/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST = 256 }; /* bytes: a header block or a log line seldom needs a second step */

void buf_init(struct buf *b, size_t most)
{
    *b = (struct buf){ .most = most };
}

void buf_deinit(struct buf *b)
{
    free(b->at);
    buf_init(b, b->most);
}

void buf_reset(struct buf *b)
{
    b->len = 0;
}

struct str buf_str(const struct buf *b)
{
    return (struct str){ b->at ? b->at : "", b->len };
}

enum err buf_room(struct buf *b, size_t n, char **at)
{
    size_t most = b->most > 0 ? b->most : SIZE_MAX / 2;

    if (b->len > most || n > most - b->len)
        return ERR_TOO_LARGE;

    /* One byte more than asked for, so that printing may end in its NUL. */
    if (n >= b->capacity - b->len) {
        size_t capacity = b->capacity < FIRST ? FIRST : b->capacity * 2;

        if (capacity < b->len + n + 1)
            capacity = b->len + n + 1;
        if (capacity > most)
            capacity = most + 1;
        b->at = mem_grow(b->at, capacity);
        b->capacity = capacity;
    }
    *at = b->at + b->len;
    return OK;
}

void buf_grown(struct buf *b, size_t n)
{
    ensure(n <= b->capacity - b->len);
    b->len += n;
}

enum err buf_add(struct buf *b, struct str s)
{
    char *at;
    enum err err;

    if (s.len == 0)
        return OK;
    err = buf_room(b, s.len, &at);
    if (err)
        return err;
    memcpy(at, s.at, s.len);
    buf_grown(b, s.len);
    return OK;
}

__attribute__((format(printf, 2, 0))) static enum err print(struct buf *b, const char *format,
                                                            va_list args)
{
    va_list again;
    char *at;
    int len;
    enum err err;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    ensure(len >= 0);

    err = buf_room(b, (size_t)len, &at);
    if (err)
        return err;
    (void)vsnprintf(at, (size_t)len + 1, format, args);
    buf_grown(b, (size_t)len);
    return OK;
}

enum err buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    enum err err;

    va_start(args, format);
    err = print(b, format, args);
    va_end(args);
    return err;
}

void buf_put(struct buf *b, struct str s)
{
    enum err err = buf_add(b, s);

    ensure(err == OK);
}

void buf_put_text(struct buf *b, const char *zero_terminated)
{
    buf_put(b, str_of(zero_terminated));
}

void buf_put_u64(struct buf *b, uint64_t n)
{
    char digits[STR_U64_BYTES];

    buf_put(b, (struct str){ digits, str_put_u64(digits, n) });
}

void buf_put_ms(struct buf *b, uint64_t us)
{
    uint64_t rest = us % 1000;
    const char digits[] = { '.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10),
                            (char)('0' + rest % 10) };

    buf_put_u64(b, us / 1000);
    buf_put(b, (struct str){ digits, sizeof(digits) });
}

void buf_put_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    enum err err;

    va_start(args, format);
    err = print(b, format, args);
    va_end(args);
    ensure(err == OK);
}

void buf_drop(struct buf *b, size_t n)
{
    ensure(n <= b->len);
    b->len -= n;
    if (n > 0 && b->len > 0)
        memmove(b->at, b->at + n, b->len);
}

enum err buf_splice(struct buf *b, size_t from, size_t to, struct str with)
{
    size_t tail;

    ensure(from <= to && to <= b->len);
    tail = b->len - to;
    if (with.len > to - from) {
        char *end;
        enum err err = buf_room(b, with.len - (to - from), &end);

        if (err)
            return err;
    }
    if (tail > 0)
        memmove(b->at + from + with.len, b->at + to, tail);
    if (with.len > 0)
        memcpy(b->at + from, with.at, with.len);
    b->len = from + with.len + tail;
    return OK;
}
