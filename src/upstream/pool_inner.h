/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/list.h"
#include "weir/upstream/pool.h"

#include "adaptive.h"
#include "balance.h"
#include "breaker.h"
#include "budget.h"
#include "line.h"
#include "pace.h"

#include <pthread.h>

/*
 * A pool from inside, for those who share its lock: pool.c is what it is made of, choice.c says
 * who is next, lesson.c what a call has taught it, permit.c who waits.
 */

enum {
    POOL_KEYS = 32,
    POOL_FIRST_LIMIT = 8,             /* of an adaptive endpoint, to begin with */
    POOL_START_PAUSE_US = 250 * 1000, /* between two calls that wake a pool; doubled */
    POOL_DOUBTS = 3, /* races lost in a row before it is doubted that an endpoint works */
};

/* The endpoint stands first: who drops its last reference frees the member. */
struct member {
    struct upstream_endpoint endpoint;
    uint64_t id; /* of its URL and address, for affinity */
    double weight;
    unsigned in_flight;
    unsigned late; /* of them: nobody waits for these */
    struct breaker breaker;
    bool down;              /* its probes say so */
    unsigned probes;        /* in a row that say the other thing */
    bool refused;           /* its last call found nobody there */
    unsigned beaten;        /* calls in a row that lost their race; see lesson.c */
    uint64_t rest_until_us; /* it asked to be left alone */
    double latency_s;       /* decaying; 0: not known */
    uint64_t latency_at_us;
    struct adaptive adaptive;
    double credit; /* for turns */
    bool gone;     /* no longer of the pool; its last call is under way */
};

struct key {
    char *line;
    bool listed;  /* in the newest configuration */
    bool dropped; /* refused with 401 or 403 */
    uint64_t rest_until_us;
    uint64_t rest_us; /* the last rest that nobody had told the length of */
};

struct pool {
    _Atomic uint32_t refs;
    pthread_mutex_t lock;
    char *name;
    struct upstream settings; /* numbers only: what is owned by an upstream is not looked at */
    struct member *members[POOL_ENDPOINTS];
    size_t member_count;
    struct key keys[POOL_KEYS];
    size_t key_count;
    size_t next_key;
    struct turns turns;
    struct lane lanes[PRIORITY_COUNT]; /* of those who wait */
    unsigned waiting;
    uint64_t served_us; /* when somebody last looked whether those who wait can be served */
    double hold_s;      /* decaying mean of how long a permit is held */
    struct budget retries, hedges;
    struct pace pace;
    struct {
        bool on;
        bool trying;       /* a call is out to wake it */
        bool spent;        /* it has had its time: it is down until a call goes well */
        uint64_t since_us; /* 0: somebody has been there since */
        uint64_t next_us, pause_us;
    } starting; /* nobody is there yet: see cold_start */
};

static inline struct member *member_of(struct upstream_endpoint *e)
{
    return container_of(e, struct member, endpoint);
}

/* ---- all under the lock ---- */

unsigned member_limit(const struct pool *p, const struct member *m); /* 0: none */
bool member_is_well(const struct member *m, uint64_t now_us);

/* Keys that may be used at all. */
size_t pool_listed_keys(const struct pool *p);

/*
 * HELD fills the permit, with references; LATER fills wait_us; WAITS: whoever could is full, or
 * it is just being found out whether the pool has started.
 */
enum permit_answer choice_make(struct pool *p, const struct permit_wish *w, uint64_t now_us,
                               struct permit *out, uint64_t *wait_us);

struct loop;
void lesson_learn(struct pool *p, const struct permit *permit, const struct permit_report *r,
                  uint64_t now_us, struct loop *loop);

/* Serves those who wait, as far as there is room. */
void permit_serve(struct pool *p, uint64_t now_us);
