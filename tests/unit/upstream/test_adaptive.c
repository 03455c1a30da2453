/* SPDX-License-Identifier: Apache-2.0 */
#include "adaptive.h"

#include <criterion/criterion.h>
#include <math.h>

/*
 * A model server in virtual time: so many slots, each busy with a call for its service time;
 * further calls wait in the order in which they came. Clients ask again at once, as many as the
 * limit lets through and as there are.
 */

enum { MOST = 512 };

struct server {
    unsigned slots;
    double free_s[MOST]; /* when each slot is free again */
    double service_s;
    double spread; /* service times are spread evenly by so much to both sides */
    bool uneven;   /* answers of very different lengths: exponential service times */
};

struct run {
    struct adaptive a;
    struct server server;
    unsigned clients;
    unsigned most;
    double now_s;
    double began_s[MOST], ends_s[MOST];
    unsigned under_way;
    uint64_t seed;
};

static struct run r;

static double chance(void)
{
    r.seed = r.seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(r.seed >> 11) * 0x1p-53;
}

static double next_service_s(void)
{
    if (r.server.uneven)
        return r.server.service_s * -log(1 - chance());
    return r.server.service_s * (1 + r.server.spread * (2 * chance() - 1));
}

static void ask(void)
{
    unsigned slot = 0;
    double from_s;

    for (unsigned i = 1; i < r.server.slots; i++)
        slot = r.server.free_s[i] < r.server.free_s[slot] ? i : slot;
    from_s = fmax(r.now_s, r.server.free_s[slot]);
    r.server.free_s[slot] = from_s + next_service_s();
    r.began_s[r.under_way] = r.now_s;
    r.ends_s[r.under_way++] = r.server.free_s[slot];
}

static void finish_one(void)
{
    unsigned first = 0, last = r.under_way - 1;
    double took_s;

    for (unsigned i = 1; i < r.under_way; i++)
        first = r.ends_s[i] < r.ends_s[first] ? i : first;
    r.now_s = r.ends_s[first];
    took_s = r.now_s - r.began_s[first];
    r.began_s[first] = r.began_s[last];
    r.ends_s[first] = r.ends_s[last];
    adaptive_note(&r.a, (uint64_t)(took_s * 1e6), r.under_way, false, r.most,
                  (uint64_t)(r.now_s * 1e6));
    r.under_way--;
}

/* Returns how many calls ended in that time. */
static unsigned run_for(double seconds)
{
    double until_s = r.now_s + seconds;
    unsigned ended = 0;

    while (r.now_s < until_s) {
        while (r.under_way < r.clients && r.under_way < adaptive_limit(&r.a))
            ask();
        finish_one();
        ended++;
    }
    return ended;
}

static void start(void)
{
    r = (struct run){ .clients = 400, .most = 500, .seed = 1 };
    r.server = (struct server){ .slots = 16, .service_s = 1 };
    adaptive_init(&r.a, 4);
}

/* The limit stays there for a long while, not only at one moment. */
static void assert_settled(double knee, double tolerance)
{
    double sum = 0;

    for (unsigned i = 0; i < 100; i++) {
        (void)run_for(5);
        sum += adaptive_limit(&r.a);
        cr_assert(r.a.limit <= (1 + tolerance) * knee, "%f", r.a.limit);
        cr_assert(r.a.limit >= (1 - tolerance) * knee, "%f", r.a.limit);
    }
    cr_assert(fabs(sum / 100 - knee) <= tolerance * knee, "%f", sum / 100);
}

TestSuite(adaptive, .init = start, .timeout = 60);

Test(adaptive, settles_at_the_knee_from_below)
{
    (void)run_for(300);
    assert_settled(16, 0.3);
}

Test(adaptive, settles_at_the_knee_from_above)
{
    adaptive_init(&r.a, 200);
    (void)run_for(900);
    assert_settled(16, 0.3);
}

Test(adaptive, settles_at_a_high_knee)
{
    r.server.slots = 100;
    (void)run_for(300);
    assert_settled(100, 0.3);
}

Test(adaptive, settles_when_service_times_vary)
{
    r.server.spread = 0.3;
    (void)run_for(600);
    assert_settled(16, 0.3);
}

Test(adaptive, settles_near_the_knee_when_answers_differ_widely_in_length)
{
    double sum = 0;

    r.server.uneven = true;
    (void)run_for(900);
    for (unsigned i = 0; i < 1000; i++) {
        (void)run_for(5);
        sum += r.a.limit;
    }
    cr_expect(fabs(sum / 1000 - 16) <= 0.5 * 16, "%f", sum / 1000);
}

Test(adaptive, a_settled_limit_keeps_the_server_busy)
{
    (void)run_for(300);
    cr_expect_geq(run_for(1000), 0.85 * 16 * 1000);
}

Test(adaptive, follows_when_the_knee_moves_up)
{
    (void)run_for(300);
    r.server.slots = 40;
    (void)run_for(300);
    assert_settled(40, 0.3);
}

Test(adaptive, follows_when_the_knee_moves_down)
{
    r.server.slots = 40;
    (void)run_for(300);
    r.server.slots = 12;
    (void)run_for(300);
    assert_settled(12, 0.3);
}

Test(adaptive, longer_answers_are_not_taken_for_waiting)
{
    (void)run_for(300);
    r.server.service_s = 3;
    for (unsigned i = 0; i < 100; i++) {
        (void)run_for(5);
        cr_assert_geq(r.a.limit, 0.7 * 16, "%f", r.a.limit);
    }
}

Test(adaptive, shorter_answers_do_not_hide_waiting)
{
    (void)run_for(300);
    r.server.service_s = 0.3;
    (void)run_for(300);
    assert_settled(16, 0.3);
}

Test(adaptive, does_not_grow_while_it_is_not_used)
{
    r.clients = 3;
    (void)run_for(1000);
    cr_expect_eq(adaptive_limit(&r.a), 4);
}

Test(adaptive, a_lone_client_does_not_shrink_it)
{
    (void)run_for(300);
    r.clients = 1;
    (void)run_for(1000);
    cr_expect_geq(r.a.limit, 0.7 * 16);
}

Test(adaptive, never_exceeds_the_most)
{
    r.most = 10;
    for (unsigned i = 0; i < 100; i++) {
        (void)run_for(5);
        cr_assert_leq(adaptive_limit(&r.a), 10);
    }
    cr_expect_geq(r.a.limit, 9);
}

Test(adaptive, without_a_most_it_grows_to_the_knee)
{
    r.most = 0;
    (void)run_for(300);
    assert_settled(16, 0.3);
}

Test(adaptive, starts_at_one_at_least)
{
    adaptive_init(&r.a, 0);
    cr_expect_eq(adaptive_limit(&r.a), 1);
    (void)run_for(600);
    assert_settled(16, 0.3);
}

Test(adaptive, a_server_with_a_single_slot_gets_few)
{
    r.server.slots = 1;
    (void)run_for(600);
    cr_expect_leq(adaptive_limit(&r.a), 2);
}

Test(adaptive, being_turned_away_shrinks_it_at_once)
{
    adaptive_init(&r.a, 20);
    adaptive_note(&r.a, 1000, 20, true, 500, 1000);
    cr_expect_eq(adaptive_limit(&r.a), 16);
}

Test(adaptive, calls_turned_away_together_shrink_it_once)
{
    unsigned before;

    (void)run_for(300);
    before = adaptive_limit(&r.a);
    for (unsigned i = 0; i < before; i++)
        adaptive_note(&r.a, 1000, before - i, true, 500, (uint64_t)(r.now_s * 1e6) + i);
    cr_expect_geq(r.a.limit, 0.7 * before);
}

Test(adaptive, the_first_calls_turned_away_together_shrink_it_once_as_well)
{
    adaptive_init(&r.a, 20);
    for (unsigned i = 0; i < 20; i++)
        adaptive_note(&r.a, 1000, 20 - i, true, 500, 5000 + i);
    cr_expect_eq(adaptive_limit(&r.a), 16);
}

Test(adaptive, it_is_never_below_one)
{
    for (uint64_t i = 1; i <= 100; i++)
        adaptive_note(&r.a, 1000, 4, true, 500, i * 1000000);
    cr_expect_eq(adaptive_limit(&r.a), 1);
}
