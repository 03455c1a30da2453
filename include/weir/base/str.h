/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A run of bytes that somebody else owns. It is not terminated; `at` may be NULL only when
 * `len` is 0, and a NULL `at` means "absent" where a reader cares.
 */
struct str {
    const char *at;
    size_t len;
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
#define STR_ARG(s) (int)(s).len, (s).at ? (s).at : "" /* for "%.*s" */

struct str str_of(const char *zero_terminated); /* NULL gives the absent str */
struct str str_cut(struct str s, size_t from, size_t to);
struct str str_head(struct str s, size_t most); /* its first bytes, at most so many */
struct str str_trim(struct str s);              /* spaces and tabs off both ends */
bool str_eq(struct str a, struct str b);
bool str_eq_nocase(struct str a, struct str b); /* ASCII only */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
int str_compare(struct str a, struct str b); /* by bytes; a prefix is less */

/*
 * The next piece of `rest` up to `mark`; false when nothing is left. `rest` moves on behind
 * the mark: "a,,b" has three pieces, "a," has one.
 */
bool str_split(struct str *rest, char mark, struct str *piece);

/* A whole decimal number, nothing else. */
bool str_to_u64(struct str s, uint64_t *out);

/* The decimal digits of `n`, without a NUL; returns how many. */
enum { STR_U64_BYTES = 20 };
size_t str_put_u64(char out[STR_U64_BYTES], uint64_t n);

/* In the manner of FNV-1a, eight bytes at a time; for tables in memory only: it may change. */
uint64_t str_hash(struct str s);
