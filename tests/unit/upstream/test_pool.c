/* SPDX-License-Identifier: Apache-2.0 */
#include "pooled.h"
#include "weir/base/clock.h"

#include <stdio.h>

static void start_two(void)
{
    start();
    add_site("http://a");
    add_site("http://b");
    world.u->breaker.faults = 2;
    world.u->breaker.rest_us = 30 * MS;
    configure();
}

TestSuite(pool, .init = start_two, .fini = stop, .timeout = 20);

/* Ends so many calls to one of the two with a fault. */
static void break_it(const char *url, unsigned times)
{
    while (times > 0) {
        struct caller c = { 0 };

        cr_assert_eq(ask(&c), PERMIT_HELD);
        if (is_at(&c, url)) {
            end_badly(&c);
            times--;
        } else {
            end_well(&c);
        }
    }
}

static const char *state_of(const char *url)
{
    for (size_t i = 0; i < count_endpoints(); i++)
        if (strcmp(look(i).url, url) == 0)
            return look(i).numbers.state;
    return "gone";
}

static unsigned calls_to(const char *url, unsigned of)
{
    unsigned n = 0;

    for (unsigned i = 0; i < of; i++) {
        struct caller c = { 0 };

        cr_assert_eq(ask(&c), PERMIT_HELD);
        n += is_at(&c, url);
        permit_leave(&c.seat);
    }
    return n;
}

static void note_probe(const char *url, bool good)
{
    struct upstream_endpoint *all[POOL_ENDPOINTS];
    size_t n = pool_list(world.p, all);

    for (size_t i = 0; i < n; i++) {
        if (strcmp(all[i]->url, url) == 0)
            pool_note_probe(world.p, all[i], good);
        endpoint_unref(all[i]);
    }
}

static int64_t changes_to(const char *label, const char *state)
{
    return metric_read(world.metrics, METRIC_BREAKER,
                       METRIC_LABEL(STR("local"), str_of(label), str_of(state)));
}

/* ---- who is chosen -------------------------------------------------------------------------- */

Test(pool, calls_are_spread_over_endpoints)
{
    struct caller all[10] = { 0 };

    for (size_t i = 0; i < 10; i++)
        (void)ask(&all[i]);
    cr_assert(look(0).numbers.in_flight == 5 && look(1).numbers.in_flight == 5);
    for (size_t i = 0; i < 10; i++)
        end_well(&all[i]);
}

Test(pool, a_tried_endpoint_is_not_given_again)
{
    struct caller a = { 0 }, b = { 0 }, c = { 0 };
    struct permit_wish wish = { .priority = PRIORITY_NORMAL };

    (void)ask(&a);
    wish.tried |= endpoint_bit(a.seat.permit.endpoint);
    cr_assert_eq(ask_for(&b, &wish), PERMIT_HELD);
    cr_assert_neq(a.seat.permit.endpoint, b.seat.permit.endpoint);
    wish.tried |= endpoint_bit(b.seat.permit.endpoint);
    cr_assert_eq(ask_for(&c, &wish), PERMIT_NONE);
    end_well(&a);
    end_well(&b);
}

Test(pool, a_pool_of_nobody_has_none)
{
    struct pool *empty = pool_new(STR("empty"));
    struct caller c = { 0 };

    cr_assert_eq(permit_ask(&c.seat, empty, world.loop, &(struct permit_wish){ 0 }, on_done),
                 PERMIT_NONE);
    pool_unref(empty);
}

Test(pool, an_adaptive_limit_stays_below_the_configured_one)
{
    world.u->adaptive = true;
    world.u->max_in_flight = 3;
    configure();
    cr_assert_leq(look(0).numbers.limit, 3);
    cr_assert_geq(look(0).numbers.limit, 1);
}

/* ---- breakers -------------------------------------------------------------------------------- */

Test(pool, who_fails_again_and_again_is_left_alone)
{
    break_it("http://a", 2);
    cr_assert_str_eq(state_of("http://a"), "open");
    cr_assert_eq(calls_to("http://a", 10), 0);
    cr_assert_eq(changes_to("a", "open"), 1);
}

Test(pool, a_trial_that_goes_well_brings_it_back)
{
    struct caller all[4] = { 0 };
    unsigned trials = 0;

    break_it("http://a", 2);
    pass(40 * MS);
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(ask(&all[i]), PERMIT_HELD);
        trials += all[i].seat.permit.trial;
        cr_assert_eq(all[i].seat.permit.trial, is_at(&all[i], "http://a"));
    }
    cr_assert_eq(trials, 1, "one trial at a time");
    cr_assert_eq(changes_to("a", "half_open"), 1);
    cr_assert_str_eq(state_of("http://a"), "half_open");
    for (size_t i = 0; i < 4; i++)
        end_well(&all[i]);
    cr_assert_str_eq(state_of("http://a"), "slow_start");
    cr_assert_eq(changes_to("a", "closed"), 1);
}

Test(pool, a_trial_that_tells_nothing_makes_way_for_another)
{
    struct caller c = { 0 };

    break_it("http://a", 2);
    pass(40 * MS);
    for (unsigned i = 0; i < 2; i++) {
        do {
            permit_leave(&c.seat);
            (void)ask(&c);
        } while (!is_at(&c, "http://a"));
        cr_assert(c.seat.permit.trial);
    }
    permit_leave(&c.seat);
}

Test(pool, when_all_are_open_all_are_asked)
{
    break_it("http://a", 2);
    for (unsigned i = 0; i < 2; i++)
        call_once(end_badly);
    cr_assert_str_eq(state_of("http://b"), "open");
    cr_assert_eq(calls_to("http://a", 10), 5);
}

Test(pool, where_less_than_one_may_be_kept_out_nobody_is)
{
    world.u->breaker.most_ejected = 0.4;
    configure();
    break_it("http://a", 2);
    cr_assert_float_eq(calls_to("http://a", 1100), 100, 10, "not a tenth of its share");
}

Test(pool, where_more_are_ill_than_may_be_kept_out_the_worst_are)
{
    world.u->breaker.rest_us = 10 * SECOND;
    add_site("http://c");
    configure();
    break_it("http://a", 2);
    break_it("http://c", 2);
    cr_assert_str_eq(state_of("http://c"), "open");
    cr_assert_eq(calls_to("http://a", 110), 0);
    cr_assert_eq(calls_to("http://b", 110), 100);
    world.u->breaker.most_ejected = 1;
    configure();
    cr_assert_eq(calls_to("http://b", 110), 110);
}

Test(pool, no_faults_are_too_many_where_the_breaker_is_off)
{
    world.u->breaker.faults = 0;
    configure();
    break_it("http://a", 20);
    cr_assert_str_eq(state_of("http://a"), "closed");
}

/* ---- probes ------------------------------------------------------------------------------------ */

Test(pool, probes_in_a_row_take_an_endpoint_out_and_bring_it_back)
{
    world.u->health.path = strdup("/health");
    world.u->health.down_after = 2;
    world.u->health.up_after = 2;
    configure();
    note_probe("http://b", false);
    note_probe("http://b", true);
    note_probe("http://b", false);
    cr_assert_str_eq(state_of("http://b"), "closed");
    note_probe("http://b", false);
    cr_assert_str_eq(state_of("http://b"), "down");
    cr_assert_eq(calls_to("http://b", 10), 0);
    note_probe("http://b", true);
    cr_assert_str_eq(state_of("http://b"), "down");
    note_probe("http://b", true);
    cr_assert_str_neq(state_of("http://b"), "down");
    cr_assert_gt(calls_to("http://b", 100), 0);
}

Test(pool, who_is_down_is_asked_only_when_all_are_ill)
{
    world.u->health.path = strdup("/health");
    world.u->health.down_after = 1;
    add_site("http://c");
    configure();
    note_probe("http://a", false);
    note_probe("http://b", false);
    cr_assert_eq(calls_to("http://c", 10), 10);
    note_probe("http://c", false);
    cr_assert_eq(calls_to("http://c", 9), 3);
}

Test(pool, without_probes_nobody_stays_down)
{
    world.u->health.path = strdup("/health");
    world.u->health.down_after = 1;
    configure();
    note_probe("http://b", false);
    cr_assert_str_eq(state_of("http://b"), "down");
    free(world.u->health.path);
    world.u->health.path = NULL;
    configure();
    cr_assert_str_neq(state_of("http://b"), "down");
}

/* ---- reloads and names --------------------------------------------------------------------------- */

/* As the next configuration would say it. */
static void configure_sites(const char *const *urls, size_t n, bool each_address)
{
    upstream_free(world.u);
    world.u = upstream_new(STR("local"), NULL);
    world.u->each_address = each_address;
    for (size_t i = 0; i < n; i++)
        add_site(urls[i]);
    configure();
}

Test(pool, who_stays_over_a_reload_keeps_its_state)
{
    static const char *const urls[] = { "http://c", "http://a" };

    break_it("http://a", 2);
    configure_sites(urls, 2, false);
    cr_assert_eq(count_endpoints(), 2);
    cr_assert_str_eq(state_of("http://a"), "open");
    cr_assert_str_eq(state_of("http://b"), "gone");
    cr_assert_str_eq(state_of("http://c"), "closed");
}

Test(pool, who_leaves_with_a_call_under_way_stays_until_it_is_over)
{
    static const char *const urls[] = { "http://c" };
    struct caller c = { 0 };

    (void)ask(&c);
    configure_sites(urls, 1, false);
    cr_assert(str_starts(str_of(c.seat.permit.endpoint->url), STR("http://")));
    end_badly(&c);
    cr_assert_eq(look(0).numbers.faults, 0);
}

Test(pool, a_freed_place_is_taken_again)
{
    static const char *const urls[] = { "http://b", "http://c" };
    struct upstream_endpoint *all[POOL_ENDPOINTS];
    uint64_t bits = 0;
    size_t n;

    configure_sites(urls, 2, false);
    n = pool_list(world.p, all);
    for (size_t i = 0; i < n; i++) {
        bits |= endpoint_bit(all[i]);
        endpoint_unref(all[i]);
    }
    cr_assert_eq(bits, 3);
}

Test(pool, more_than_64_are_left_out)
{
    char url[32];

    for (unsigned i = 0; i < 70; i++) {
        (void)snprintf(url, sizeof(url), "http://more%u", i);
        add_site(url);
    }
    configure();
    cr_assert_eq(count_endpoints(), 64);
}

Test(pool, a_name_is_as_many_endpoints_as_it_has_addresses)
{
    static const char *const urls[] = { "http://models:80" };

    configure_sites(urls, 1, true);
    cr_assert_str_eq(look(0).address, "");
    pool_set_addresses(world.p, STR("http://models:80"), STR("10.0.0.7,[::1]"));
    cr_assert_eq(count_endpoints(), 2);
    cr_assert_str_eq(look(0).url, "http://models:80");
    cr_assert_neq(look(0).address[0], '\0');
    cr_assert_str_neq(look(0).address, look(1).address);
}

Test(pool, known_addresses_keep_their_state)
{
    static const char *const urls[] = { "http://models" };
    struct caller a = { 0 };

    configure_sites(urls, 1, true);
    pool_set_addresses(world.p, STR("http://models"), STR("10.0.0.7"));
    call_once(end_badly);
    pool_set_addresses(world.p, STR("http://models"), STR("10.0.0.8,10.0.0.7"));
    configure_sites(urls, 1, true);
    cr_assert_eq(count_endpoints(), 2);
    cr_assert_eq(look(0).numbers.faults + look(1).numbers.faults, 1);
    (void)ask(&a);
    pool_set_addresses(world.p, STR("http://models"), STR("10.0.0.9"));
    cr_assert_eq(count_endpoints(), 1);
    cr_assert_str_eq(look(0).address, "10.0.0.9");
    end_well(&a);
}

Test(pool, addresses_mean_nothing_where_a_name_is_one_endpoint)
{
    pool_set_addresses(world.p, STR("http://a"), STR("10.0.0.7,10.0.0.8"));
    cr_assert_eq(count_endpoints(), 2);
    pool_set_addresses(world.p, STR("http://nobody"), STR("10.0.0.7"));
    cr_assert_eq(count_endpoints(), 2);
}

/* ---- keys ------------------------------------------------------------------------------------------ */

static void use_keys(unsigned n)
{
    static const char *const lines[] = { "k: one", "k: two" };

    for (unsigned i = 0; i < n; i++)
        upstream_add_auth(world.u, str_of(lines[i]));
    configure();
}

static struct pool_keys read_keys(void)
{
    struct pool_keys keys;

    pool_read_keys(world.p, &keys);
    return keys;
}

Test(pool, keys_are_used_by_turns)
{
    struct caller a = { 0 }, b = { 0 }, c = { 0 };

    use_keys(2);
    (void)ask(&a);
    (void)ask(&b);
    (void)ask(&c);
    cr_assert_str_neq(a.seat.permit.auth, b.seat.permit.auth);
    cr_assert_str_eq(a.seat.permit.auth, c.seat.permit.auth);
    end_well(&a);
    end_well(&b);
    end_well(&c);
}

Test(pool, a_429_rests_the_key_and_not_the_endpoint)
{
    struct caller a = { 0 }, b = { 0 };
    char used[16];

    use_keys(2);
    (void)ask(&a);
    (void)snprintf(used, sizeof(used), "%s", a.seat.permit.auth);
    tell(&a, VERDICT_BUSY, 429, 5000);
    cr_assert(read_keys().resting == 1 && read_keys().usable == 1);
    for (unsigned i = 0; i < 4; i++) {
        cr_assert_eq(ask(&b), PERMIT_HELD);
        cr_assert_str_neq(b.seat.permit.auth, used);
        end_well(&b);
    }
    cr_assert_str_eq(state_of("http://a"), "closed");
    cr_assert_str_eq(state_of("http://b"), "closed");
}

Test(pool, when_all_keys_rest_the_answer_is_later)
{
    struct caller a = { 0 };

    use_keys(1);
    (void)ask(&a);
    tell(&a, VERDICT_BUSY, 429, -1);
    cr_assert_eq(ask(&a), PERMIT_LATER);
    cr_assert_gt(a.seat.wait_us, 900 * MS);
    cr_assert_leq(a.seat.wait_us, SECOND);
}

Test(pool, a_refused_key_is_dropped_while_there_is_another)
{
    struct caller a = { 0 };

    use_keys(2);
    (void)ask(&a);
    tell(&a, VERDICT_KEY_REFUSED, 401, -1);
    cr_assert(read_keys().dropped == 1 && read_keys().usable == 1);
    for (unsigned i = 0; i < 4; i++) {
        (void)ask(&a);
        cr_assert_str_eq(a.seat.permit.auth, "k: two");
        end_well(&a);
    }
}

Test(pool, a_dropped_key_stays_so_over_a_reload_until_it_is_replaced)
{
    static const char *const urls[] = { "http://a" };
    struct caller a = { 0 };

    use_keys(2);
    (void)ask(&a);
    tell(&a, VERDICT_KEY_REFUSED, 401, -1);
    configure();
    cr_assert(read_keys().dropped == 1 && read_keys().usable == 1);
    configure_sites(urls, 1, false);
    use_keys(2);
    cr_assert(read_keys().dropped == 0 && read_keys().usable == 2);
}

Test(pool, an_only_key_is_never_dropped)
{
    struct caller a = { 0 };

    use_keys(1);
    (void)ask(&a);
    tell(&a, VERDICT_KEY_REFUSED, 403, -1);
    cr_assert_eq(read_keys().dropped, 0);
    cr_assert_eq(ask(&a), PERMIT_HELD);
    cr_assert_not_null(a.seat.permit.auth);
    end_well(&a);
}

Test(pool, when_all_keys_were_refused_calls_go_on)
{
    struct caller a = { 0 };

    use_keys(2);
    for (unsigned i = 0; i < 2; i++) {
        (void)ask(&a);
        tell(&a, VERDICT_KEY_REFUSED, 401, -1);
    }
    cr_assert_eq(read_keys().dropped, 2);
    cr_assert_eq(ask(&a), PERMIT_HELD);
    cr_assert_not_null(a.seat.permit.auth);
    end_well(&a);
}

Test(pool, a_reload_without_keys_calls_without)
{
    static const char *const urls[] = { "http://a" };
    struct caller before = { 0 }, after = { 0 };

    use_keys(2);
    (void)ask(&before);
    configure_sites(urls, 1, false);
    cr_assert_eq(ask(&after), PERMIT_HELD);
    cr_assert_null(after.seat.permit.auth);
    cr_assert_not_null(strstr(before.seat.permit.auth, "k: "), "a key that is used was freed");
    end_well(&before);
    end_well(&after);
}

/* ---- starting up --------------------------------------------------------------------------------------- */

static void start_cold(void)
{
    start();
    add_site("http://a");
    world.u->cold_start_us = 2 * (uint64_t)SECOND;
    configure();
}

TestSuite(cold_pool, .init = start_cold, .fini = stop, .timeout = 20);

Test(cold_pool, after_a_refusal_the_next_call_waits_for_a_while)
{
    struct caller c = { 0 };

    call_once(end_refused);
    cr_assert_eq(ask(&c), PERMIT_LATER);
    cr_assert_gt(c.seat.wait_us, 100 * MS);
    cr_assert_leq(c.seat.wait_us, 250 * MS);
}

Test(cold_pool, one_call_wakes_it_and_the_others_wait_for_that)
{
    struct caller all[5] = { 0 };

    call_once(end_refused);
    pass(260 * MS);
    cr_assert_eq(ask(&all[0]), PERMIT_HELD);
    for (size_t i = 1; i < 5; i++)
        cr_assert_eq(ask(&all[i]), PERMIT_WAITS);
    end_well(&all[0]);
    pump();
    for (size_t i = 1; i < 5; i++) {
        cr_assert_eq(all[i].answer, PERMIT_HELD);
        end_well(&all[i]);
    }
}

Test(cold_pool, when_waking_fails_those_who_wait_are_told_when_to_come_again)
{
    struct caller a = { 0 }, b = { 0 };

    call_once(end_refused);
    pass(260 * MS);
    (void)ask(&a);
    (void)ask(&b);
    end_refused(&a);
    pump();
    cr_assert(b.heard == 1 && b.answer == PERMIT_LATER);
    cr_assert_gt(b.seat.wait_us, 400 * MS);
    cr_assert_leq(b.seat.wait_us, 500 * MS);
}

Test(cold_pool, when_the_waking_call_is_called_off_the_next_one_wakes)
{
    struct caller a = { 0 }, b = { 0 }, c = { 0 };

    call_once(end_refused);
    pass(260 * MS);
    (void)ask(&a);
    (void)ask(&b);
    (void)ask(&c);
    permit_leave(&a.seat);
    pump();
    cr_assert_eq(b.answer, PERMIT_HELD);
    cr_assert_eq(c.heard, 0);
    end_well(&b);
    pump();
    end_well(&c);
}

Test(cold_pool, somebody_who_fails_in_another_way_is_there)
{
    struct caller a = { 0 }, b = { 0 };

    call_once(end_refused);
    pass(260 * MS);
    (void)ask(&a);
    (void)ask(&b);
    end_badly(&a);
    pump();
    cr_assert_eq(b.answer, PERMIT_HELD);
    cr_assert_eq(ask(&a), PERMIT_HELD);
    end_well(&a);
    end_well(&b);
}

static enum permit_answer await_start(struct caller *c, uint64_t for_us)
{
    return ask_for(c, &(struct permit_wish){ .priority = PRIORITY_NORMAL,
                                             .start_by_us = clock_now_us() + for_us });
}

Test(cold_pool, who_awaits_the_start_sits_out_the_pause)
{
    struct caller a = { 0 }, b = { 0 };

    world.u->queue.timeout_us = 10 * MS;
    configure();
    call_once(end_refused);
    cr_assert_eq(await_start(&a, 10 * SECOND), PERMIT_WAITS);
    cr_assert_eq(await_start(&b, 10 * SECOND), PERMIT_WAITS);
    pass(180 * MS);
    cr_assert_eq(a.heard + b.heard, 0, "its time in the queue has not begun");
    pass(220 * MS);
    cr_assert(a.answer == PERMIT_HELD && b.heard == 0);
    end_refused(&a);
    pump();
    cr_assert_eq(b.heard, 0);
    permit_leave(&b.seat);
}

Test(cold_pool, whose_time_is_nearly_up_does_not_sit_out_a_long_pause)
{
    struct caller a = { 0 }, b = { 0 };

    world.u->cold_start_us = 60 * (uint64_t)SECOND;
    configure();
    call_once(end_refused);
    pass(260 * MS);
    call_once(end_refused);
    pass(510 * MS);
    call_once(end_refused); /* now the pause is a second */
    cr_assert_eq(await_start(&a, 10 * SECOND), PERMIT_WAITS);
    cr_assert_eq(await_start(&b, 800 * MS), PERMIT_WAITS);
    pass(240 * MS);
    cr_assert_eq(a.heard + b.heard, 0);
    pass(220 * MS);
    cr_assert(a.heard == 0 && b.answer == PERMIT_HELD);
    end_well(&b);
    pump();
    cr_assert_eq(a.answer, PERMIT_HELD);
    end_well(&a);
}

Test(cold_pool, when_a_probe_goes_well_nobody_waits_any_longer)
{
    struct caller all[3] = { 0 };

    call_once(end_refused);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(await_start(&all[i], 10 * SECOND), PERMIT_WAITS);
    note_probe("http://a", true);
    pump();
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(all[i].answer, PERMIT_HELD);
        end_well(&all[i]);
    }
}

Test(cold_pool, a_probe_that_goes_well_gives_no_second_time_to_start)
{
    struct caller c = { 0 };

    world.u->cold_start_us = 50 * MS;
    configure();
    call_once(end_refused);
    note_probe("http://a", true);
    call_once(end_refused);
    pass(60 * MS);
    cr_assert_eq(ask(&c), PERMIT_HELD);
    end_refused(&c);
    cr_assert_eq(ask(&c), PERMIT_HELD);
    end_well(&c);
}

Test(cold_pool, who_was_refused_may_ask_the_same_again)
{
    struct caller c = { 0 };

    call_once(end_refused);
    pass(260 * MS);
    cr_assert_eq(ask_for(&c, &(struct permit_wish){ .tried = 1 }), PERMIT_HELD);
    end_well(&c);
}

Test(cold_pool, a_second_call_does_not_go_where_the_first_still_is)
{
    struct permit_wish second = { .tried = 1, .never_waits = true };
    struct caller first = { 0 }, other = { 0 };

    cr_assert_eq(ask(&first), PERMIT_HELD);
    call_once(end_refused);
    pass(260 * MS);
    cr_assert_eq(ask_for(&other, &second), PERMIT_NONE);
    end_well(&first);
}

Test(cold_pool, after_its_time_it_is_down_and_not_starting)
{
    struct caller a = { 0 }, b = { 0 };

    world.u->cold_start_us = 50 * MS;
    configure();
    call_once(end_refused);
    pass(60 * MS);
    cr_assert_eq(ask(&a), PERMIT_HELD);
    cr_assert_eq(ask(&b), PERMIT_HELD);
    end_refused(&a);
    end_refused(&b);
    cr_assert_eq(ask(&a), PERMIT_HELD, "it may not start again until it was up");
    end_well(&a);
    call_once(end_refused);
    cr_assert_eq(ask(&a), PERMIT_LATER);
}

Test(cold_pool, without_cold_start_a_refusal_is_a_fault_like_any)
{
    world.u->cold_start_us = 0;
    configure();
    call_once(end_refused);
    call_once(end_well);
}

/* ---- trying again, and in two places ------------------------------------------------------------------------ */

static unsigned taken(bool (*may)(struct pool *p))
{
    unsigned n = 0;

    while (n < 1000 && may(world.p))
        n++;
    return n;
}

Test(pool, a_quiet_pool_may_retry_as_often_as_its_floor)
{
    cr_assert_eq(taken(pool_may_retry), world.u->retry.floor);
}

Test(pool, retries_are_a_share_of_calls)
{
    for (unsigned i = 0; i < 100; i++)
        call_once(end_well);
    cr_assert_eq(taken(pool_may_retry), 10);
}

Test(pool, second_calls_are_never_above_their_share)
{
    struct permit_wish second = { .never_waits = true };
    struct caller c = { 0 };

    world.u->hedge.at_most = 0.05;
    configure();
    cr_assert_eq(taken(pool_may_hedge), 0);
    for (unsigned i = 0; i < 19; i++)
        call_once(end_well);
    for (unsigned i = 0; i < 50; i++) {
        cr_assert_eq(ask_for(&c, &second), PERMIT_HELD);
        permit_leave(&c.seat);
    }
    cr_assert_eq(taken(pool_may_hedge), 0);
    call_once(end_well);
    cr_assert_eq(taken(pool_may_hedge), 1);
}

Test(pool, without_hedging_there_is_no_second_call)
{
    cr_assert_eq(pool_hedge_after_us(world.p), 0);
}

Test(pool, a_fixed_delay_holds_from_the_start)
{
    world.u->hedge = (struct upstream_hedge){ .on = true, .after_us = 7 * MS };
    configure();
    cr_assert_eq(pool_hedge_after_us(world.p), 7 * MS);
}

Test(pool, a_percentile_needs_twenty_calls)
{
    world.u->hedge = (struct upstream_hedge){ .on = true, .percentile = 0.95 };
    configure();
    for (unsigned i = 0; i < 19; i++)
        call_once(end_well);
    cr_assert_eq(pool_hedge_after_us(world.p), 0);
    call_once(end_well);
    pass(120 * MS); /* until it is looked up anew */
    cr_assert_geq(pool_hedge_after_us(world.p), 4900);
    cr_assert_leq(pool_hedge_after_us(world.p), 5100);
}

/* Twenty calls of 5 ms, of which the percentile is known by then. */
static void learn_pace(void)
{
    world.u->hedge = (struct upstream_hedge){ .on = true, .percentile = 0.9 };
    configure();
    for (unsigned i = 0; i < 20; i++)
        call_once(end_well);
}

static void end_quickly(struct caller *c)
{
    permit_give_back(&c->seat.permit, &(struct permit_report){ .verdict = VERDICT_GOOD,
                                                               .status = 200,
                                                               .retry_after_ms = -1,
                                                               .first_us = 1 * MS,
                                                               .total_us = 2 * MS });
}

static void end_beaten(struct caller *c)
{
    permit_give_back(&c->seat.permit, &(struct permit_report){ .verdict = VERDICT_BEATEN,
                                                               .retry_after_ms = -1,
                                                               .total_us = 50 * MS });
}

Test(pool, calls_that_were_beaten_hold_the_percentile_up)
{
    learn_pace();
    for (unsigned i = 0; i < 300; i++)
        call_once(i % 5 == 0 ? end_beaten : end_quickly);
    pass(120 * MS);                                   /* until it is looked up anew */
    cr_assert_gt(pool_hedge_after_us(world.p), 3500); /* near four times 1 ms, not near it */
}

Test(pool, calls_that_were_beaten_drive_the_percentile_no_higher_than_four_medians)
{
    learn_pace();
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 100; i++)
            call_once(i % 2 == 0 ? end_beaten : end_quickly);
        pass(120 * MS);
        cr_assert_leq(pool_hedge_after_us(world.p), 4 * 5200);
    }
}

Test(pool, a_call_that_is_made_again_is_not_what_the_budget_is_a_share_of)
{
    struct permit_wish again = { .priority = PRIORITY_NORMAL, .again = true };
    struct caller c = { 0 };

    world.u->retry = (struct upstream_retry){ .budget = 0.5 };
    configure();
    for (unsigned i = 0; i < 10; i++) {
        cr_assert_eq(ask_for(&c, &again), PERMIT_HELD);
        end_well(&c);
    }
    cr_assert_eq(taken(pool_may_retry), 0);
    call_once(end_well);
    call_once(end_well);
    cr_assert_eq(taken(pool_may_retry), 1);
}

Test(pool, freeing_nothing_is_fine)
{
    pool_unref(NULL);
    endpoint_unref(NULL);
}
