/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/exchange/ask.h"
#include "weir/http/conn.h"

/*
 * Errors in the caller's dialect. One table goes from our closed list of failures to status,
 * type and code; what an upstream said itself goes through as it came.
 */

enum caller {
    CALLER_OPENAI,    /* {"error":{message,type,param,code}} */
    CALLER_ANTHROPIC, /* {"type":"error","error":{type,message},"request_id"} */
    CALLER_PLAIN,     /* RFC 9457 application/problem+json */
};

struct problem {
    int status;
    struct str content_type; /* static, or the upstream's, lent */
    struct buf body;         /* owned; problem_deinit */
    struct buf fields; /* Retry-After, x-should-retry, as "Name: value\r\n" lines; owned */
    bool unsigned_yet; /* the body is ours, and has a place for the request's id */
};

/* For a failure of an exchange. */
void problem_of(struct problem *out, enum caller caller, const struct failure *why);
/* For what is wrong before there is an exchange: a status, a code and what to do. */
void problem_say(struct problem *out, enum caller caller, int status, const char *code,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));
/* For a message that the HTTP layer refuses. */
void problem_of_http(struct problem *out, enum caller caller, const struct http_refusal *why);
/* Puts the request's id into the body of callers that look for it there. */
void problem_sign(struct problem *p, struct str request_id);
/* Its header lines, Content-Type among them. */
void problem_put_fields(const struct problem *p, struct buf *out);
void problem_deinit(struct problem *p);

/* The one event that ends a stream which broke off; `endpoint` says in which form. */
void problem_put_event(struct buf *out, enum endpoint endpoint, const struct failure *why);
