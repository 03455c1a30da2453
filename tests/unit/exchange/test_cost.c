/* SPDX-License-Identifier: Apache-2.0 */

/* What a request costs, to whom it is paid, and who is not asked since it would cost too much. */

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

/* ---- the most that it may cost -------------------------------------------------------------- */

#define ASKS(more) "{\"model\":\"m\",\"messages\":[]," more "}"

/* Who is asked by a request that may cost so many tokens of the cheaper route. */
static size_t called_for(const char *body, double tokens)
{
    struct client *c = client(0, body);

    priced[0].price = (struct price){ .output_usd = 6 };
    world.model->max_cost_usd = tokens * 6e-6;
    (void)start(c);
    if (world.lookup)
        cache_says(NULL, CACHE_NONE);
    if (world.attempt)
        answers(CHAT_BODY);
    cr_assert_eq(c->failures, world.call_count == 0);
    return world.call_count;
}

Test(cost, an_answer_that_fits_is_asked_for)
{
    cr_assert_eq(called_for(ASKS("\"max_tokens\":100"), 101), 1);
}

Test(cost, an_estimate_counts_as_many_answers_as_are_asked_for)
{
    cr_assert_eq(called_for(ASKS("\"max_tokens\":100,\"n\":4"), 399), 0);
}

Test(cost, as_many_answers_as_fit_are_asked_for)
{
    cr_assert_eq(called_for(ASKS("\"max_tokens\":100,\"n\":4"), 401), 1);
}

Test(cost, answers_without_a_bound_are_each_of_the_usual_length)
{
    cr_assert_eq(called_for(ASKS("\"n\":2"), 2 * PRICE_TOKENS - 1), 0);
}

Test(cost, a_number_of_answers_that_is_none_counts_as_one)
{
    cr_assert_eq(called_for(ASKS("\"max_tokens\":100,\"n\":0"), 101), 1);
}

/* Whether a call that shows nothing is joined by another, where so many tokens may be paid. */
static bool is_joined(double tokens)
{
    struct attempt *first;
    bool joined;

    hedges();
    priced[0].price = (struct price){ .output_usd = 6 };
    world.model->max_cost_usd = tokens * 6e-6;
    (void)start_missed(0, ASKS("\"max_tokens\":100,\"temperature\":0"));
    first = world.attempt;
    world.attempt = NULL;
    pass_ms(10);
    joined = world.attempt;
    if (joined)
        fails(ERR_UPSTREAM_STATUS, 500);
    world.attempt = first;
    answers(CHAT_BODY);
    return joined;
}

Test(cost, a_second_call_that_fits_beside_the_first_is_made)
{
    cr_assert(is_joined(201));
}

Test(cost, a_second_call_that_does_not_fit_beside_the_first_is_not_made)
{
    cr_assert_not(is_joined(199));
    cr_assert_eq(metric_read(fake_loop.metrics, METRIC_HEDGES,
                             METRIC_LABEL(STR("one"), STR("refused_cost"))),
                 1);
}
