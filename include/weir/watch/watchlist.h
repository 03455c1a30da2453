/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/base/own.h"
#include "weir/dialect/jsonschema.h"
#include "weir/watch/prediction.h"
#include "weir/watch/segment.h"

#include <stdatomic.h>

/*
 * What is watched of one model: which predictions, and in which segments. Built with a plan and
 * counted apart from it: counts that wait to be told may outlive the configuration that they
 * were made under.
 */

/* What is said to a model, and what it says. */
enum watch_side { WATCH_REQUEST, WATCH_ANSWER, WATCH_SIDES };

/* Besides those that every model has: as configured, and of fields that schemas declare. */
enum { WATCHLIST_PREDICTIONS = 32, WATCHLIST_FIELDS = WATCH_SIDES * JSONSCHEMA_FIELDS };

struct watchlist {
    _Atomic uint32_t refs;
    uint64_t id;      /* differs between any two that differ, once they are sealed */
    struct str model; /* its public name */
    struct prediction *predictions;
    size_t prediction_count;
    struct segment *segments;
    size_t segment_count;
    struct jsonschema *schemas[WATCH_SIDES]; /* owned; NULL: any form is fine */
    struct arena arena;                      /* of all the above */
};

struct watchlist *watchlist_new(struct str model); /* copies; one reference */
struct watchlist *watchlist_ref(struct watchlist *l);
void watchlist_unref(struct watchlist *l); /* NULL is fine; the last one frees all */
DEFINE_AUTO(struct watchlist, watchlist_unref)

/*
 * A prediction for each field that a schema declares, "field:answer/age": is it ok, null,
 * missing, of a wrong_type or out_of_domain? Behind those that stand on the list already.
 */
void watchlist_add_fields(struct watchlist *l);

/* All that is counted of it, those that every model has among them; NULL: there are no more. */
const struct prediction *watchlist_prediction(const struct watchlist *l, size_t i);

/* It is complete: from now on equal ones have the same id, whatever plan they came with. */
void watchlist_seal(struct watchlist *l);

/*
 * Goes on with what an older one has seen: the values of its segments, as far as both begin with
 * the same ones, and where both are equal, the variety of its predictions. Before it is used.
 */
void watchlist_adopt(struct watchlist *l, const struct watchlist *previous);
