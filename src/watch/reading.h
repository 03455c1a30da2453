/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/cache/entry.h"
#include "weir/watch/watch.h"

/*
 * The words of one answer, each by its place: first under what every model has (finish_reason,
 * output_tokens, refusal, input_tokens, latency, cost, schema_fit), then under what the model's list names.
 *
 * A kept answer is read when it is first counted, and what was read is noted at the entry; from
 * then on it is found there, as long as the list is the same or equal. What was asked (input) is then that of
 * the first: who gets the same answer has asked the same.
 */

enum {
    READING_BUILT_IN = 7,
    READING_WORDS = READING_BUILT_IN + WATCHLIST_PREDICTIONS + WATCHLIST_FIELDS
};
enum { READING_UNCOUNTED = 0xFF }; /* there is nothing to say under this one */

struct reading {
    struct entry_note note;
    uint64_t list; /* its id */
    uint64_t hash; /* of the words and the version */
    uint8_t count;
    uint8_t places[READING_WORDS]; /* at an entry, `count` of them alone are there */
};

struct fit; /* knows the schemas that callers send */

/* As it is noted at the answer's entry, or made in `room`; it lives as long as both of them. */
const struct reading *reading_of(const struct watch_answer *a, struct fit *fit,
                                 struct reading *room);

void reading_copy(struct reading *to, const struct reading *from);

bool reading_is_built_in(struct str name);

/*
 * What is held against no baseline: what upstreams call themselves, and how long their answers
 * are and take, in fine bins (scale.h). Counted apart (watch.h), and never in a reading.
 */
#define READING_RETURNED_MODEL STR("returned_model")
#define READING_FINGERPRINT STR("system_fingerprint")
#define READING_LENGTH STR("~output_tokens")
#define READING_TIME STR("~latency")

/* One that every model has; NULL: there is none of that name. */
const struct prediction *reading_built_in(struct str name);

/* What the word at `i` is one of. */
const struct prediction *reading_prediction(const struct watchlist *l, size_t i);

/* Is it a series in /metrics? Of latency and cost there are better ones. */
bool reading_is_metered(size_t i);

bool reading_same(const struct reading *a, const struct reading *b);
