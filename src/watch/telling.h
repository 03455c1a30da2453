/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "tally.h"
#include "weir/base/buf.h"
#include "weir/cache/remote.h"

/*
 * Counts on their way to Redis: one histogram of one minute, a hash of counts by value, and beside
 * it of how many of them which meaning is (meaning.h), where a configuration can change that.
 */

/* The texts that one histogram takes; used again for the next. */
struct telling_texts {
    struct buf name, key, index, meaning;
};

struct telling {
    struct remote *remote; /* lent, as the next */
    struct str prefix;
    uint64_t tick_ms;
    struct telling_texts texts;
};

void telling_deinit(struct telling *t);
/* They are counted into `minute`, whatever the key says. */
void telling_put(struct telling *t, const struct tally_key *k, uint64_t minute,
                 const struct remote_count *counts, size_t n);
