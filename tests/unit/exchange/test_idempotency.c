/* SPDX-License-Identifier: Apache-2.0 */

/* A caller that names its request asks again when it has had no answer: the call is for its name. */

#include "world.h"

#define WARM "{\"model\":\"m\",\"temperature\":1,\"messages\":[]}"
#define WARM_STREAM "{\"model\":\"m\",\"temperature\":1,\"stream\":true,\"messages\":[]}"

static void begin(void)
{
    world_start();
    world.model->idempotency_ms = 60000;
    world.kit.background_most = 8;
}

TestSuite(idempotency, .init = begin, .fini = world_stop, .timeout = 20);

static struct client *named(size_t i, const char *body)
{
    struct client *c = client(i, body);

    c->ask.idempotency_key = STR("order-7");
    return c;
}

/* Nothing is kept for this name; the call is under way. */
static struct client *start_named(size_t i, const char *body)
{
    struct client *c = start(named(i, body));

    cache_says(NULL, CACHE_NONE);
    return c;
}

Test(idempotency, who_leaves_has_its_call_finished_and_kept)
{
    exchange_cancel(start_named(0, WARM)->x);
    turn();
    cr_assert_eq(world.cancelled, OK);
    answers(CHAT_BODY);
    cr_assert_eq(world.stores, 1);
}

Test(idempotency, what_could_be_kept_anyway_is_finished_for_its_name_too)
{
    exchange_cancel(start_named(0, PLAIN)->x);
    answers(CHAT_BODY);
    cr_assert_eq(world.stores, 1);
}

Test(idempotency, who_asks_again_meanwhile_waits_for_the_call_under_way)
{
    struct client *again;

    exchange_cancel(start_named(0, WARM)->x);
    again = start(named(1, WARM));
    answers(CHAT_BODY);
    turn();
    assert_got(again, CHAT_BODY);
    cr_assert_eq(world.call_count, 1);
}

Test(idempotency, where_names_are_not_remembered_who_leaves_ends_its_call)
{
    world.model->idempotency_ms = 0;
    exchange_cancel(start_missed(0, WARM)->x);
    turn();
    cr_assert_eq(world.cancelled, ERR_CANCELLED);
}

Test(idempotency, who_wants_nothing_stored_ends_its_call_by_leaving)
{
    struct client *c = named(0, WARM);

    c->ask.cache.no_store = true;
    exchange_cancel(start(c)->x);
    turn();
    cr_assert_eq(world.cancelled, ERR_CANCELLED);
}

/* ---- its own time is over ---------------------------------------------------------------- */

static struct client *start_hurried(const char *body)
{
    struct client *c = named(0, body);

    c->ask.timeout_us = 100 * 1000;
    (void)start(c);
    cache_says(NULL, CACHE_NONE);
    return c;
}

Test(idempotency, whose_own_time_is_over_is_told_so_and_its_call_is_finished)
{
    struct client *c = start_hurried(WARM);

    pass_ms(100);
    cr_assert_eq(c->failures, 1);
    cr_assert_eq(c->failure.err, ERR_DEADLINE);
    cr_assert_eq(world.record.err, ERR_DEADLINE);
    cr_assert_eq(world.record.upstream_us, 100 * 1000);
    cr_assert_eq(world.cancelled, OK);
    answers(CHAT_BODY);
    cr_assert_eq(world.stores, 1);
}

Test(idempotency, its_call_is_ended_by_the_models_deadline)
{
    (void)start_hurried(WARM);
    pass_ms(999);
    cr_assert_eq(world.cancelled, OK);
    pass_ms(1);
    cr_assert_eq(world.cancelled, ERR_DEADLINE);
}

Test(idempotency, a_stream_that_shows_content_ends_with_its_callers_time)
{
    (void)start_hurried(WARM_STREAM);
    says(DELTA_CONTENT, "data: a\n\n");
    pass_ms(100);
    cr_assert_eq(world.cancelled, ERR_DEADLINE);
}

Test(idempotency, without_a_name_the_callers_time_ends_the_call)
{
    struct client *c = client(0, WARM);

    c->ask.timeout_us = 100 * 1000;
    (void)start(c);
    pass_ms(100);
    cr_assert_eq(world.cancelled, ERR_DEADLINE);
}
