/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/log.h"

#include "weir/base/clock.h"
#include "weir/base/utf8.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * A line is written straight into this thread's buffer. One that does not fit behind the
 * others is written again into the emptied buffer; one longer than the whole buffer keeps
 * the fields that fit, its last text shortened, and says cut=true. So every line that
 * leaves is whole and can be parsed. Threads take turns at the descriptor, since the kernel
 * may mix long writes to a pipe.
 */
enum {
    BUFFER = 16 * 1024,
    TAIL = 32,   /* kept free for what ends a cut line */
    LEAST = 256, /* less than this left in the buffer is not worth trying */
};

struct line {
    char *at;
    size_t len;
    size_t room;
    bool broken; /* the field being written did not fit, and must be taken back */
    bool cut;    /* something is missing from this line */
};

static enum log_level least_level = LOG_INFO;
static bool as_logfmt;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local char buffer[BUFFER];
static _Thread_local size_t filled;

void log_setup(enum log_format format, enum log_level least)
{
    least_level = least;
    as_logfmt = format == LOG_LOGFMT || (format == LOG_AUTO && isatty(STDERR_FILENO));
}

bool log_wants(enum log_level level)
{
    return level >= least_level;
}

void log_flush(void)
{
    size_t done = 0;

    if (filled == 0)
        return;
    (void)pthread_mutex_lock(&turn);
    while (done < filled) {
        ssize_t n = write(STDERR_FILENO, buffer + done, filled - done);

        if (n >= 0) {
            done += (size_t)n;
            continue;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            struct pollfd wait = { .fd = STDERR_FILENO, .events = POLLOUT };

            (void)poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            break; /* nobody is reading; there is nowhere to complain */
        }
    }
    (void)pthread_mutex_unlock(&turn);
    filled = 0;
}

static void put(struct line *l, struct str s)
{
    if (l->broken || s.len > l->room - l->len) {
        l->broken = true;
        return;
    }
    if (s.len > 0)
        memcpy(l->at + l->len, s.at, s.len);
    l->len += s.len;
}

/*
 * One character of a text as it stands in a JSON string, in `out`; returns how many bytes of the
 * text it took. Terminals obey DEL and the controls of Latin-1 too, so those are escaped as well.
 */
static size_t escape(struct str s, char out[8], size_t *len)
{
    unsigned char c = (unsigned char)s.at[0];
    size_t taken = utf8_length(s.at, s.len);

    if (taken == 0) {
        *len = utf8_put(out, UTF8_REPLACEMENT);
        return 1;
    }
    if (c < 0x20 || c == 0x7F || (c == 0xC2 && (unsigned char)s.at[1] < 0xA0)) {
        unsigned code = c == 0xC2 ? (unsigned char)s.at[1] : c;

        *len = (size_t)snprintf(out, 8, "\\u%04x", code);
        return taken;
    }
    *len = 0;
    if (c == '"' || c == '\\')
        out[(*len)++] = '\\';
    memcpy(out + *len, s.at, taken);
    *len += taken;
    return taken;
}

/* How many bytes at its start stand for themselves: nearly always all of them. */
static size_t plain_length(struct str s)
{
    size_t n = 0;

    while (n < s.len && s.at[n] >= ' ' && s.at[n] <= '~' && s.at[n] != '"' && s.at[n] != '\\')
        n++;
    return n;
}

/* A text that does not fit is shortened, with room left for its closing quote. */
static void put_quoted(struct line *l, struct str s)
{
    size_t at = 0;

    put(l, STR("\""));
    while (at < s.len) {
        char piece[8];
        size_t room = l->broken || l->len == l->room ? 0 : l->room - l->len - 1;
        size_t len = plain_length(str_head(str_cut(s, at, s.len), room));

        if (len > 0) {
            put(l, str_cut(s, at, at + len));
            at += len;
            continue;
        }
        at += escape(str_cut(s, at, s.len), piece, &len);
        if (len > room) {
            l->cut = true;
            break;
        }
        put(l, (struct str){ piece, len });
    }
    put(l, STR("\""));
}

static bool needs_quotes(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] <= ' ' || s.at[i] > '~' || s.at[i] == '"' || s.at[i] == '=' ||
            s.at[i] == '\\')
            return true;
    }
    return s.len == 0;
}

static void put_text(struct line *l, struct str s)
{
    if (as_logfmt && !needs_quotes(s))
        put(l, s);
    else
        put_quoted(l, s);
}

static void put_value(struct line *l, const struct log_field *f)
{
    char text[STR_U64_BYTES + 1 + STR_U64_BYTES];
    size_t len = 0;

    switch (f->kind) {
    case LOG_STR: put_text(l, f->as.s); return;
    case LOG_BOOL: put(l, f->as.b ? STR("true") : STR("false")); return;
    case LOG_U64: len = str_put_u64(text, f->as.u); break;
    case LOG_I64:
        text[0] = '-';
        len = f->as.i < 0 ? 1 + str_put_u64(text + 1, 0 - (uint64_t)f->as.i)
                          : str_put_u64(text, (uint64_t)f->as.i);
        break;
    case LOG_MS:
        /* A thousand more, so that the thousandths have their zeros; its 1 becomes the point. */
        len = str_put_u64(text, f->as.u / 1000);
        (void)str_put_u64(text + len, 1000 + f->as.u % 1000);
        text[len] = '.';
        len += 4;
        break;
    case LOG_END: break;
    }
    put(l, (struct str){ text, len });
}

static void put_field(struct line *l, const struct log_field *f)
{
    size_t before = l->len;

    if (as_logfmt) {
        put(l, before > 0 ? STR(" ") : STR(""));
        put(l, str_of(f->name));
        put(l, STR("="));
    } else {
        put(l, before > 0 ? STR(",") : STR("{"));
        put_quoted(l, str_of(f->name));
        put(l, STR(":"));
    }
    put_value(l, f);
    if (l->broken) {
        l->len = before;
        l->broken = false;
        l->cut = true;
    }
}

/* Writes the line behind what is in the buffer; false if it did not fit as a whole. */
static bool compose(enum log_level level, const char *event, const struct log_field *fields)
{
    static const char *const names[] = { "debug", "info", "warn", "error" };
    struct line l = { .at = buffer + filled };
    char now[CLOCK_TEXT];

    if (BUFFER - filled < LEAST)
        return false;
    l.room = BUFFER - filled - TAIL;
    clock_text(clock_wall_ms(), now);
    put_field(&l, &F_TEXT("ts", now));
    put_field(&l, &F_TEXT("level", names[level]));
    put_field(&l, &F_TEXT("event", event));
    for (; fields && fields->kind != LOG_END; fields++)
        if (fields->kind != LOG_STR || fields->as.s.at)
            put_field(&l, fields);
    if (l.cut && filled > 0)
        return false;
    l.room += TAIL;
    if (l.cut)
        put_field(&l, &F_BOOL("cut", true));
    put(&l, as_logfmt ? STR("\n") : STR("}\n"));
    filled += l.len;
    return true;
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
    if (!compose(level, event, fields)) {
        log_flush();
        (void)compose(level, event, fields);
    }
    if (level >= LOG_WARN)
        log_flush();
}
