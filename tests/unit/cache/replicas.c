/* SPDX-License-Identifier: Apache-2.0 */
#include "replicas.h"

#include "fleet_inner.h"

#include "weir/base/clock.h"
#include "weir/net/resolve.h"

#include <criterion/criterion.h>

enum { LOOK_US = 1000 };

static const struct digest question;

void replica_open(struct replica *r, struct stage *s, bool streams)
{
    struct redis_settings link = {
        .host = "127.0.0.1", .port = s->port, .timeout_us = 500000, .most_in_flight = 1000
    };
    struct remote_settings settings = { .prefix = STR("weir:") };

    *r = (struct replica){ .stage = s };
    r->link = redis_new(s->loop, s->resolver, &link);
    r->remote = remote_new(r->link, &settings);
    r->fleet = fleet_new(s->loop, s->resolver, r->link, &link, STR("weir:"), streams);
    while (!redis_is_up(r->link) || !redis_news_is_up(r->fleet->news))
        stage_run_for(s, LOOK_US);
}

void replica_close(struct replica *r)
{
    fleet_free(r->fleet);
    remote_free(r->remote);
    redis_free(r->link);
}

/* ---- look up ---- */

static void on_looked_up(struct remote_op *op, struct entry *found)
{
    struct asker *a = container_of(op, struct asker, op);

    a->found = found != NULL;
    a->looking = false;
    entry_unref(found);
    loop_stop(a->replica->stage->loop);
}

void asker_look_up(struct asker *a, struct replica *r)
{
    struct entry_facts asked = { .scope = STR("public"), .model = STR("m") };
    struct lease_wish wish = fleet_wish(r->fleet, &question);

    a->replica = r;
    a->looking = true;
    remote_look_up(r->remote, &a->op, &asked, &wish, on_looked_up);
    while (a->looking)
        stage_run(r->stage);
}

/* ---- lead, await ---- */

static void on_bytes(struct fleet_seat *s, struct str bytes)
{
    struct asker *a = container_of(s, struct asker, seat);

    cr_assert_eq(a->ends, 0);
    buf_put(&a->bytes, bytes);
    if (a->pause_after > 0 && a->bytes.len >= a->pause_after)
        fleet_pause(s);
    if (a->leave_after > 0 && a->bytes.len >= a->leave_after)
        fleet_leave(s);
    loop_stop(a->replica->stage->loop);
}

static void on_end(struct fleet_seat *s, enum fleet_end end)
{
    struct asker *a = container_of(s, struct asker, seat);

    cr_assert_null(s->fleet);
    a->ends++;
    a->end = end;
    a->ended_us = clock_now_us();
    loop_stop(a->replica->stage->loop);
}

static void on_seen(struct fleet_seat *s, bool followed)
{
    struct asker *a = container_of(s, struct asker, seat);

    a->unfollowed += !followed;
    a->followed += followed;
    loop_stop(a->replica->stage->loop);
}

static const struct fleet_events events = { on_bytes, on_end, on_seen };

void asker_lead(struct asker *a, struct replica *r)
{
    asker_look_up(a, r);
    cr_assert_eq(a->op.lease, LEASE_OURS);
    fleet_lead(r->fleet, &a->seat, &question);
}

void asker_look_out(struct asker *a)
{
    unsigned before = a->unfollowed + a->followed;

    fleet_look_out(&a->seat, &events);
    cr_assert_eq(a->unfollowed + a->followed, before,
                 "nothing comes inside the call that starts it");
}

void asker_resume_waiting(struct asker *a, uint64_t lease_ms, bool wants_bytes)
{
    a->ends = 0;
    fleet_await(a->replica->fleet, &a->seat, &question, lease_ms, wants_bytes, &events);
    cr_assert_eq(a->ends, 0, "nothing ends inside the call that starts it");
}

void asker_await(struct asker *a, struct replica *r, bool wants_bytes)
{
    asker_look_up(a, r);
    cr_assert_eq(a->op.lease, LEASE_OTHERS);
    asker_resume_waiting(a, a->op.lease_left_ms, wants_bytes);
}

void asker_deinit(struct asker *a)
{
    fleet_leave(&a->seat);
    buf_deinit(&a->bytes);
}

void stage_run_out(struct stage *s, uint64_t us)
{
    uint64_t until_us = clock_now_us() + us;

    for (uint64_t now_us = clock_now_us(); now_us < until_us; now_us = clock_now_us())
        stage_run_for(s, until_us - now_us);
}

void stage_until_end(struct asker *a)
{
    while (a->ends == 0)
        stage_run(a->replica->stage);
}

void stage_until_bytes(struct asker *a, size_t n)
{
    while (a->bytes.len < n && a->ends == 0)
        stage_run(a->replica->stage);
    cr_assert_geq(a->bytes.len, n);
}
