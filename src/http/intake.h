/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/http/request.h"
#include "weir/http/room.h"

#include "rules.h"

/*
 * One request on its way in: prescan, parser and rules over its bytes. While everything came
 * in one read, the request's slices point into that read; bytes are copied only when a feed
 * ends before the message does. A connection holds an intake only while a message is
 * incomplete or being handed up; in between it lies in the server's pool.
 */

struct intake;

enum intake_event {
    INTAKE_MORE, /* all bytes were taken; what was lent is now copied */
    INTAKE_HEAD, /* the head is whole and in order; go on with the rest of the bytes, or keep */
    INTAKE_WHOLE, /* the message is */
    INTAKE_BAD    /* the message is refused; see intake_status */
};

struct intake *intake_new(void);
void intake_free(struct intake *in);
/* `room` is lent until the end; NULL: bodies may take what they like. */
void intake_begin(struct intake *in, size_t most_body_bytes, struct http_room *room);
void intake_end(struct intake *in); /* gives the message's memory back */

/* `bytes` are lent until INTAKE_MORE, or until the message is done with. */
enum intake_event intake_feed(struct intake *in, struct str bytes, size_t *used);

/* After INTAKE_HEAD, when no bytes are left: copies what is lent. */
void intake_keep(struct intake *in);

/* After INTAKE_HEAD: another ceiling for the body. False: its announced length is above it,
   and the message is refused. */
bool intake_limit(struct intake *in, size_t most_body_bytes);
bool intake_has_head(const struct intake *in); /* it is whole, whether or not it is refused */
bool intake_is_whole(const struct intake *in); /* after INTAKE_HEAD: no body will come */

/* The slices of what was read so far. `fields` has room for HTTP_FIELDS. */
void intake_request(const struct intake *in, struct http_field *fields, struct http_request *r);
const struct rules *intake_rules(const struct intake *in);
unsigned intake_version(const struct intake *in);

/* The body's own memory, if it has any: the caller's from now on, to free(), as is its share. */
char *intake_take_body(struct intake *in, struct room_share *share);

int intake_status(const struct intake *in);
const char *intake_what(const struct intake *in);
