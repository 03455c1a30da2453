/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/metric.h"
#include "weir/cache/remote.h"
#include "weir/net/loop.h"
#include "weir/net/redis.h"

#include <sys/types.h>

/* A real redis-server of this test's own, and a loop with a link to it. */
struct stage {
    pid_t server;
    uint16_t port;
    struct metrics *metrics;
    struct loop *loop;
    struct resolver *resolver;
    struct redis *link;
    struct remote *remote;
};

void stage_open(struct stage *s,
                const struct remote_settings *settings); /* ends once the link is up */
void stage_close(struct stage *s);

/* Runs the loop until a callback stops it, or for so long; what comes later is up to the caller. */
void stage_run(struct stage *s);
void stage_run_for(struct stage *s, uint64_t us);

/* Has Redis carry out a command of words parted by spaces, and waits: "text" or "(integer) 3". */
void stage_ask(struct stage *s, struct buf *out, const char *command);
void stage_do(struct stage *s, const char *command);
/* The same with words of any bytes. */
void stage_do_words(struct stage *s, const struct str *words, size_t count);
