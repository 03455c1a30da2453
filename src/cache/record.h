/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"
#include "weir/cache/entry.h"
#include "weir/net/redis.h"

/*
 * An answer as the fields of a hash (remote.h lists them), and back. Reading trusts nothing:
 * whatever lies under the key may have been put there by a hand, another program or another
 * version.
 */

enum {
    RECORD_FIELDS = 15,
    RECORD_READ = 14, /* of them, those that serving needs: the first ones */
    RECORD_NUMBER = 24,
};

struct record_words {
    struct str words[2 * RECORD_FIELDS]; /* name, value, name, value... */
    size_t count;
    char numbers[RECORD_FIELDS][RECORD_NUMBER]; /* what some of the words point to */
};

/* Lends the texts of `facts`. */
void record_write(struct record_words *out, const struct entry_facts *facts, bool with_request);

/* The names to ask for, RECORD_READ of them; record_read expects their values in this order. */
void record_names(struct str out[RECORD_READ]);

enum record_state {
    RECORD_GOOD,
    RECORD_NONE, /* there is nothing */
    RECORD_BAD,  /* there is something, but no answer that we could have written */
};

/* `asked` says whose answer it is; *out, one reference, is made when the state is GOOD. */
enum record_state record_read(const struct redis_reply *reply, const struct entry_facts *asked,
                              size_t most_bytes, uint64_t wall_ms, struct entry **out);
