/* SPDX-License-Identifier: Apache-2.0 */

/* What goes on though nobody waits for it, and who makes room when that is too much. */

#include "world.h"

#include "weir/exchange/refresh.h"

/* Each is sent something stale at 90 of 100 ms; its time is over at 400. */
static void begin(void)
{
    world_start();
    world.model->respond_within_us = 100 * 1000;
    world.kit.background_most = 2;
}

TestSuite(background, .init = begin, .fini = world_stop, .timeout = 20);

static const char *const bodies[] = {
    "{\"model\":\"m\",\"temperature\":0,\"messages\":[],\"max_tokens\":1}",
    "{\"model\":\"m\",\"temperature\":0,\"messages\":[],\"max_tokens\":2}",
    "{\"model\":\"m\",\"temperature\":0,\"messages\":[],\"max_tokens\":3}",
};

/* Its call, which says nothing yet. */
static struct attempt *asks(size_t i)
{
    struct attempt *a;

    (void)start(client(i, bodies[i]));
    cache_says(entry_aged(70, CHAT_BODY), CACHE_REDIS);
    a = world.attempt;
    cr_assert(a, "nobody is called");
    world.attempt = NULL;
    return a;
}

static struct attempt *asks_and_is_told(size_t i)
{
    struct attempt *a = asks(i);

    pass_ms(90);
    cr_assert_eq(world.clients[i].wholes, 1);
    return a;
}

static bool goes_on(size_t i)
{
    return world.clients[i].ended == 0;
}

static void ends_well(struct attempt *a)
{
    world.attempt = a;
    answers(CHAT_BODY);
    turn();
}

static int64_t late(const char *result)
{
    return metric_read(fake_loop.metrics, METRIC_LATE, METRIC_LABEL(STR("m"), str_of(result)));
}

static int64_t in_background(void)
{
    return metric_read(fake_loop.metrics, METRIC_BACKGROUND, NULL);
}

Test(background, a_late_answer_is_kept)
{
    ends_well(asks_and_is_told(0));
    cr_assert_eq(world.stores, 1);
    cr_assert_eq(late("stored"), 1);
    cr_assert_eq(in_background(), 0);
}

Test(background, who_has_its_answer_is_not_in_flight)
{
    struct attempt *a = asks_and_is_told(0);

    cr_assert_eq(metric_read(fake_loop.metrics, METRIC_IN_FLIGHT, NULL), 0);
    cr_assert_eq(in_background(), 1);
    ends_well(a);
}

Test(background, who_comes_last_goes_while_the_others_have_not_had_their_time)
{
    struct attempt *first = asks_and_is_told(0), *second = asks_and_is_told(1);

    (void)asks_and_is_told(2);
    cr_assert(goes_on(0) && goes_on(1) && !goes_on(2));
    cr_assert_eq(late("called_off"), 1);
    cr_assert_eq(world.lost, 0);
    ends_well(first);
    ends_well(second);
}

Test(background, the_oldest_makes_room_once_it_has_had_its_time)
{
    struct attempt *second, *third;

    (void)asks_and_is_told(0);
    second = asks_and_is_told(1);
    pass_ms(250);
    third = asks_and_is_told(2);
    cr_assert(!goes_on(0) && goes_on(1) && goes_on(2));
    cr_assert_eq(world.lost, 1, "its pool is told that it was too slow");
    ends_well(second);
    ends_well(third);
}

/* Its client waits for 50 ms and may ask again with its key: that measures no upstream. */
static struct attempt *asks_with_a_key(size_t i, const char *key)
{
    struct client *c = client(i, bodies[i]);
    struct attempt *a;

    c->ask.idempotency_key = str_of(key);
    c->ask.timeout_us = 50 * 1000;
    (void)start(c);
    cache_says(NULL, CACHE_NONE);
    a = world.attempt;
    world.attempt = NULL;
    pass_ms(50);
    cr_assert_eq(c->failures, 1);
    return a;
}

Test(background, a_call_whose_client_was_in_a_hurry_makes_room_without_a_lesson)
{
    struct attempt *second;

    world.model->respond_within_us = 0;
    world.model->idempotency_ms = 60000;
    world.kit.background_most = 1;
    (void)asks_with_a_key(0, "a");
    second = asks_with_a_key(1, "b");
    cr_assert(!goes_on(0) && goes_on(1));
    cr_assert_eq(world.lost, 0);
    ends_well(second);
}

Test(background, who_is_followed_by_a_client_makes_no_room)
{
    struct attempt *first = asks_and_is_told(0), *second = asks_and_is_told(1), *third;

    pass_ms(250);
    (void)start(client(3, bodies[0]));
    third = asks_and_is_told(2);
    cr_assert(goes_on(0), "a client waits for it");
    cr_assert(goes_on(1), "and so there is room");
    ends_well(first);
    cr_assert_eq(world.clients[3].wholes, 1);
    ends_well(second);
    ends_well(third);
}

Test(background, whatever_nobody_waits_for_ends_at_once_when_all_is_to_end)
{
    (void)asks_and_is_told(0);
    (void)asks_and_is_told(1);
    exchange_quit_background(&world.kit);
    turn();
    cr_assert(!goes_on(0) && !goes_on(1));
    cr_assert_eq(world.lost, 0, "nobody was too slow");
}

Test(background, who_is_told_while_all_is_to_end_does_not_go_on)
{
    exchange_quit_background(&world.kit);
    (void)asks_and_is_told(0);
    cr_assert_not(goes_on(0));
}

Test(background, who_waits_still_gets_its_answer_when_all_is_to_end)
{
    struct attempt *a = asks(0);

    exchange_quit_background(&world.kit);
    ends_well(a);
    cr_assert_eq(world.clients[0].wholes, 1);
}

Test(background, an_answer_is_renewed_only_where_there_is_room)
{
    struct entry *old = entry_aged(50, CHAT_BODY);

    world.kit.background_most = 0;
    cr_assert_not(refresh_start(&world.kit, &client(0, PLAIN)->ask, old, REFRESH_EARLY));
    entry_unref(old);
}
