/* SPDX-License-Identifier: Apache-2.0 */

/* What a request costs, and to whom it is paid. */

#include "world.h"

static struct route priced[2];

/* The first route's tokens cost two and six millionths of a dollar, the second's ten times that. */
static void begin(void)
{
    world_start();
    memcpy(priced, world.model->routes, sizeof(priced));
    priced[0].price = (struct price){ .input_usd = 2, .output_usd = 6 };
    priced[1].price = (struct price){ .input_usd = 20, .output_usd = 60 };
    world.model->routes = priced;
}

TestSuite(cost, .init = begin, .fini = world_stop, .timeout = 20);

static void fails_with_tokens(int64_t prompt, int64_t completion)
{
    world.attempt->tap.answer.prompt_tokens = prompt;
    world.attempt->tap.answer.completion_tokens = completion;
    fails(ERR_UPSTREAM_STATUS, 500);
}

static int64_t paid_microusd(const char *upstream)
{
    return metric_read(fake_loop.metrics, METRIC_COST,
                       METRIC_LABEL(STR("m"), str_of(upstream)));
}

Test(cost, each_call_of_a_chain_is_paid_to_the_upstream_that_it_was_made_to)
{
    (void)start_missed(0, PLAIN);
    fails_with_tokens(3, 0);
    fails_with_tokens(3, 1);
    answers(CHAT_BODY);
    cr_assert_eq(paid_microusd("one"), 18);
    cr_assert_eq(paid_microusd("two"), 180);
    cr_assert_float_eq(world.record.cost_usd, 198e-6, 1e-9);
}

Test(cost, both_calls_of_a_race_are_paid)
{
    struct attempt *first;

    hedges();
    (void)start_missed(0, PLAIN);
    first = hedge();
    fails_with_tokens(3, 1);
    world.attempt = first;
    answers(CHAT_BODY);
    cr_assert_eq(paid_microusd("one"), 12 + 18);
    cr_assert_float_eq(world.record.cost_usd, 30e-6, 1e-9);
}

Test(cost, what_a_client_did_not_wait_for_is_paid_as_well)
{
    struct client *c = start_missed(0, PLAIN);

    world.attempt->tap.answer.prompt_tokens = 3;
    exchange_cancel(c->x);
    turn();
    cr_assert_eq(paid_microusd("one"), 6);
}

Test(cost, a_call_without_a_price_is_counted_for_nobody)
{
    priced[0].price = (struct price){ 0 };
    (void)start_missed(0, PLAIN);
    answers(CHAT_BODY);
    cr_assert_eq(paid_microusd("one"), 0);
    cr_assert_lt(world.record.cost_usd, 0);
}
