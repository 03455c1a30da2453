/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/api/api.h"
#include "weir/exchange/ask.h"

/* What an answer says in its headers, and answering with them. */

void reply_answer(struct api *a, struct http_conn *c, const char *request_id,
                  const struct reply *r, struct str body);
void reply_begin(struct api *a, struct http_conn *c, const char *request_id,
                 const struct reply *r);
/* `r` may be NULL: there was no exchange. */
void reply_refuse(struct api *a, struct http_conn *c, const char *request_id,
                  const struct reply *r, const struct problem *p);
