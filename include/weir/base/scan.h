/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/base/err.h"
#include "weir/base/own.h"
#include "weir/base/str.h"

/*
 * Finds the byte spans of a JSON value's members without building a tree (RFC 8259), so that
 * a body can be spliced instead of written anew. It reads what jansson refuses as well: lone
 * surrogates, numbers of any length and size, and NUL in a member's name; number forms and
 * escapes stay as they came.
 * Nesting is limited to SCAN_DEPTH. Spans point into the text and are lent by its owner.
 */

enum { SCAN_DEPTH = 64 };

enum scan_type {
    SCAN_NONE,
    SCAN_NULL,
    SCAN_BOOL,
    SCAN_NUMBER,
    SCAN_STRING,
    SCAN_ARRAY,
    SCAN_OBJECT
};

/* A member of an object or an element of an array. */
struct scan_member {
    struct str key;   /* between its quotes, escapes as they stand; absent in an array */
    struct str value; /* with quotes or brackets, without surrounding space */
    size_t at;        /* where the value starts, from the start of the whole text */
    enum scan_type type;
};

/* Checks the whole text: one value, UTF-8, nothing behind it. `why` names the byte offset. */
MUST_CHECK enum err scan_check(struct str json, struct fault *why);

/*
 * Walks one level of an object or array that scan_check has passed:
 *     for (scan_start(&s, text); scan_next(&s, &m);) ...
 * A text that is neither object nor array has no members.
 */
struct scan {
    struct str text;
    size_t next;
    bool object;
};

void scan_start(struct scan *s, struct str json);
bool scan_next(struct scan *s, struct scan_member *m);

/* The type by the first byte of a value. */
enum scan_type scan_type_of(struct str value);

/* The member named `key` (written plainly), the last one if it stands twice; false if absent. */
bool scan_get(struct str object, struct str key, struct scan_member *m);

/*
 * Several at once, in one walk: found[i] is the member named names[i], and of SCAN_NONE if
 * there is none. An object of n members costs one walk, not one per name.
 */
void scan_find(struct str object, const struct str *names, size_t count,
               struct scan_member *found);

/*
 * The value at an RFC 6901 pointer ("" is the whole); false where there is none. One step of
 * a pointer names at most 256 bytes.
 */
bool scan_pointer(struct str json, struct str pointer, struct scan_member *m);

/* Is the key, unescaped, equal to `name`? */
bool scan_key_is(struct str key, struct str name);
/* Is the value a string, and unescaped equal to `text`? */
bool scan_text_is(const struct scan_member *m, struct str text);

/*
 * A string value ("with quotes") as UTF-8 in `out`; lone surrogates become U+FFFD and set
 * *lossy (NULL is fine). A string without escapes is lent from the text, not copied.
 * Returns the absent str when the arena's budget is spent.
 */
struct str scan_text(struct str value, struct arena *out, bool *lossy);

/* A double for a number's source text; false for what is no number or not finite. */
bool scan_number(struct str value, double *out);
bool scan_u64(struct str value, uint64_t *out);
bool scan_true(struct str value);

/* Appends `s` as a JSON string with its quotes: ", \ and control bytes escaped, the rest kept. */
struct buf;
void scan_put_string(struct buf *out, struct str s);
