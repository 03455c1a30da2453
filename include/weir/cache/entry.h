/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/digest.h"
#include "weir/base/own.h"
#include "weir/base/str.h"
#include "weir/dialect/request.h"

#include <stdatomic.h>
#include <stdint.h>

/*
 * A kept answer: one block of memory, immutable but for its count, marks and notes, shared by
 * all threads. The memory tier holds one reference, whoever is writing it to a socket another.
 */

struct entry_facts {
    struct digest key;
    enum endpoint endpoint;
    struct str scope;    /* tenant's name or "public" */
    struct str model;    /* the public name */
    struct str upstream; /* who answered */
    struct str upstream_model;
    struct str content_type;
    struct str body;    /* plain form */
    struct str request; /* canonical request; empty when not stored */
    char finish_reason[32];
    bool refusal;
    uint16_t status;
    uint8_t degraded;      /* of answers that are only shared, never kept; see exchange/ask.h */
    uint64_t created_ms;   /* wall clock */
    uint64_t fresh_ms;     /* how long fresh */
    uint64_t stale_ms;     /* how long it may serve beyond that */
    uint64_t took_ms;      /* how long its making took; 0: not known */
    int64_t prompt_tokens; /* -1: not told */
    int64_t completion_tokens;
    uint64_t cost_microusd; /* what the call cost, in millionths of a dollar; 0: not known */
};

/*
 * What somebody else has found out about an answer, to be known again when it is served next:
 * the first member of a block from malloc, which is the entry's once it is noted.
 */
struct entry_note {
    struct entry_note *older;
};

enum { ENTRY_NOTE_BYTES = 64 }; /* for one of them every entry is charged */

struct entry {
    _Atomic uint32_t refs;
    _Atomic uint64_t
        verified_us;        /* when Redis last said that it still holds this; clock_now_us */
    _Atomic bool verifying; /* somebody is asking right now */
    _Atomic uint64_t renewed_us;       /* when somebody last began to renew it; clock_now_us */
    _Atomic bool shared;               /* Redis holds it, or may: a DEL there must be heeded */
    _Atomic(struct entry_note *) note; /* the newest; NULL: none */
    struct entry_facts facts;          /* strs point into this block */
    size_t cost_bytes;                 /* what its block takes from the heap */
};

struct entry *entry_new(const struct entry_facts *facts); /* copies all bytes; one reference */
struct entry *entry_ref(struct entry *e);
void entry_unref(struct entry *e); /* NULL is fine */
DEFINE_AUTO(struct entry, entry_unref)

/*
 * The newest note stands in front of the older ones, which stay as long as the entry: somebody
 * may be reading them. False: somebody else has noted something since `seen` was the newest.
 */
bool entry_add_note(struct entry *e, struct entry_note *seen, struct entry_note *note);

/* Negative once it is no longer fresh. */
int64_t entry_ttl_ms(const struct entry *e, uint64_t wall_ms);
uint64_t entry_age_ms(const struct entry *e, uint64_t wall_ms);
bool entry_is_kept(const struct entry *e, uint64_t wall_ms); /* fresh, or within stale_ms */
