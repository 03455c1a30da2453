/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/err.h"
#include "weir/watch/store.h"

#include "book.h"

/*
 * What a store does for the judge. Each operation ends in its callback once, and never from
 * inside the call that starts it. load, feed and save are one after the other; edit and recall
 * may be under way beside them.
 */

enum {
    STORE_AHEAD =
        1440, /* ticks that clocks may differ by; beyond it ticks had another length */
    STORE_CATCH_UP = 120,           /* ticks of one histogram that are folded in one go */
    STORE_STATE_S = 35 * 24 * 3600, /* how long states, hours and alarms live untouched */
    STORE_BASELINE_S = 400 * 24 * 3600,
};

struct store_op;
typedef void store_fn(struct store_op *op, enum err err);

struct store_op {
    store_fn *on_done;
};

struct store_now {
    uint64_t tick;     /* the last that is settled */
    uint64_t oldest;   /* histograms whose last tick is before it are forgotten */
    uint64_t lease_ms; /* how long who judges may be silent */
    uint64_t keep_s;   /* how long a tick that was folded is still needed */
};

/* One tick of one histogram, and of its control; in the order of ticks for each of them. */
typedef void store_feed_fn(void *ctx, struct subject *s, const struct drift_tick *t);

struct store_feed {
    uint64_t upto; /* the last tick that is settled */
    store_feed_fn *each;
    void *ctx;
};

/* What a person or a sender changes. */
enum edit_kind {
    EDIT_BASELINE,    /* key: its id; text: JSON; at_ms: its making */
    EDIT_PIN,         /* key: a histogram; text: a baseline's id, or empty: none */
    EDIT_DROP,        /* key: a baseline's id; ERR_MALFORMED: it is pinned */
    EDIT_ACKNOWLEDGE, /* key: an alarm's id */
    EDIT_SILENCE,     /* key: its id; text: JSON; at_ms: until when */
    EDIT_UNSILENCE,
    EDIT_DELIVERED, /* key: "<alarm id>:<state>" */
};

struct edit {
    enum edit_kind kind;
    struct str key, text; /* lent for the call that starts it */
    uint64_t at_ms;
};

/* Ticks of the past, [from, to]; where they are gone hours, told as their first tick. */
typedef void store_recall_fn(void *ctx, uint64_t tick, bool is_hour,
                             const struct counts *counts);

struct store_recall {
    struct str member; /* lent until the end */
    uint64_t from, to, now;
    store_recall_fn *each;
    void *ctx;
    uint32_t meaning; /* of others none are told; 0: of any one */
};

struct store_kind {
    /* Who judges, and all that is known by now: into the book. The lease is for lease_ms. */
    void (*load)(struct store *s, struct book *b, const struct store_now *now,
                 struct store_op *op);
    /* Ticks that the book's subjects have not folded, each through `feed`. */
    void (*feed)(struct store *s, struct book *b, const struct store_feed *feed,
                 struct store_op *op);
    void (*save)(struct store *s, struct book *b, struct store_op *op);
    void (*edit)(struct store *s, struct book *b, const struct edit *edit, struct store_op *op);
    void (*recall)(struct store *s, const struct store_recall *recall, struct store_op *op);
    void (*leave)(struct store *s); /* somebody else may judge from now on */
    void (*free)(struct store *s);
};

struct store {
    const struct store_kind *kind;
};

/* What an edit means for the book: the same whichever store it is written to. */
void store_apply(struct book *b, const struct edit *edit);
