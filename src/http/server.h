/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/list.h"
#include "weir/http/server.h"
#include "weir/net/timer.h"

#include "intake.h"
#include "writer.h"

/* What the connections of one server share; all of it on the server's loop. */

enum { SERVER_IDLE_INTAKES = 64 }; /* messages are incomplete for milliseconds: few at a time */

struct http_server {
    struct loop *loop; /* lent */
    struct listener *listener;
    struct http_settings settings;
    struct http_handler handler;
    struct link conns; /* of struct http_conn */
    struct intake *idle_intakes[SERVER_IDLE_INTAKES];
    size_t idle_intake_count;
    struct http_field fields[HTTP_FIELDS]; /* of the request being handed up */
    struct writer_date date;
    struct timer grace; /* after the listener has retired */
    unsigned graces;    /* given to connections that have not asked anything yet */
    bool is_retiring;
    bool is_quiet;
    bool is_freed; /* waits for its last connection to close */
};

struct intake *http_server_take_intake(struct http_server *s);
void http_server_return_intake(struct http_server *s, struct intake *in);
void http_server_count_refused(struct http_server *s, struct str reason);
/* A connection is off the list: frees a server that waited for it. */
void http_server_forget(struct http_server *s);
