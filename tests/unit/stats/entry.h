/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/*
 * An entry of science_vectors.json, whose numbers are taken out one by one: what nobody has
 * asked for is still in it at the end. A number that is missing, or not ours to 1e-9, fails the
 * test.
 */

enum { ENTRY_MOST = 64 }; /* numbers of a list */

double entry_take(json_t *entry, const char *key);
size_t entry_take_numbers(json_t *entry, const char *key, double out[ENTRY_MOST]);
size_t entry_take_counts(json_t *entry, const char *key, uint64_t out[ENTRY_MOST]);
size_t entry_take_ticks(json_t *entry, uint64_t ticks[ENTRY_MOST][2]); /* [count, n] each */

void entry_is(json_t *entry, const char *key, double got);
void entry_are(json_t *entry, const char *key, const double *got, size_t count);
