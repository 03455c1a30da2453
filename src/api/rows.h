/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/api/api.h"
#include "weir/api/call.h"

#include "reply.h"

/* What the router hands to whoever answers a path, and what all of them need to answer. */

struct visit {
    struct api *api;
    struct http_conn *conn;
    struct http_request *request;
    struct call *call;
    enum caller caller;
    enum endpoint endpoint;      /* infer rows */
    struct str rest;             /* of the path, behind the row's */
    const struct tenant *tenant; /* NULL: open access */
};

static inline struct reply_to visit_to(const struct visit *v)
{
    return (struct reply_to){ v->caller, v->call->request_id };
}

void infer_serve(const struct visit *v);
void models_serve(const struct visit *v);

/* The row of the log and the count of a request that never becomes an exchange. */
void visit_account(const struct visit *v, struct str endpoint, enum err err, int status,
                   const char *why);

/* Answers with a problem and frees it. */
void visit_refuse(const struct visit *v, struct problem *p);
