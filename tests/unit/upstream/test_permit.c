/* SPDX-License-Identifier: Apache-2.0 */
#include "pooled.h"

/* One endpoint that takes one call at a time, and a queue. */
static void start_narrow(void)
{
    start();
    add_site("http://a");
    world.u->max_in_flight = 1;
    world.u->queue.timeout_us = 5 * (uint64_t)SECOND;
    configure();
}

TestSuite(permit, .init = start_narrow, .fini = stop, .timeout = 20);

static struct permit_wish of_tenant(const char *tenant)
{
    return (struct permit_wish){ .priority = PRIORITY_NORMAL, .tenant = str_of(tenant) };
}

static enum permit_answer ask_as(struct caller *c, enum priority priority)
{
    return ask_for(c, &(struct permit_wish){ .priority = priority });
}

/* ---- holding ------------------------------------------------------------------------------ */

Test(permit, leave_is_given_at_once_where_there_is_room)
{
    struct caller c = { 0 };

    cr_assert_eq(ask(&c), PERMIT_HELD);
    cr_assert_str_eq(c.seat.permit.endpoint->url, "http://a");
    cr_assert_null(c.seat.permit.auth);
    cr_assert_eq(look(0).numbers.in_flight, 1);
    end_well(&c);
    pump();
    cr_assert_eq(c.heard, 0, "who held at once was called as well");
}

Test(permit, an_unused_one_is_given_back_by_leaving)
{
    struct caller c = { 0 };

    (void)ask(&c);
    permit_leave(&c.seat);
    cr_assert_null(c.seat.permit.pool);
    cr_assert_eq(look(0).numbers.in_flight, 0);
}

Test(permit, leaving_a_zeroed_seat_is_fine)
{
    struct caller c = { 0 };

    permit_leave(&c.seat);
    permit_give_back(&c.seat.permit, &(struct permit_report){ 0 });
}

Test(permit, without_a_limit_nobody_waits)
{
    struct caller all[100] = { 0 };

    world.u->max_in_flight = 0;
    world.u->queue.size = 0;
    configure();
    for (size_t i = 0; i < 100; i++)
        cr_assert_eq(ask(&all[i]), PERMIT_HELD);
    cr_assert_eq(look(0).numbers.in_flight, 100);
    for (size_t i = 0; i < 100; i++)
        end_well(&all[i]);
}

/* ---- waiting ------------------------------------------------------------------------------ */

Test(permit, who_waits_is_served_when_a_call_ends)
{
    struct caller a = { 0 }, b = { 0 };

    (void)ask(&a);
    cr_assert_eq(ask(&b), PERMIT_WAITS);
    cr_assert_eq(depth("normal"), 1);
    end_well(&a);
    cr_assert_eq(b.heard, 0, "it heard inside another's call");
    pump();
    cr_assert(b.heard == 1 && b.answer == PERMIT_HELD);
    cr_assert_eq(depth("normal"), 0);
    end_well(&b);
}

Test(permit, who_came_first_is_served_first)
{
    struct caller holder = { 0 }, all[5] = { 0 };

    (void)ask(&holder);
    for (size_t i = 0; i < 5; i++)
        cr_assert_eq(ask(&all[i]), PERMIT_WAITS);
    end_well(&holder);
    for (size_t i = 0; i < 5; i++) {
        pump();
        for (size_t j = 0; j < 5; j++)
            cr_assert_eq(all[j].heard, j <= i);
        end_well(&all[i]);
    }
}

Test(permit, higher_priorities_come_first)
{
    struct caller holder = { 0 }, low = { 0 }, normal = { 0 }, high = { 0 };

    (void)ask(&holder);
    (void)ask_as(&low, PRIORITY_LOW);
    (void)ask_as(&normal, PRIORITY_NORMAL);
    (void)ask_as(&high, PRIORITY_HIGH);
    end_well(&holder);
    pump();
    cr_assert(high.heard && !normal.heard && !low.heard);
    end_well(&high);
    pump();
    cr_assert(normal.heard && !low.heard);
    end_well(&normal);
    pump();
    end_well(&low);
}

Test(permit, tenants_take_turns_however_many_of_one_wait)
{
    struct caller holder = { 0 }, many[4] = { 0 }, few[2] = { 0 };
    struct permit_wish of_many = of_tenant("many"), of_few = of_tenant("few");

    (void)ask(&holder);
    for (size_t i = 0; i < 4; i++)
        (void)ask_for(&many[i], &of_many);
    for (size_t i = 0; i < 2; i++)
        (void)ask_for(&few[i], &of_few);
    end_well(&holder);
    for (size_t i = 0; i < 2; i++) {
        pump();
        cr_assert(many[i].heard == 1 && few[i].heard == 0);
        end_well(&many[i]);
        pump();
        cr_assert(few[i].heard == 1 && many[i + 1].heard == 0);
        end_well(&few[i]);
    }
    for (size_t i = 2; i < 4; i++) {
        pump();
        end_well(&many[i]);
    }
}

Test(permit, a_tenants_name_is_copied)
{
    struct caller holder = { 0 }, a = { 0 }, b = { 0 };
    char name[] = "one";

    (void)ask(&holder);
    (void)ask_for(&a,
                  &(struct permit_wish){ .priority = PRIORITY_NORMAL, .tenant = str_of(name) });
    name[0] = '?';
    (void)ask_for(&b,
                  &(struct permit_wish){ .priority = PRIORITY_NORMAL, .tenant = STR("one") });
    permit_leave(&a.seat);
    end_well(&holder);
    pump();
    cr_assert_eq(b.answer, PERMIT_HELD);
    end_well(&b);
}

Test(permit, one_who_wants_another_endpoint_keeps_nobody_behind_it_waiting)
{
    struct caller a = { 0 }, b = { 0 }, picky = { 0 }, plain = { 0 };
    struct permit_wish not_a = { .priority = PRIORITY_NORMAL };

    add_site("http://b");
    configure();
    (void)ask(&a);
    (void)ask(&b);
    not_a.tried = endpoint_bit(a.seat.permit.endpoint);
    cr_assert_eq(ask_for(&picky, &not_a), PERMIT_WAITS);
    cr_assert_eq(ask(&plain), PERMIT_WAITS);
    end_well(&a);
    pump();
    cr_assert(plain.heard == 1 && picky.heard == 0);
    end_well(&b);
    pump();
    cr_assert_eq(picky.answer, PERMIT_HELD);
    end_well(&plain);
    end_well(&picky);
}

Test(permit, a_higher_limit_serves_those_who_wait)
{
    struct caller all[3] = { 0 };

    for (size_t i = 0; i < 3; i++)
        (void)ask(&all[i]);
    world.u->max_in_flight = 3;
    configure();
    pump();
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(all[i].answer, PERMIT_HELD);
        end_well(&all[i]);
    }
}

Test(permit, a_new_endpoint_serves_those_who_wait)
{
    struct caller a = { 0 }, b = { 0 };

    (void)ask(&a);
    (void)ask(&b);
    add_site("http://b");
    configure();
    pump();
    cr_assert(b.heard == 1 && is_at(&b, "http://b"));
    end_well(&a);
    end_well(&b);
}

/* ---- not waiting -------------------------------------------------------------------------- */

Test(permit, who_never_waits_is_told_at_once_and_not_counted)
{
    struct caller a = { 0 }, b = { 0 };

    (void)ask(&a);
    cr_assert_eq(ask_for(&b, &(struct permit_wish){ .never_waits = true }), PERMIT_FULL);
    cr_assert_eq(turned_away("high", "full"), 0);
    end_well(&a);
}

Test(permit, a_full_queue_turns_away_with_a_true_time)
{
    struct caller a = { 0 }, b = { 0 }, c = { 0 };

    world.u->queue.size = 1;
    configure();
    (void)ask(&a);
    (void)ask(&b);
    cr_assert_eq(ask(&c), PERMIT_FULL);
    cr_assert_geq(c.seat.wait_us, SECOND);
    cr_assert_leq(c.seat.wait_us, 60 * SECOND);
    cr_assert_eq(turned_away("normal", "full"), 1);
    end_well(&a);
    pump();
    end_well(&b);
}

Test(permit, a_queue_without_places_turns_away)
{
    struct caller a = { 0 }, b = { 0 };

    world.u->queue.size = 0;
    configure();
    (void)ask(&a);
    cr_assert_eq(ask(&b), PERMIT_FULL);
    end_well(&a);
}

Test(permit, in_a_full_queue_the_lowest_priority_makes_way)
{
    struct caller holder = { 0 }, low = { 0 }, normal = { 0 }, high = { 0 };

    world.u->queue.size = 2;
    configure();
    (void)ask(&holder);
    (void)ask_as(&normal, PRIORITY_NORMAL);
    (void)ask_as(&low, PRIORITY_LOW);
    cr_assert_eq(ask_as(&high, PRIORITY_HIGH), PERMIT_WAITS);
    pump();
    cr_assert(low.heard == 1 && low.answer == PERMIT_SLOW);
    cr_assert_geq(low.seat.wait_us, SECOND);
    cr_assert_eq(turned_away("low", "displaced"), 1);
    permit_leave(&normal.seat);
    permit_leave(&high.seat);
    end_well(&holder);
}

Test(permit, in_a_full_queue_the_tenant_with_most_places_makes_way)
{
    struct caller holder = { 0 }, many[4] = { 0 }, few[2] = { 0 };
    struct permit_wish of_many = of_tenant("many"), of_few = of_tenant("few");

    world.u->queue.size = 4;
    configure();
    (void)ask(&holder);
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(ask_for(&many[i], &of_many), PERMIT_WAITS);
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(ask_for(&few[i], &of_few), PERMIT_WAITS, "number %zu", i);
    pump();
    for (size_t i = 0; i < 2; i++) {
        cr_assert(many[3 - i].heard == 1 && many[3 - i].answer == PERMIT_SLOW);
        cr_assert_geq(many[3 - i].seat.wait_us, SECOND);
        cr_assert(many[i].heard == 0 && few[i].heard == 0);
    }
    cr_assert_eq(turned_away("normal", "displaced"), 2);
    for (size_t i = 0; i < 2; i++) {
        permit_leave(&many[i].seat);
        permit_leave(&few[i].seat);
    }
    end_well(&holder);
}

Test(permit, nobody_makes_way_for_a_tenant_that_would_then_have_more_places)
{
    struct caller holder = { 0 }, all[4] = { 0 };
    struct permit_wish wishes[2] = { of_tenant("one"), of_tenant("two") };

    world.u->queue.size = 3;
    configure();
    (void)ask(&holder);
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(ask_for(&all[i], &wishes[i % 2]), PERMIT_WAITS);
    cr_assert_eq(ask_for(&all[3], &wishes[1]), PERMIT_FULL);
    for (size_t i = 0; i < 3; i++)
        permit_leave(&all[i].seat);
    end_well(&holder);
}

Test(permit, many_places_of_a_higher_priority_do_not_make_way)
{
    struct caller holder = { 0 }, high[2] = { 0 }, normal = { 0 };
    struct permit_wish of_few = of_tenant("few");

    world.u->queue.size = 2;
    configure();
    (void)ask(&holder);
    (void)ask_as(&high[0], PRIORITY_HIGH);
    (void)ask_as(&high[1], PRIORITY_HIGH);
    cr_assert_eq(ask_for(&normal, &of_few), PERMIT_FULL);
    permit_leave(&high[0].seat);
    permit_leave(&high[1].seat);
    end_well(&holder);
}

Test(permit, nobody_makes_way_for_an_equal)
{
    struct caller holder = { 0 }, first = { 0 }, second = { 0 };

    world.u->queue.size = 1;
    configure();
    (void)ask(&holder);
    (void)ask_as(&first, PRIORITY_LOW);
    cr_assert_eq(ask_as(&second, PRIORITY_LOW), PERMIT_FULL);
    permit_leave(&first.seat);
    end_well(&holder);
}

Test(permit, who_waits_for_too_long_is_told)
{
    struct caller a = { 0 }, b = { 0 };

    world.u->queue.timeout_us = 30 * MS;
    configure();
    (void)ask(&a);
    (void)ask(&b);
    pass(80 * MS);
    cr_assert(b.heard == 1 && b.answer == PERMIT_SLOW);
    cr_assert_geq(b.seat.wait_us, SECOND);
    cr_assert_eq(turned_away("normal", "slow"), 1);
    cr_assert_eq(pool_waiting(world.p), 0);
    end_well(&a);
}

/* ---- leaving ------------------------------------------------------------------------------ */

Test(permit, who_leaves_the_queue_hears_nothing)
{
    struct caller a = { 0 }, b = { 0 };

    (void)ask(&a);
    (void)ask(&b);
    permit_leave(&b.seat);
    end_well(&a);
    pump();
    cr_assert_eq(b.heard, 0);
}

Test(permit, one_under_way_to_a_seat_that_leaves_goes_to_the_next)
{
    struct caller a = { 0 }, b = { 0 }, c = { 0 };

    (void)ask(&a);
    (void)ask(&b);
    (void)ask(&c);
    end_well(&a);
    permit_leave(&b.seat);
    pump();
    cr_assert_eq(b.heard, 0);
    cr_assert_eq(c.answer, PERMIT_HELD);
    end_well(&c);
}

/* ---- rests -------------------------------------------------------------------------------- */

Test(permit, who_asked_to_be_left_alone_is)
{
    struct caller c = { 0 };

    (void)ask(&c);
    tell(&c, VERDICT_BUSY, 503, 700);
    cr_assert_eq(ask(&c), PERMIT_LATER);
    cr_assert_gt(c.seat.wait_us, 500 * MS);
    cr_assert_leq(c.seat.wait_us, 700 * MS);
    cr_assert_eq(turned_away("normal", "resting"), 1);
    cr_assert_str_eq(look(0).numbers.state, "resting");
}

Test(permit, a_rest_ends_by_itself)
{
    struct caller c = { 0 };

    (void)ask(&c);
    tell(&c, VERDICT_BUSY, 429, 20);
    cr_assert_eq(ask(&c), PERMIT_LATER);
    pass(25 * MS);
    cr_assert_eq(ask(&c), PERMIT_HELD);
    end_well(&c);
}

Test(permit, a_shorter_rest_does_not_end_a_longer_one)
{
    struct caller a = { 0 }, b = { 0 };

    world.u->max_in_flight = 2;
    configure();
    (void)ask(&a);
    (void)ask(&b);
    tell(&a, VERDICT_BUSY, 529, 60 * 1000);
    tell(&b, VERDICT_BUSY, 529, 10);
    cr_assert_gt(look(0).numbers.rest_us, 50 * SECOND);
}

Test(permit, who_asks_for_an_hour_rests_for_an_hour)
{
    struct caller c = { 0 };

    (void)ask(&c);
    tell(&c, VERDICT_BUSY, 503, 3600 * 1000);
    cr_assert_eq(ask(&c), PERMIT_LATER);
    cr_assert_gt(c.seat.wait_us, 3599 * (uint64_t)SECOND);
}

Test(permit, nobody_rests_for_more_than_a_day)
{
    struct caller c = { 0 };

    (void)ask(&c);
    tell(&c, VERDICT_BUSY, 503, INT64_MAX);
    cr_assert_gt(look(0).numbers.rest_us, 86399 * (uint64_t)SECOND);
    cr_assert_leq(look(0).numbers.rest_us, 86400 * (uint64_t)SECOND);
}

Test(permit, a_429_that_does_not_say_how_long_is_neither_rest_nor_fault)
{
    struct caller c = { 0 };

    (void)ask(&c);
    tell(&c, VERDICT_BUSY, 429, -1);
    cr_assert_eq(look(0).numbers.faults, 0);
    cr_assert_eq(ask(&c), PERMIT_HELD);
    tell(&c, VERDICT_BUSY, 503, -1);
    cr_assert_eq(look(0).numbers.faults, 1);
}

Test(permit, those_who_wait_hear_when_all_begin_to_rest)
{
    struct caller a = { 0 }, b = { 0 };

    (void)ask(&a);
    (void)ask(&b);
    tell(&a, VERDICT_BUSY, 503, 5000);
    pump();
    cr_assert(b.heard == 1 && b.answer == PERMIT_LATER);
    cr_assert_gt(b.seat.wait_us, 4 * SECOND);
}

Test(permit, those_who_wait_notice_the_end_of_a_rest)
{
    struct caller a = { 0 }, b = { 0 }, c = { 0 };

    add_site("http://b");
    configure();
    (void)ask(&a);
    (void)ask(&b);
    tell(&a, VERDICT_BUSY, 503, 50);
    cr_assert_eq(ask(&c), PERMIT_WAITS);
    pass(350 * MS);
    cr_assert_eq(c.answer, PERMIT_HELD);
    end_well(&b);
    end_well(&c);
}

Test(permit, when_all_have_been_tried_there_is_none)
{
    struct caller c = { 0 };

    cr_assert_eq(ask_for(&c, &(struct permit_wish){ .tried = 1 }), PERMIT_NONE);
}
