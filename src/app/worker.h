/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/api/api.h"
#include "weir/app/config.h"
#include "weir/base/metric.h"
#include "weir/cache/backoff.h"
#include "weir/cache/flight.h"
#include "weir/http/server.h"
#include "weir/net/loop.h"
#include "weir/net/timer.h"

#include <pthread.h>

/*
 * One event loop on a thread of its own, and all that it needs to answer: server, fetcher,
 * Redis link, cache view, watch. It is made and freed by the control thread while its own is
 * not running; in between the two talk by letters.
 *
 *     open ─> started ─> quiet ─> stopping ─> over ─> joined
 */

struct worker;

/* What all workers share; lent by the process. */
struct worker_kit {
    const struct settings *settings;
    struct metrics *metrics;
    struct memory *memory; /* NULL: tier off */
    struct flights *flights;
    struct backoffs *backoffs;
    const struct api_health *health;
    _Atomic unsigned *connections;
    _Atomic unsigned *siblings; /* the process's listeners on the address */
    int fd;                     /* an inherited listening socket; 0: none */
    struct load *load;
    struct http_room *room;
    unsigned most_connections;
    unsigned most_background; /* of each worker: work that nobody waits for */
    unsigned most_pooled;     /* of each worker: connections to upstreams that are kept */
    struct plan *plan;
    struct ticks *ticks;     /* NULL: counts go to Redis */
    struct ticks *course;    /* what the page draws over time */
    const struct pace *pace; /* of counting */
    struct loop *control;
    void (*on_over)(void *owner); /* runs on the control loop, once for each worker */
    void *owner;
};

MUST_CHECK enum err worker_open(struct worker **out, const struct worker_kit *kit,
                                struct str address, struct fault *why);
unsigned worker_port(const struct worker *w);
void worker_start(struct worker *w);

/* From the control thread. Each returns at once; `over` is told by the kit's on_over. */
void worker_reload(struct worker *w, const struct config *c); /* copies what it needs */
void worker_quiet(struct worker *w);           /* answers say `Connection: close` */
bool worker_hand_over(const struct worker *w); /* new connections go to another process */
void worker_leave(struct worker *w);           /* they are refused */
void worker_stop(struct worker *w); /* listener and idle connections closed; rest may end */
void worker_cut(struct worker *w);  /* what is still under way ends with an error */

void worker_join(struct worker *w); /* after it is over; frees it */
