/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

#include <stdint.h>

/*
 * One request's syntax, by llhttp in strict mode. What it finds are places: offsets into the
 * head, counted from the message's first byte, because the head may move while it grows.
 * Nothing is copied but spans; who feeds the bytes keeps them. A parser reads one message.
 */

struct parser;

enum { PARSER_FIELDS = 128, PARSER_TARGET_BYTES = 8 << 10 };

enum parser_event {
    PARSER_MORE, /* all bytes were taken */
    PARSER_HEAD, /* the head's last byte was taken */
    PARSER_WHOLE,
    PARSER_BAD
};

struct parser_span {
    uint32_t from;
    uint32_t len;
};

struct parser_head {
    const char *method; /* static */
    unsigned version;   /* 10 or 11 for HTTP/1.0 and 1.1; others as they come */
    struct parser_span target;
    size_t field_count;
    struct parser_span names[PARSER_FIELDS];
    struct parser_span values[PARSER_FIELDS];
};

typedef void parser_body_fn(void *owner, struct str piece);

struct parser *parser_new(parser_body_fn *on_body, void *owner);
void parser_free(struct parser *p);
void parser_begin(struct parser *p); /* a new message */

/* The head's bytes, which must not go beyond its end. */
enum parser_event parser_feed_head(struct parser *p, struct str bytes);
/* What comes behind the head. `*used` counts what belonged to this message. */
enum parser_event parser_feed_body(struct parser *p, struct str bytes, size_t *used);

const struct parser_head *parser_head(const struct parser *p);
/* Is that whole head HTTP's? llhttp reads the request lines of RTSP and ICE as well. */
bool parser_is_http(const struct parser *p, struct str head);
bool parser_is_whole(const struct parser *p);

/* After PARSER_BAD: the status that fits, and what was wrong. */
int parser_status(const struct parser *p);
const char *parser_what(const struct parser *p);

/*
 * llhttp's header chooses the loose mode unless told otherwise, and a build that lost our flag
 * would look just the same. So this feeds it two requests that the loose mode takes for whole,
 * both used for smuggling, and dies if they pass.
 */
void parser_self_test(void);
