/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/route/price.h"

#include <criterion/criterion.h>

static const struct price price = { .input_usd = 0.15, .output_usd = 0.60 };

TestSuite(price, .timeout = 10);

Test(price, one_of_both_makes_it_known)
{
    cr_expect(price_is_known(&price));
    cr_expect(price_is_known(&(struct price){ .input_usd = 0.02 }));
    cr_expect(price_is_known(&(struct price){ .output_usd = 0.02 }));
    cr_expect_not(price_is_known(&(struct price){ 0 }));
}

Test(price, is_for_a_million_tokens)
{
    cr_expect_float_eq(price_of(&price, 1000000, 0), 0.15, 1e-12);
    cr_expect_float_eq(price_of(&price, 0, 1000000), 0.60, 1e-12);
    cr_expect_float_eq(price_of(&price, 2000, 500), 0.0006, 1e-12);
}

Test(price, tokens_that_were_not_told_cost_nothing)
{
    cr_expect_float_eq(price_of(&price, -1, -1), 0, 1e-12);
    cr_expect_float_eq(price_of(&price, -1, 1000000), 0.60, 1e-12);
}

Test(price, an_estimate_counts_a_token_for_every_four_bytes)
{
    cr_expect_float_eq(price_estimate(&price, 4000, 10), price_of(&price, 1000, 10), 1e-12);
    cr_expect_float_eq(price_estimate(&price, 4001, 10), price_of(&price, 1001, 10), 1e-12);
}

Test(price, an_estimate_without_a_limit_supposes_a_usual_answer)
{
    cr_expect_float_eq(price_estimate(&price, 0, 0), price_of(&price, 0, PRICE_TOKENS), 1e-12);
}
