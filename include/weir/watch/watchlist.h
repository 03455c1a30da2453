/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/base/own.h"
#include "weir/watch/prediction.h"
#include "weir/watch/segment.h"

#include <stdatomic.h>

/*
 * What is watched of one model: which predictions, and in which segments. Built with a plan and
 * counted apart from it: counts that wait to be told may outlive the configuration that they
 * were made under.
 */

enum { WATCHLIST_PREDICTIONS = 32 }; /* besides those that every model has */

struct watchlist {
    _Atomic uint32_t refs;
    uint64_t id;      /* differs between any two that differ, once they are sealed */
    struct str model; /* its public name */
    struct prediction *predictions;
    size_t prediction_count;
    struct segment *segments;
    size_t segment_count;
    struct arena arena; /* of all the above */
};

struct watchlist *watchlist_new(struct str model); /* copies; one reference */
struct watchlist *watchlist_ref(struct watchlist *l);
void watchlist_unref(struct watchlist *l); /* NULL is fine; the last one frees all */
DEFINE_AUTO(struct watchlist, watchlist_unref)

/* It is complete: from now on equal ones have the same id, whatever plan they came with. */
void watchlist_seal(struct watchlist *l);

/*
 * Goes on with what an older one has seen: the values of its segments, as far as both begin with
 * the same ones, and where both are equal, the variety of its predictions. Before it is used.
 */
void watchlist_adopt(struct watchlist *l, const struct watchlist *previous);
