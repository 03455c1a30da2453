/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/err.h"
#include "weir/base/list.h"
#include "weir/base/own.h"
#include "weir/base/str.h"

#include <stdint.h>

/*
 * One pipelined link to Redis per loop, over hiredis with an adapter of our own.
 *
 * Every operation has a deadline (`timeout_us`): past it the operation ends with
 * ERR_STORE_DOWN and its reply, should it come, is dropped. A link whose oldest command is
 * older than 250 ms (or five deadlines) is cut. After REDIS_FAILURES failures in a row, or
 * while there is no connection, operations fail at once (well below a millisecond) and only
 * probes go out, every half second with jitter, so that hits resume within 2 s of its return.
 * One log line tells of each change of state (redis_down, redis_up).
 *
 * With sentinels in the settings one of them is asked before each connection where the master
 * is, and that server must say that it is one; one that refuses as a replica does, or still
 * loads, is left at once and asked for again.
 */

enum {
    REDIS_FAILURES = 5,
    REDIS_SENTINELS = 8,    /* three are usual, five are many */
    REDIS_ERROR_CLASS = 24, /* bytes of an error's first word, its NUL included */
};

struct loop;
struct redis;
struct redis_op;
struct redis_reply;
struct resolver;

struct redis_place {
    char host[256]; /* a name or an address */
    uint16_t port;
};

struct redis_settings {
    char host[256];
    uint16_t port;
    char user[128];
    char password[256];
    unsigned database;
    uint64_t timeout_us;
    unsigned most_in_flight; /* commands; beyond it operations fail at once */

    /* With any of these host and port above are not used: the master's come from a sentinel. */
    struct redis_place sentinels[REDIS_SENTINELS];
    unsigned sentinel_count;
    char master[64]; /* as the sentinels call it */
};

/* Reads redis://[user[:password]@]host[:port][/database]. */
MUST_CHECK enum err redis_settings_read(struct redis_settings *out, struct str url,
                                        struct fault *why);
/* Adds "host", "host:port" or "[IPv6]:port"; a sentinel's usual port is 26379. */
MUST_CHECK enum err redis_settings_add_sentinel(struct redis_settings *out, struct str text,
                                                struct fault *why);
MUST_CHECK enum err redis_settings_set_master(struct redis_settings *out, struct str name,
                                              struct fault *why);

struct redis *redis_new(struct loop *loop, struct resolver *resolver,
                        const struct redis_settings *s);
/* Operations under way end with ERR_STORE_DOWN first. Not from inside an operation's end. */
void redis_free(struct redis *r);
bool redis_is_up(const struct redis *r);

/* ---- operations ---- */

/* `reply` is lent for the call and NULL unless err is OK. An error reply of the server ends in
   OK with a reply of type REDIS_ERROR. */
typedef void redis_fn(struct redis_op *op, enum err err, const struct redis_reply *reply);

struct redis_op {
    redis_fn *on_done;
    void *ticket; /* the link's */
    /* At the end: the first error's class ("OOM"), as what is refused on its way into a
       transaction is not in the reply of that; empty: there was none. */
    char refused[REDIS_ERROR_CLASS];
};

struct redis_command {
    const struct str *words; /* lent for the call of start */
    size_t count;
};

/*
 * Sends the commands in one write; ends with the reply of the last. A NULL op is told nothing:
 * fire and forget, still under the same limits.
 */
void redis_start(struct redis *r, struct redis_op *op, const struct redis_command *commands,
                 size_t count, redis_fn *on_done);
void redis_cancel(struct redis_op *op); /* on_done(ERR_CANCELLED) follows, deferred */

/* ---- replies ---- */

enum redis_type { REDIS_NIL, REDIS_TEXT, REDIS_INTEGER, REDIS_LIST, REDIS_STATUS, REDIS_ERROR };

enum redis_type redis_reply_type(const struct redis_reply *r);
struct str redis_reply_text(const struct redis_reply *r); /* TEXT, STATUS, ERROR */
int64_t redis_reply_integer(const struct redis_reply *r);
size_t redis_reply_count(const struct redis_reply *r); /* LIST */
const struct redis_reply *redis_reply_at(const struct redis_reply *r, size_t i);
