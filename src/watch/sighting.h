/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/own.h"
#include "weir/base/str.h"

#include <stdint.h>

/*
 * Under which names upstreams have answered in the running minute, as far as they may be
 * counted one by one: a provider may well find a new name for each answer. What is beyond so
 * many names of one histogram counts as "other". One thread's own.
 */

enum { SIGHTING_NAMES = 32, SIGHTING_HISTOGRAMS = 1024 };

struct sighting {
    uint64_t histogram; /* its hash */
    uint8_t count;
    uint64_t names[SIGHTING_NAMES]; /* their hashes */
};

struct sightings {
    uint64_t minute;
    struct sighting *at; /* owned */
    size_t count, capacity;
};

void sightings_deinit(struct sightings *s); /* a zeroed one is empty */

/* As what `name` counts: itself, or other; absent: not at all, for there is no more room. */
struct str sighting_word(struct sightings *s, uint64_t minute, uint64_t histogram,
                         struct str name);
