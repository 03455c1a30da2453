/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/own.h"
#include "weir/base/str.h"

/*
 * From names to pointers, in the order in which they were put. Keys are copied; values are
 * the owner's. Built once (configuration), read often: there is no removal.
 */
struct map;

struct map *map_new(void);
void map_free(struct map *m);
DEFINE_AUTO(struct map, map_free)

bool map_put(struct map *m, struct str key, void *value); /* false: the name is taken */
void *map_get(const struct map *m, struct str key);
size_t map_size(const struct map *m);
struct str map_key_at(const struct map *m, size_t i);
void *map_value_at(const struct map *m, size_t i);

/* The key nearest to `name` by edit distance, or the absent str when none is near. */
struct str map_nearest(const struct map *m, struct str name);
