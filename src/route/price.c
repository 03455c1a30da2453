/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/route/price.h"

#define PER_TOKEN 1e-6

bool price_is_known(const struct price *p)
{
    return p->input_usd > 0 || p->output_usd > 0;
}

static double tokens(int64_t n)
{
    return n > 0 ? (double)n : 0;
}

double price_of(const struct price *p, int64_t prompt_tokens, int64_t completion_tokens)
{
    return (tokens(prompt_tokens) * p->input_usd + tokens(completion_tokens) * p->output_usd) *
           PER_TOKEN;
}

double price_estimate(const struct price *p, size_t body_bytes, int64_t most_tokens)
{
    int64_t prompt_tokens = (int64_t)(body_bytes / PRICE_BYTES_PER_TOKEN) +
                            (body_bytes % PRICE_BYTES_PER_TOKEN > 0);

    return price_of(p, prompt_tokens, most_tokens > 0 ? most_tokens : PRICE_TOKENS);
}
