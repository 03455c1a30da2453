/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "batch.h"
#include "choice.h"
#include "store_inner.h"

#include "weir/net/loop.h"

/*
 * The files of the store in Redis: store_redis.c has the lease, edits and the past,
 * store_redis_load.c fills the book, store_redis_choose.c does so where there is not room for all,
 * store_redis_mend.c writes again what Redis has lost, store_redis_feed.c reads ticks,
 * store_redis_save.c writes.
 */

enum { HOLDER_HEX = 33 };

/* What is read in the running load, feed or save: they follow each other, so one will do. */
struct store_redis {
    struct store store;
    struct loop *loop;  /* lent */
    struct redis *link; /* lent */
    struct str prefix;  /* lent */
    char holder[HOLDER_HEX];
    bool refused; /* scripts are, which has been logged */

    struct redis_op redis;
    struct batch batch;
    struct store_op *op;
    struct book *book;
    struct store_now now; /* of the last load */
    struct arena names;   /* of what is to be asked for */
    struct str *wanted;   /* alarms, then baselines; in `names` */
    size_t wanted_count, wanted_at, wanted_alarms;
    struct str *acknowledged;
    size_t acknowledged_count;
    bool emptied;     /* Redis has no pin left, and the book has */
    bool unpinned;    /* something was judged by that had no pin */
    bool mending;     /* the last load found a loss too: it has been told */
    struct str *lost; /* baselines that Redis should have; in `names` */
    size_t lost_count;
    struct str *expired; /* baselines that are listed, and no longer there; in `names` */
    size_t expired_count;
    size_t part;  /* of what is mended */
    bool crowded; /* there are more histograms than the book has room for */
    struct crowd {
        struct candidate *all; /* in `names`, as the next */
        struct candidate **asked;
        size_t count, asked_count;
        size_t page;
        size_t from, to, at; /* those whose states decide, and the next to be asked */
    } crowd;
    size_t at; /* the next subject, or thing of that part */
    struct store_feed feed;
    uint64_t next_tick; /* of that subject */
    struct deferred turn;
    struct asked {
        struct subject *subject; /* NULL: the control of the one before */
        uint64_t tick;
        bool defined;    /* the next one tells what meaning its counts have */
        bool paired;     /* the next one, or the next two, have its control's */
    } asked[BATCH_MOST]; /* what the batch's commands are about */
};

struct store_redis *store_redis_of(struct store *s);
void store_redis_end(struct store_redis *s, enum err err); /* the operation is over */

void store_redis_load(struct store *store, struct book *b, const struct store_now *now,
                      struct store_op *op);
void store_redis_choose(struct store_redis *s); /* in a load; then asks for states */
void store_redis_ask_states(struct store_redis *s);
void store_redis_mend(struct store_redis *s); /* the end of a load */
void store_redis_feed(struct store *store, struct book *b, const struct store_feed *feed,
                      struct store_op *op);
void store_redis_save(struct store *store, struct book *b, struct store_op *op);
void store_redis_recall(struct store *store, const struct store_recall *recall,
                        struct store_op *op);

/* By which definitions a histogram's tick was counted: a hash, as the tick's. */
void store_redis_ask_meaning(struct batch *b, struct str prefix, struct str member,
                             uint64_t tick);
/* False: by several. None is 0. */
bool store_redis_read_meaning(const struct redis_reply *reply, uint32_t *out);

/* A HGETALL's reply as counts; what is no number is left out. */
void store_redis_read_counts(const struct redis_reply *reply, struct counts *out);
