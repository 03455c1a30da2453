/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/digest.h"
#include "weir/base/own.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Kept answers whose renewal has failed, and when each may be tried again: after a second, then
 * two, four, and so on up to half a minute, so that an upstream that is ill is not asked by
 * every client who is served what is stale. One for a process, shared by its workers.
 *
 * Bounded: where there is no room the one that may be tried soonest is forgotten. NULL is a
 * table that knows of no failure.
 */

enum {
    BACKOFF_FIRST_US = 1000 * 1000,
    BACKOFF_MOST_US = 30 * 1000 * 1000,
};

struct backoffs;

struct backoffs *backoffs_new(void);
void backoffs_free(struct backoffs *all);
DEFINE_AUTO(struct backoffs, backoffs_free)

bool backoff_is_over(struct backoffs *all, const struct digest *key, uint64_t now_us);
void backoff_fail(struct backoffs *all, const struct digest *key, uint64_t now_us);
void backoff_forget(struct backoffs *all, const struct digest *key); /* it has been renewed */
