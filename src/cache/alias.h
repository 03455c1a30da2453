/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/digest.h"

/*
 * From raw bodies to keys: sets of a few ways, each in the order of use, roughly. A hit moves
 * one way up, a newcomer takes the last way but one and pushes what stood there to the end:
 * what is asked once falls out before what is asked often. It may forget; it cannot be wrong,
 * since whole digests are compared.
 */

struct aliases;

struct aliases *aliases_new(
    size_t bytes); /* about so much for the table, a power of two of sets */
void aliases_free(struct aliases *all); /* NULL is fine */
size_t aliases_cost(const struct aliases *all);

void alias_put(struct aliases *all, const struct digest *raw, const struct digest *key,
               uint64_t facts);
bool alias_get(struct aliases *all, const struct digest *raw, struct digest *key,
               uint64_t *facts);
