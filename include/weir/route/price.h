/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* What a route's upstream charges, in dollars for a million tokens; both 0: not known. */
struct price {
    double input_usd;
    double output_usd;
};

bool price_is_known(const struct price *p);
/* Dollars of a call whose tokens were told; those not told (-1) count as none. */
double price_of(const struct price *p, int64_t prompt_tokens, int64_t completion_tokens);
/*
 * The most that a call is likely to cost, before it is made: a token for every four bytes of
 * the body, and as many as `most_tokens` (0: PRICE_TOKENS) of answer.
 */
enum { PRICE_TOKENS = 1024, PRICE_BYTES_PER_TOKEN = 4 };
double price_estimate(const struct price *p, size_t body_bytes, int64_t most_tokens);
