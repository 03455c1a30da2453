/* SPDX-License-Identifier: Apache-2.0 */
#include "balance.h"

#include <criterion/criterion.h>
#include <math.h>

enum { MOST = 16, CALLS = 40000 };

static struct candidate c[MOST];
static double credits[MOST];
static struct turns turns;
static unsigned chosen[MOST];

static void start(void)
{
    turns = (struct turns){ 0 };
    for (unsigned i = 0; i < MOST; i++) {
        credits[i] = 0;
        chosen[i] = 0;
        c[i] = (struct candidate){ .id = 0x1000 + i, .weight = 1, .credit = &credits[i] };
    }
}

static size_t choose(enum balance by, size_t n, uint64_t system_hash, uint64_t dialog_hash)
{
    size_t at = balance_choose(by, c, n, system_hash, dialog_hash, &turns);

    cr_assert_lt(at, n);
    chosen[at]++;
    return at;
}

/* Calls that are over at once: nothing is ever under way. */
static void choose_idle(enum balance by, size_t n)
{
    for (unsigned i = 0; i < CALLS; i++)
        (void)choose(by, n, 0, 0);
}

/* `width` calls are under way all the time; they end in the order in which they began. */
static void choose_busy(enum balance by, size_t n, unsigned width)
{
    size_t under_way[64];

    for (unsigned i = 0; i < CALLS; i++) {
        size_t *place = &under_way[i % width];

        if (i >= width)
            c[*place].in_flight--;
        *place = choose(by, n, 0, 0);
        c[*place].in_flight++;
    }
}

static void assert_by_weight(size_t n, double tolerance)
{
    double all = 0;

    for (size_t i = 0; i < n; i++)
        all += c[i].weight;
    for (size_t i = 0; i < n; i++) {
        double expected = CALLS * c[i].weight / all;

        cr_expect(fabs(chosen[i] - expected) <= tolerance * expected, "%zu: %u, not %.0f", i,
                  chosen[i], expected);
    }
}

static void weigh_unequally(void)
{
    c[0].weight = 1;
    c[1].weight = 2;
    c[2].weight = 5;
}

TestSuite(balance, .init = start, .timeout = 60);

Test(balance, a_single_one_is_always_chosen)
{
    for (unsigned by = BALANCE_LEAST_OUTSTANDING; by <= BALANCE_PREFIX_AFFINITY; by++)
        cr_expect_eq(choose((enum balance)by, 1, 7, 7), 0);
}

/* ---- least outstanding ---- */

Test(balance, least_outstanding_takes_the_least_loaded)
{
    c[0].in_flight = 3;
    c[1].in_flight = 1;
    c[2].in_flight = 2;
    cr_expect_eq(choose(BALANCE_LEAST_OUTSTANDING, 3, 0, 0), 1);
}

Test(balance, least_outstanding_looks_at_load_for_weight)
{
    c[0].in_flight = 3;
    c[0].weight = 4;
    c[1].in_flight = 1;
    cr_expect_eq(choose(BALANCE_LEAST_OUTSTANDING, 2, 0, 0), 0);
}

Test(balance, ties_go_round)
{
    size_t first = choose(BALANCE_LEAST_OUTSTANDING, 3, 0, 0);
    size_t second = choose(BALANCE_LEAST_OUTSTANDING, 3, 0, 0);
    size_t third = choose(BALANCE_LEAST_OUTSTANDING, 3, 0, 0);

    cr_expect_eq(chosen[0] + chosen[1] + chosen[2], 3);
    cr_expect(first != second && second != third && third != first);
}

Test(balance, least_outstanding_honours_weights_while_busy)
{
    weigh_unequally();
    choose_busy(BALANCE_LEAST_OUTSTANDING, 3, 40);
    assert_by_weight(3, 0.03);
}

Test(balance, least_outstanding_honours_weights_while_idle)
{
    weigh_unequally();
    choose_idle(BALANCE_LEAST_OUTSTANDING, 3);
    assert_by_weight(3, 0.001);
}

/* ---- round robin ---- */

Test(balance, round_robin_honours_weights)
{
    weigh_unequally();
    choose_idle(BALANCE_ROUND_ROBIN, 3);
    assert_by_weight(3, 0.001);
}

Test(balance, round_robin_spreads_the_heavy_ones_turns)
{
    size_t last = MOST, in_a_row = 0, most = 0;

    weigh_unequally();
    for (unsigned i = 0; i < 800; i++) {
        size_t at = choose(BALANCE_ROUND_ROBIN, 3, 0, 0);

        in_a_row = at == last ? in_a_row + 1 : 1;
        most = in_a_row > most ? in_a_row : most;
        last = at;
    }
    cr_expect_leq(most, 3, "%zu in a row of one with 5 of 8 turns", most);
}

/* ---- power of two choices ---- */

Test(balance, of_two_the_quick_one_is_preferred)
{
    c[0].latency_s = 2;
    c[1].latency_s = 0.1;
    choose_idle(BALANCE_P2C_EWMA, 2);
    cr_expect_eq(chosen[1], CALLS);
}

Test(balance, of_many_the_slow_one_is_chosen_least)
{
    for (unsigned i = 0; i < 8; i++)
        c[i].latency_s = 0.1;
    c[3].latency_s = 5;
    choose_busy(BALANCE_P2C_EWMA, 8, 8);
    cr_expect_lt(chosen[3], CALLS / 8 / 10);
}

Test(balance, a_quick_one_that_is_busy_makes_way)
{
    c[0].latency_s = 0.1;
    c[0].in_flight = 29;
    c[1].latency_s = 1;
    cr_expect_eq(choose(BALANCE_P2C_EWMA, 2, 0, 0), 1);
}

Test(balance, one_whose_latency_is_not_known_counts_as_the_best)
{
    c[0].latency_s = 0.5;
    c[1].latency_s = 0.1;
    c[2].in_flight = 1; /* 0.1 * 2 < 0.5 * 1 */
    choose_idle(BALANCE_P2C_EWMA, 3);
    cr_expect_eq(chosen[0], 0);
    cr_expect_gt(chosen[2], 0);
}

Test(balance, two_choices_honour_weights_while_busy)
{
    weigh_unequally();
    choose_busy(BALANCE_P2C_EWMA, 3, 64);
    assert_by_weight(3, 0.08);
}

Test(balance, two_choices_honour_weights_while_idle)
{
    weigh_unequally();
    choose_idle(BALANCE_P2C_EWMA, 3);
    assert_by_weight(3, 0.05);
}

Test(balance, latencies_that_differ_by_little_leave_the_weights_their_say)
{
    c[0].weight = 3;
    c[0].latency_s = 0.1;
    c[1].latency_s = 0.14;
    choose_idle(BALANCE_P2C_EWMA, 2);
    assert_by_weight(2, 0.05);
}

Test(balance, of_two_alike_the_less_busy_is_chosen)
{
    c[0].in_flight = 3;
    c[1].in_flight = 2;
    for (unsigned i = 0; i < 100; i++)
        cr_assert_eq(choose(BALANCE_P2C_EWMA, 2, 0, 0), 1);
}

/* ---- prefix affinity ---- */

static uint64_t hash_of(unsigned i)
{
    return (i + 1) * UINT64_C(0xd6e8feb86659fd93);
}

Test(balance, the_same_system_prompt_stays)
{
    size_t home = choose(BALANCE_PREFIX_AFFINITY, 8, hash_of(1), hash_of(2));

    for (unsigned i = 0; i < 1000; i++)
        cr_assert_eq(choose(BALANCE_PREFIX_AFFINITY, 8, hash_of(1), hash_of(100 + i)), home);
}

Test(balance, where_it_stays_does_not_depend_on_the_order_of_candidates)
{
    uint64_t home = c[choose(BALANCE_PREFIX_AFFINITY, 8, hash_of(1), 0)].id;

    for (unsigned i = 0; i < 8; i++)
        c[i].id = 0x1000 + 7 - i;
    cr_expect_eq(c[choose(BALANCE_PREFIX_AFFINITY, 8, hash_of(1), 0)].id, home);
}

Test(balance, prefixes_are_spread_by_weight)
{
    weigh_unequally();
    for (unsigned i = 0; i < CALLS; i++)
        (void)choose(BALANCE_PREFIX_AFFINITY, 3, hash_of(i), 0);
    assert_by_weight(3, 0.03);
}

Test(balance, one_that_joins_takes_its_share_of_prefixes_and_moves_no_others)
{
    unsigned moved = 0, elsewhere = 0;

    for (unsigned i = 0; i < CALLS; i++) {
        size_t before = choose(BALANCE_PREFIX_AFFINITY, 9, hash_of(i), 0);
        size_t after = choose(BALANCE_PREFIX_AFFINITY, 10, hash_of(i), 0);

        moved += before != after;
        elsewhere += before != after && after != 9;
    }
    cr_expect_eq(elsewhere, 0);
    cr_expect(abs((int)moved - CALLS / 10) < CALLS / 10 / 20, "%u moved", moved);
}

Test(balance, one_that_leaves_moves_only_its_own_prefixes)
{
    static size_t before[CALLS];
    struct candidate last = c[9];
    unsigned moved = 0;

    for (unsigned i = 0; i < CALLS; i++)
        before[i] = choose(BALANCE_PREFIX_AFFINITY, 10, hash_of(i), 0);
    c[4] = last; /* the fifth is gone, the last has its place */
    for (unsigned i = 0; i < CALLS; i++) {
        size_t after = choose(BALANCE_PREFIX_AFFINITY, 9, hash_of(i), 0);

        after = after == 4 ? 9 : after;
        moved += before[i] != after;
        cr_assert(before[i] == 4 || before[i] == after);
    }
    cr_expect(abs((int)moved - CALLS / 10) < CALLS / 10 / 20, "%u moved", moved);
}

Test(balance, a_hot_prefix_brings_nobody_above_its_bound)
{
    size_t n = 7;

    for (unsigned calls = 1; calls <= 500; calls++) {
        size_t at = choose(BALANCE_PREFIX_AFFINITY, n, hash_of(1), hash_of(calls));

        c[at].in_flight++;
        cr_assert_leq(c[at].in_flight, ceil(BALANCE_BOUND * calls / (double)n));
    }
}

Test(balance, the_bound_follows_the_weights)
{
    weigh_unequally();
    for (unsigned calls = 1; calls <= 400; calls++) {
        size_t at = choose(BALANCE_PREFIX_AFFINITY, 3, hash_of(1), hash_of(calls));

        c[at].in_flight++;
        cr_assert_leq(c[at].in_flight, ceil(BALANCE_BOUND * calls * c[at].weight / 8));
    }
}

Test(balance, past_the_bound_the_same_conversation_stays)
{
    size_t home = choose(BALANCE_PREFIX_AFFINITY, 8, hash_of(1), 0);

    for (unsigned i = 0; i < 8; i++)
        c[i].in_flight = i == home ? 20 : 10;
    for (unsigned i = 2; i < 100; i++) {
        size_t at = choose(BALANCE_PREFIX_AFFINITY, 8, hash_of(1), hash_of(i));

        cr_assert_neq(at, home);
        cr_assert_eq(choose(BALANCE_PREFIX_AFFINITY, 8, hash_of(1), hash_of(i)), at);
    }
}

Test(balance, past_the_bound_conversations_spread_over_all_others)
{
    size_t home = choose(BALANCE_PREFIX_AFFINITY, 8, hash_of(1), 0);

    for (unsigned i = 0; i < 8; i++)
        c[i].in_flight = i == home ? 20 : 10;
    chosen[home] = 0;
    for (unsigned i = 0; i < 7000; i++)
        (void)choose(BALANCE_PREFIX_AFFINITY, 8, hash_of(1), hash_of(i));
    for (unsigned i = 0; i < 8; i++)
        cr_expect(i == home ? chosen[i] == 0 : abs((int)chosen[i] - 1000) < 150, "%u",
                  chosen[i]);
}

Test(balance, without_hashes_the_least_loaded_is_chosen)
{
    c[0].in_flight = c[1].in_flight = c[3].in_flight = 2;
    cr_expect_eq(choose(BALANCE_PREFIX_AFFINITY, 4, 0, 0), 2);
}

Test(balance, without_a_system_prompt_the_conversation_stays)
{
    size_t home = choose(BALANCE_PREFIX_AFFINITY, 8, 0, hash_of(3));

    for (unsigned i = 0; i < 100; i++)
        cr_assert_eq(choose(BALANCE_PREFIX_AFFINITY, 8, 0, hash_of(3)), home);
}

/* ---- chance ---- */

Test(balance, chance_is_even_between_0_and_1)
{
    unsigned tenths[10] = { 0 };

    for (unsigned i = 0; i < CALLS; i++) {
        double chance = balance_chance(&turns);

        cr_assert(chance >= 0 && chance < 1);
        tenths[(unsigned)(chance * 10)]++;
    }
    for (unsigned i = 0; i < 10; i++)
        cr_expect(abs((int)tenths[i] - CALLS / 10) < CALLS / 10 / 10, "%u", tenths[i]);
}
