/* SPDX-License-Identifier: Apache-2.0 */
#include "sighting.h"

#include "weir/base/mem.h"

#include <stdlib.h>

void sightings_deinit(struct sightings *s)
{
    free(s->at);
    *s = (struct sightings){ 0 };
}

static struct sighting *find(struct sightings *s, uint64_t histogram)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->at[i].histogram == histogram)
            return &s->at[i];
    if (s->count == SIGHTING_HISTOGRAMS)
        return NULL;
    if (s->count == s->capacity) {
        s->capacity = s->capacity > 0 ? s->capacity * 2 : 8;
        s->at = mem_grow(s->at, s->capacity * sizeof(s->at[0]));
    }
    s->at[s->count] = (struct sighting){ .histogram = histogram };
    return &s->at[s->count++];
}

struct str sighting_word(struct sightings *s, uint64_t minute, uint64_t histogram,
                         struct str name)
{
    uint64_t hash = str_hash(name);
    struct sighting *one;

    if (s->minute != minute)
        s->count = 0;
    s->minute = minute;
    one = find(s, histogram);
    if (!one)
        return (struct str){ 0 };
    for (size_t i = 0; i < one->count; i++)
        if (one->names[i] == hash)
            return name;
    if (one->count == SIGHTING_NAMES)
        return STR("other");
    one->names[one->count++] = hash;
    return name;
}
