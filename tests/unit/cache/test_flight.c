/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/cache/flight.h"

#include "weir/base/list.h"
#include "weir/base/metric.h"
#include "weir/base/own.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct metrics *metrics;
static struct loop *loop;
static struct flights *flights;
static const struct digest key = { { 1 } };
static const struct digest other_key = { { 2 } };

struct rider {
    struct flight_seat seat;
    unsigned heard;
    bool leaves_when_told;
};

static void on_news(struct flight_seat *s)
{
    struct rider *r = container_of(s, struct rider, seat);

    r->heard++;
    if (r->leaves_when_told)
        flight_leave(s);
}

static void on_stop(struct letter *l)
{
    (void)l;
    loop_stop(loop);
}

/* Opens every letter that is under way. */
static void pump(void)
{
    struct letter stop;

    loop_send(loop, &stop, on_stop);
    loop_run(loop);
}

static void set_up(void)
{
    metrics = metrics_new();
    loop = loop_new(metrics_shard(metrics));
    flights = flights_new();
}

static void tear_down(void)
{
    pump();
    cr_assert_eq(metric_read(metrics, METRIC_FLIGHTS, NULL), 0);
    cr_assert_eq(metric_read(metrics, METRIC_FOLLOWERS, NULL), 0);
    flights_free(flights);
    loop_free(loop);
    metrics_free(metrics);
}

TestSuite(flight, .init = set_up, .fini = tear_down, .timeout = 10);

static enum flight_state join(struct rider *r)
{
    return flight_join(flights, &key, loop, &r->seat, on_news);
}

static enum flight_state join_stream(struct rider *r)
{
    enum flight_state state = join(r);

    flight_wants_log(&r->seat, true);
    return state;
}

static struct entry *answer(void)
{
    struct entry_facts facts = { .body = STR("{}") };

    return entry_new(&facts);
}

/* Lands with an answer and leaves no trace of it here. */
static void land_well(struct rider *r)
{
    struct entry *e = answer();

    flight_land(&r->seat, OK, e);
    entry_unref(e);
}

static void expect_read(struct rider *r, struct str want)
{
    struct buf out = { 0 };

    flight_read(&r->seat, &out, 1 << 20);
    cr_assert(str_eq(buf_str(&out), want), "read \"%.*s\"", STR_ARG(buf_str(&out)));
    buf_deinit(&out);
}

Test(flight, the_first_leads_and_the_next_follow)
{
    struct rider a = { 0 };
    struct rider b = { 0 };

    cr_assert_eq(join(&a), FLIGHT_LEADS);
    cr_assert_not(flight_has_followers(&a.seat));
    cr_assert_eq(join(&b), FLIGHT_FOLLOWS);
    cr_assert(flight_has_followers(&a.seat));
    cr_assert_eq(metric_read(metrics, METRIC_FLIGHTS, NULL), 1);
    cr_assert_eq(metric_read(metrics, METRIC_FOLLOWERS, NULL), 1);
    flight_leave(&b.seat);
    flight_land(&a.seat, ERR_DEADLINE, NULL);
}

Test(flight, other_keys_fly_apart)
{
    struct rider a = { 0 };
    struct rider b = { 0 };

    cr_assert_eq(join(&a), FLIGHT_LEADS);
    cr_assert_eq(flight_join(flights, &other_key, loop, &b.seat, on_news), FLIGHT_LEADS);
    flight_leave(&a.seat);
    flight_leave(&b.seat);
}

Test(flight, every_follower_hears_of_the_landing_once_and_gets_the_answer)
{
    struct rider a = { 0 };
    struct rider b[3] = { 0 };

    join(&a);
    for (size_t i = 0; i < 3; i++)
        join(&b[i]);
    land_well(&a);
    cr_assert_eq(a.seat.state, FLIGHT_NONE);
    cr_assert_eq(b[0].heard, 0, "nobody hears inside another's call");
    pump();
    cr_assert_eq(a.heard, 0);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(b[i].heard, 1);
        cr_assert_eq(b[i].seat.state, FLIGHT_LANDED);
        cr_assert_eq(b[i].seat.err, OK);
        cr_assert(str_eq(b[i].seat.answer->facts.body, STR("{}")));
        entry_unref(b[i].seat.answer);
    }
}

Test(flight, after_the_landing_the_next_to_ask_leads_anew)
{
    struct rider a = { 0 };
    struct rider b = { 0 };

    join(&a);
    land_well(&a);
    cr_assert_eq(join(&b), FLIGHT_LEADS);
    flight_land(&b.seat, OK, NULL);
}

Test(flight, a_seat_may_be_freed_while_its_letter_is_under_way)
{
    struct rider a = { 0 };
    struct rider *b = calloc(1, sizeof(*b));

    join(&a);
    join(b);
    land_well(&a);
    flight_leave(&b->seat);
    free(b);
    pump();
}

Test(flight, a_seat_may_be_used_again_while_its_letter_is_under_way)
{
    struct rider a = { 0 };
    struct rider b = { 0 };

    join(&a);
    join(&b);
    land_well(&a);
    flight_leave(&b.seat);
    cr_assert_eq(join(&b), FLIGHT_LEADS);
    pump();
    cr_assert_eq(b.heard, 0);
    cr_assert_eq(b.seat.state, FLIGHT_LEADS);
    flight_leave(&b.seat);
}

Test(flight, a_failure_before_any_byte_promotes_exactly_one)
{
    struct rider a = { 0 };
    struct rider b[3] = { 0 };

    join(&a);
    for (size_t i = 0; i < 3; i++)
        join(&b[i]);
    flight_land(&a.seat, ERR_UPSTREAM_SILENT, NULL);
    pump();
    cr_assert(b[0].seat.state == FLIGHT_PROMOTED && b[0].heard == 1);
    cr_assert(b[1].seat.state == FLIGHT_FOLLOWS && b[1].heard == 0);
    cr_assert_eq(b[2].heard, 0);
    cr_assert_eq(metric_read(metrics, METRIC_FLIGHTS, NULL), 1);
    cr_assert_eq(metric_read(metrics, METRIC_FOLLOWERS, NULL), 2);

    land_well(&b[0]);
    pump();
    cr_assert_eq(b[1].seat.state, FLIGHT_LANDED);
    cr_assert_eq(b[2].seat.state, FLIGHT_LANDED);
    entry_unref(b[1].seat.answer);
    entry_unref(b[2].seat.answer);
}

Test(flight, an_error_that_says_something_is_everybodys_at_once)
{
    struct rider a = { 0 };
    struct rider b[3] = { 0 };
    struct entry *said = answer();

    join(&a);
    for (size_t i = 0; i < 3; i++)
        join(&b[i]);
    flight_land(&a.seat, ERR_UPSTREAM_REFUSED, said);
    pump();
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(b[i].seat.state, FLIGHT_LANDED);
        cr_assert_eq(b[i].seat.err, ERR_UPSTREAM_REFUSED);
        cr_assert_eq(b[i].seat.answer, said);
        entry_unref(b[i].seat.answer);
    }
    cr_assert_eq(metric_read(metrics, METRIC_FLIGHTS, NULL), 0);
    entry_unref(said);
}

Test(flight, the_next_is_promoted_when_the_promoted_one_leaves_before_it_has_heard)
{
    struct rider a = { 0 };
    struct rider b = { 0 };
    struct rider c = { 0 };

    join(&a);
    join(&b);
    join(&c);
    flight_land(&a.seat, ERR_UPSTREAM_SILENT, NULL);
    flight_leave(&b.seat);
    pump();
    cr_assert_eq(b.heard, 0);
    cr_assert_eq(c.seat.state, FLIGHT_PROMOTED);
    flight_leave(&c.seat);
}

Test(flight, the_next_is_promoted_when_the_promoted_one_leaves_on_hearing)
{
    struct rider a = { 0 };
    struct rider b = { .leaves_when_told = true };
    struct rider c = { 0 };

    join(&a);
    join(&b);
    join(&c);
    flight_land(&a.seat, ERR_UPSTREAM_SILENT, NULL);
    pump();
    pump();
    cr_assert_eq(c.seat.state, FLIGHT_PROMOTED);
    flight_leave(&c.seat);
}

Test(flight, the_leader_hears_when_the_last_follower_has_left)
{
    struct rider a = { 0 };
    struct rider b = { 0 };
    struct rider c = { 0 };

    join(&a);
    join(&b);
    join(&c);
    flight_leave(&b.seat);
    pump();
    cr_assert_eq(a.heard, 0);
    flight_leave(&c.seat);
    pump();
    cr_assert_eq(a.heard, 1);
    cr_assert_eq(a.seat.state, FLIGHT_LEADS);
    cr_assert_not(flight_has_followers(&a.seat));
    flight_leave(&a.seat);
}

Test(flight, a_promotion_is_told_once)
{
    struct rider a = { 0 };
    struct rider b = { 0 };
    struct rider c = { 0 };

    join(&a);
    join(&b);
    join(&c);
    flight_leave(&a.seat);
    pump();
    cr_assert_eq(b.seat.state, FLIGHT_PROMOTED);
    flight_leave(&c.seat);
    pump();
    cr_assert_eq(b.seat.state, FLIGHT_LEADS);
    flight_leave(&b.seat);
}

Test(flight, who_joins_as_the_deserted_leader_gives_up_is_promoted)
{
    struct rider a = { 0 };
    struct rider b = { 0 };

    join(&a);
    cr_assert_not(flight_has_followers(&a.seat));
    cr_assert_eq(join(&b), FLIGHT_FOLLOWS);
    flight_land(&a.seat, ERR_CANCELLED, NULL);
    pump();
    cr_assert_eq(b.seat.state, FLIGHT_PROMOTED);
    flight_leave(&b.seat);
}

/* ---- streams ---- */

Test(flight, a_late_follower_reads_the_stream_from_its_start)
{
    struct rider a = { 0 };
    struct rider b = { 0 };

    join(&a);
    cr_assert(flight_write(&a.seat, STR("one ")));
    join_stream(&b);
    cr_assert_eq(b.heard, 0);
    pump();
    cr_assert_eq(b.heard, 1);
    cr_assert(flight_write(&a.seat, STR("two ")));
    expect_read(&b, STR("one two "));
    expect_read(&b, STR(""));
    cr_assert(flight_write(&a.seat, STR("three")));
    pump();
    expect_read(&b, STR("three"));
    flight_leave(&b.seat);
    flight_leave(&a.seat);
}

Test(flight, the_log_can_be_read_after_the_landing_until_the_follower_leaves)
{
    struct rider a = { 0 };
    struct rider b = { 0 };

    join(&a);
    join_stream(&b);
    flight_write(&a.seat, STR("all of it"));
    flight_land(&a.seat, OK, NULL);
    pump();
    cr_assert_eq(b.seat.state, FLIGHT_LANDED);
    cr_assert_eq(b.seat.err, OK);
    cr_assert_null(b.seat.answer);
    expect_read(&b, STR("all of it"));
    flight_leave(&b.seat);
    cr_assert_eq(b.seat.state, FLIGHT_NONE);
    expect_read(&b, STR(""));
}

Test(flight, a_plain_follower_does_not_hear_of_bytes)
{
    struct rider a = { 0 };
    struct rider b = { 0 };

    join(&a);
    join(&b);
    flight_write(&a.seat, STR("bytes"));
    pump();
    cr_assert_eq(b.heard, 0);
    expect_read(&b, STR(""));
    flight_leave(&b.seat);
    flight_leave(&a.seat);
}

Test(flight, a_failure_after_bytes_ends_those_who_have_read_them)
{
    struct rider a = { 0 };
    struct rider b = { 0 };

    join(&a);
    join_stream(&b);
    flight_write(&a.seat, STR("half"));
    expect_read(&b, STR("half"));
    flight_write(&a.seat, STR(" more"));
    flight_land(&a.seat, ERR_UPSTREAM_TRUNCATED, NULL);
    pump();
    cr_assert_eq(b.seat.state, FLIGHT_LANDED);
    cr_assert_eq(b.seat.err, ERR_UPSTREAM_TRUNCATED);
    expect_read(&b, STR(" more"));
    flight_leave(&b.seat);
}

Test(flight, a_failure_after_bytes_promotes_one_of_those_who_have_read_none)
{
    struct rider a = { 0 };
    struct rider b = { 0 };
    struct rider c = { 0 };

    join(&a);
    join_stream(&b);
    join_stream(&c);
    flight_write(&a.seat, STR("half"));
    flight_land(&a.seat, ERR_UPSTREAM_TRUNCATED, NULL);
    pump();
    cr_assert_eq(b.seat.state, FLIGHT_PROMOTED);
    cr_assert_eq(c.seat.state, FLIGHT_FOLLOWS);
    expect_read(&c, STR(""));
    flight_write(&b.seat, STR("whole"));
    flight_land(&b.seat, OK, NULL);
    pump();
    expect_read(&c, STR("whole"));
    flight_leave(&c.seat);
}

Test(flight, plain_followers_of_an_answer_without_plain_form_are_promoted_one_by_one)
{
    struct rider a = { 0 };
    struct rider stream = { 0 };
    struct rider plain[2] = { 0 };

    join(&a);
    join_stream(&stream);
    join(&plain[0]);
    join(&plain[1]);
    flight_write(&a.seat, STR("whole"));
    flight_land(&a.seat, OK, NULL);
    pump();
    cr_assert_eq(stream.seat.state, FLIGHT_LANDED);
    expect_read(&stream, STR("whole"));
    flight_leave(&stream.seat);
    cr_assert(plain[0].seat.state == FLIGHT_PROMOTED && plain[1].seat.state == FLIGHT_FOLLOWS);
    flight_land(&plain[0].seat, OK, NULL);
    pump();
    cr_assert_eq(plain[1].seat.state, FLIGHT_PROMOTED);
    flight_land(&plain[1].seat, OK, NULL);
}

/* More than a log takes; the first of it is read by `reader`. */
static void write_without_end(struct rider *a, struct rider *reader)
{
    static char block[1 << 20];
    struct buf out = { 0 };
    unsigned written = 0;

    while (flight_write(&a->seat, (struct str){ block, sizeof(block) }))
        if (written++ == 0)
            flight_read(&reader->seat, &out, 10);
    cr_assert_eq(written, 16);
    buf_deinit(&out);
}

Test(flight, an_endless_stream_ends_its_readers_at_the_ceiling_and_nobody_else)
{
    struct rider a = { 0 };
    struct rider reader = { 0 };
    struct rider waiting[2] = { 0 };

    join(&a);
    join_stream(&reader);
    join(&waiting[0]);
    join(&waiting[1]);
    write_without_end(&a, &reader);
    pump();
    cr_assert_eq(reader.seat.state, FLIGHT_LANDED);
    cr_assert_eq(reader.seat.err, ERR_TOO_LONG);
    cr_assert_eq(waiting[0].seat.state, FLIGHT_PROMOTED);
    cr_assert_eq(waiting[0].seat.err, OK);
    land_well(&waiting[0]);
    pump();
    cr_assert_eq(waiting[1].seat.state, FLIGHT_LANDED);
    entry_unref(waiting[1].seat.answer);
    flight_leave(&waiting[1].seat);
    flight_leave(&reader.seat);
    flight_land(&a.seat, OK, NULL);
}

Test(flight, whoever_comes_when_a_log_has_overflowed_does_not_follow_it)
{
    struct rider a = { 0 };
    struct rider reader = { 0 };
    struct rider late = { 0 };

    join(&a);
    join_stream(&reader);
    write_without_end(&a, &reader);
    pump();
    cr_assert_not(flight_has_followers(&a.seat));
    cr_assert_gt(a.heard, 0);
    join_stream(&late);
    cr_assert_eq(late.seat.state, FLIGHT_LEADS);
    flight_leave(&late.seat);
    flight_leave(&reader.seat);
    flight_leave(&a.seat);
}
