/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/app/config.h"

#include <criterion/criterion.h>
#include <string.h>

/* A configuration loaded from a text, with all that was said about it. */
struct loaded {
    enum err err;
    struct config *config; /* NULL when refused */
    struct buf faults;
    struct buf warnings;
};

static inline struct loaded load_bytes(struct str text,
                                       const struct config_overrides *overrides)
{
    struct loaded l = { 0 };

    l.err = config_parse(&l.config, STR("weir.yaml"), text, overrides, &l.faults, &l.warnings);
    cr_assert_eq(l.err == OK, l.config != NULL);
    cr_assert_eq(l.err == OK, l.faults.len == 0, "%.*s", STR_ARG(buf_str(&l.faults)));
    return l;
}

static inline struct loaded load(const char *text)
{
    return load_bytes(str_of(text), NULL);
}

static inline void unload(struct loaded *l)
{
    config_free(l->config);
    buf_deinit(&l->faults);
    buf_deinit(&l->warnings);
}

/* Does the text hold a line that begins with `start` and holds `words`? */
static inline bool has_line(const struct buf *text, const char *start, const char *words)
{
    struct str rest = buf_str(text), line;

    while (str_split(&rest, '\n', &line)) {
        if (str_starts(line, str_of(start)) &&
            memmem(line.at, line.len, words, strlen(words)) != NULL)
            return true;
    }
    return false;
}

/* A whole configuration but for what `more` adds: its lines 1 to 5 are these. */
#define BASE                                                       \
    "upstreams:\n"                                                 \
    "  openai: {endpoints: [\"http://127.0.0.1:8001/v1\"]}\n"      \
    "models:\n"                                                    \
    "  chat: {routes: [{upstream: openai, model: gpt-4o-mini}]}\n" \
    "#\n"

#define expect_fault(text, start, words)                                                  \
    do {                                                                                  \
        struct loaded l_ = load(text);                                                    \
                                                                                          \
        cr_assert_eq(l_.err, ERR_CONFIG, "accepted: %s", text);                           \
        cr_assert(has_line(&l_.faults, "weir.yaml:" start, words), "for %s it said %.*s", \
                  text, STR_ARG(buf_str(&l_.faults)));                                    \
        unload(&l_);                                                                      \
    } while (0)

#define expect_warning(text, start, words)                                                  \
    do {                                                                                    \
        struct loaded l_ = load(text);                                                      \
                                                                                            \
        cr_assert_eq(l_.err, OK, "%.*s", STR_ARG(buf_str(&l_.faults)));                     \
        cr_assert(has_line(&l_.warnings, "weir.yaml:" start, words), "for %s it said %.*s", \
                  text, STR_ARG(buf_str(&l_.warnings)));                                    \
        unload(&l_);                                                                        \
    } while (0)

#define expect_good(text)                                               \
    do {                                                                \
        struct loaded l_ = load(text);                                  \
                                                                        \
        cr_assert_eq(l_.err, OK, "%.*s", STR_ARG(buf_str(&l_.faults))); \
        unload(&l_);                                                    \
    } while (0)
