/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What other gateways have to do with a question: the step that awaits the one that leads it,
 * and what a leader owes to those that await it. Who leads a question in the fleet also leads
 * its flight in this process, so those who follow here are known without a word of Redis.
 */

#include "keep.h"
#include "steps.h"
#include "tell.h"

/* ---- await: another gateway is having it answered ---------------------------------------- */

static void on_bytes(struct fleet_seat *s, struct str bytes)
{
    struct exchange *x = container_of(s, struct exchange, fleet);

    if (x->err)
        return;
    x->word = WORD_COALESCED;
    tell_bytes(x, bytes);
}

/* One more tries, of those who may; if that fails too, nobody need find it out once more. */
static enum step heed_failure(struct exchange *x)
{
    const struct fleet_failure *why = &x->fleet.failure;

    if (!x->let_down) {
        x->let_down = true;
        return LOOK_UP;
    }
    x->refused = keep_failure_of(why->status, why->wait_ms);
    choose_note_wait(x, why->wait_ms);
    x->refusal = why->err;
    return exchange_give_up(x, x->refusal);
}

static enum step ask_alone(struct exchange *x)
{
    fleet_alone(x->kit->fleet);
    return ROUTE;
}

static void on_end(struct fleet_seat *s, enum fleet_end end)
{
    struct exchange *x = container_of(s, struct exchange, fleet);

    if (end == FLEET_AGAIN && !x->committed)
        exchange_go(x, LOOK_UP);
    else if (end == FLEET_FAILED)
        exchange_go(x, heed_failure(x));
    else if (end == FLEET_ALONE)
        exchange_go(x, ask_alone(x));
    else if (end == FLEET_WHOLE)
        exchange_go(x, SETTLE);
    else if (end == FLEET_LONG)
        exchange_go(x, exchange_fail(x, ERR_TOO_LONG));
    else
        exchange_go(x, exchange_fail(x, end == FLEET_BROKEN ? ERR_UPSTREAM_TRUNCATED
                                                            : ERR_LEADER_LOST));
}

/* If nobody elsewhere follows it, somebody here may have come meanwhile. */
static void on_seen(struct fleet_seat *s, bool followed)
{
    struct exchange *x = container_of(s, struct exchange, fleet);

    x->followed = followed;
    if (!x->deserted)
        exchange_flow(x);
    else if (!followed && !flight_has_followers(&x->seat))
        exchange_call_off(x, ERR_CANCELLED);
}

static const struct fleet_events events = { on_bytes, on_end, on_seen };

enum step others_await(struct exchange *x)
{
    struct digest flight;

    x->awaited = true;
    find_name_flight(x, &flight);
    fleet_await(x->kit->fleet, &x->fleet, &flight, x->lookup.lease_left_ms, x->request.stream,
                &events);
    if (x->paused)
        fleet_pause(&x->fleet);
    return WAIT;
}

void others_stop_await(struct exchange *x)
{
    fleet_leave(&x->fleet);
    exchange_turn(x);
}

/* ---- who leads ------------------------------------------------------------------------------ */

bool others_may_follow(struct exchange *x)
{
    bool works = x->trail.at == QUEUE || x->trail.at == CALL || x->trail.at == PAUSE;

    if (!works || !x->fleet.leads)
        return false;
    fleet_look_out(&x->fleet, &events);
    return true;
}

void others_look_out(struct exchange *x)
{
    if (x->fleet.leads)
        fleet_look_out(&x->fleet, &events);
}

void others_look_away(struct exchange *x)
{
    x->followed = false;
    if (x->fleet.leads)
        fleet_look_away(&x->fleet);
}

/* Of the gateway, not of its upstream: to others it is as if it had died. */
static bool has_left(const struct exchange *x)
{
    return x->err == ERR_CANCELLED || x->err == ERR_SHUTDOWN || x->err == ERR_DEADLINE;
}

static bool is_for_each_alone(const struct exchange *x)
{
    return x->err == ERR_UPSTREAM_REFUSED || (keep_is_answered(x) && !x->degraded);
}

static struct fleet_failure failure_of(const struct exchange *x)
{
    const struct attempt *a = call_lead(x);

    return (struct fleet_failure){ .err = x->err ? x->err : x->refusal,
                                   .status = a && a->status >= 400 ? a->status : 0,
                                   .wait_ms = x->wait_ms };
}

/* Something less may have served its own client: to others it has failed all the same. */
void others_land(struct exchange *x)
{
    struct fleet_failure why = failure_of(x);

    if (!x->fleet.leads)
        return;
    if (has_left(x))
        fleet_leave(&x->fleet);
    else if (x->stored || is_for_each_alone(x))
        fleet_land(&x->fleet, x->stored);
    else if (find_is_common(why.err))
        fleet_fail(&x->fleet, &why);
    else
        fleet_leave(&x->fleet);
}
