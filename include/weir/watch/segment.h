/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

#include <stdint.h>

/*
 * Parts of the traffic that are watched apart: by a header, by who asks, by a place in what is
 * asked, or by several of these together.
 *
 * Each has few values: those that the configuration lists, or else the first 64 that are seen;
 * what comes later, is longer than 64 bytes or no UTF-8 counts as `other`, and who sends none as
 * `none`. A value is known by its place in a table that all threads share and that a new
 * configuration takes over, so places and their number hold as long as the process does.
 */

enum {
    SEGMENT_MOST = 8,         /* of one model */
    SEGMENT_VALUES = 64,      /* of one segment, besides other and none */
    SEGMENT_VALUE_BYTES = 64, /* of a value's text */
    SEGMENT_PARTS = 4,        /* watched together */
};

enum segment_kind { SEGMENT_HEADER, SEGMENT_TENANT, SEGMENT_POINTER, SEGMENT_TOGETHER };

enum segment_place { SEGMENT_NONE, SEGMENT_OTHER, SEGMENT_FIRST };

struct segment_table;

struct segment {
    struct str name; /* TOGETHER: absent */
    enum segment_kind kind;
    struct str from;          /* the header's name or the pointer */
    unsigned header;          /* HEADER: which of a source's */
    const struct str *values; /* lent by the configuration; NULL: whatever comes first */
    size_t value_count;
    uint8_t parts[SEGMENT_PARTS]; /* TOGETHER: places in the list of segments, all before it */
    uint8_t part_count;
    uint32_t meaning, meaning_of_other; /* digests of the above but the name */
    struct segment_table *table;        /* counted */
};

/* `all` is the list that it stands in: where its parts are. */
void segment_open(struct segment *s, const struct segment *all);
void segment_close(struct segment *s); /* zeroed is fine */

/* Takes over the table of another that means the same; false: they differ. */
bool segment_adopt(struct segment *s, const struct segment *other);

/* Where values come from. */
struct segment_source {
    struct str tenant;
    const struct str *headers; /* absent: not sent; NULL: none of them was */
    struct str body;           /* checked JSON; absent: places of pointers stay as they are */
};

/* The places of a request, one for each segment of the list. */
void segment_find(const struct segment *all, size_t count, const struct segment_source *from,
                  uint8_t places[SEGMENT_MOST]);

/*
 * As it stands in a key of Redis: "plan=pro", "plan=pro,country=de", the values escaped. It
 * lives as long as the table.
 */
struct str segment_text(const struct segment *s, unsigned place);

/* A digest of what decides which requests that one has; the same by its text. Never 0. */
uint32_t segment_meaning(const struct segment *s, unsigned place);
uint32_t segment_meaning_of(const struct segment *s, struct str text);
