/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/api/api.h"
#include "weir/exchange/ask.h"

/* What an answer says in its headers, and answering with them. */

/* Who is answered: in which dialect, and under which name. */
struct reply_to {
    enum caller caller;
    const char *request_id;
};

/* The names that the request goes by, as header lines. */
void reply_put_ids(struct buf *out, struct reply_to to);

void reply_answer(struct api *a, struct http_conn *c, struct reply_to to, const struct reply *r,
                  struct str body);
void reply_begin(struct api *a, struct http_conn *c, struct reply_to to, const struct reply *r);
/* `r` may be NULL: there was no exchange. */
void reply_refuse(struct api *a, struct http_conn *c, struct reply_to to, const struct reply *r,
                  struct problem *p);
