/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/http/conn.h"

/*
 * Server-sent events of the admin page: to each who listens, once a second, the overview.
 *
 *     event: overview
 *     data: {...}
 *
 * A listener that does not keep up is not written to until it has drained: it misses moments,
 * not memory. Nothing runs while nobody listens. It lives on the control loop; listeners end
 * with their connections.
 */

struct admin;
struct feed;
struct loop;

enum { FEED_LISTENERS = 16, FEED_EVERY_US = 1000 * 1000 };

struct feed *feed_new(struct loop *loop, struct admin *admin); /* both lent */
void feed_free(struct feed *f); /* after its listeners' connections are gone */

/* Answers with the head of the stream alone; who asked for no more does not listen. */
void feed_answer_head(struct http_conn *c);
/* Answers with the stream. False: there are FEED_LISTENERS already, and nothing was answered. */
bool feed_join(struct feed *f, struct http_conn *c);
