/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Extra calls as a share of calls, over the last BUDGET_SECONDS: for retries and for hedging.
 * Whenever one is allowed, there are in the window of that length which ends then, itself
 * included, no more extra calls than max(floor, share * calls), whatever came before. A zeroed
 * budget is new.
 */

enum { BUDGET_SECONDS = 10 };

struct budget {
    /* By second, as a ring. */
    uint32_t calls[BUDGET_SECONDS + 1], extra[BUDGET_SECONDS + 1];
    uint64_t second; /* of the newest place */
};

void budget_call(struct budget *b, uint64_t now_us);
/* Would one be allowed now? */
bool budget_has(struct budget *b, double share, unsigned floor, uint64_t now_us);
bool budget_take(struct budget *b, double share, unsigned floor, uint64_t now_us);
