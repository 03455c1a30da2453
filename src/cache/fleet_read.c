/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tape, read on behalf of a follower: from its start, one reading at a time, as news tell of
 * more. While the follower is paused nothing is kept for it: what was not given is read again.
 *
 * A tape belongs to one run of a leader. One of another run, or of no shape that we write, is
 * not read by who has begun; who has not begun yet waits for the whole answer instead.
 */
#include "fleet_inner.h"

#include <stdio.h>
#include <string.h>

/* One entry of a tape; lent by the reply. */
struct piece {
    struct str entry;
    struct str by;
    struct str bytes;
    struct str end; /* absent: there is more to come */
};

static bool read_piece(const struct redis_reply *reply, struct piece *out)
{
    const struct redis_reply *fields;

    *out = (struct piece){ 0 };
    if (redis_reply_count(reply) != 2)
        return false;
    out->entry = redis_reply_text(redis_reply_at(reply, 0));
    fields = redis_reply_at(reply, 1);
    for (size_t i = 0; i + 1 < redis_reply_count(fields); i += 2) {
        struct str name = redis_reply_text(redis_reply_at(fields, i));
        struct str value = redis_reply_text(redis_reply_at(fields, i + 1));

        if (str_eq(name, STR("by")))
            out->by = value;
        else if (str_eq(name, STR("b")))
            out->bytes = value;
        else if (str_eq(name, STR("end")))
            out->end = value;
    }
    return out->entry.len > 0 && out->entry.len < FLEET_ENTRY_ID && out->by.len > 0 &&
           out->by.len < FLEET_BY && (out->bytes.len > 0) != (out->end.len > 0);
}

static void keep_text(char *out, struct str text)
{
    memcpy(out, text.at, text.len);
    out[text.len] = '\0';
}

/* No more can be had from this tape. Who was given nothing hears of the landing, or sees the
   lease end, */
static void stop_reading(struct follower *w, enum fleet_end end)
{
    w->reads = false;
    if (w->given)
        fleet_follower_end(w, end);
}

static void give_up(struct follower *w)
{
    stop_reading(w, FLEET_LOST);
}

/* but not of one that is too long: it asks for itself. */
static void take_over(struct follower *w)
{
    w->reads = false;
    fleet_follower_end(w, w->given ? FLEET_LONG : FLEET_ALONE);
}

/* How the tape ends: whole, broken, left by its leader, or over: too long for a tape. */
static void take_end(struct follower *w, struct str end)
{
    if (str_eq(end, STR("whole")))
        stop_reading(w, FLEET_WHOLE);
    else if (str_eq(end, STR("broken")))
        stop_reading(w, FLEET_BROKEN);
    else if (str_eq(end, STR("over")))
        take_over(w);
    else
        give_up(w);
}

static void take_bytes(struct follower *w, const struct piece *piece)
{
    struct fleet_seat *s = w->seat;

    keep_text(w->entry, piece->entry);
    keep_text(w->by, piece->by);
    w->given = true;
    w->telling = true;
    s->events->on_bytes(s, piece->bytes); /* which may leave */
    w->telling = false;
}

/* False: that was the last for now. */
static bool take(struct follower *w, const struct redis_reply *reply)
{
    struct piece piece;

    if (!read_piece(reply, &piece) || (w->given && !str_eq(piece.by, str_of(w->by)))) {
        give_up(w);
        return false;
    }
    if (piece.end.len > 0) {
        take_end(w, piece.end);
        return false;
    }
    take_bytes(w, &piece);
    return w->seat && !w->paused && !w->ending;
}

static void on_read(struct redis_op *op, enum err err, const struct redis_reply *reply)
{
    struct follower *w = container_of(op, struct follower, read);
    size_t count;
    bool nudged = w->nudged;

    w->reading = false;
    w->nudged = false;
    if (!w->seat) {
        fleet_follower_drop(w);
        return;
    }
    if (w->ending || !w->reads || w->paused)
        return;
    if (err) {
        fleet_follower_fail(w);
        return;
    }
    if (redis_reply_type(reply) != REDIS_LIST) {
        give_up(w);
        return;
    }
    count = redis_reply_count(reply);
    for (size_t i = 0; i < count; i++) {
        if (take(w, redis_reply_at(reply, i)))
            continue;
        if (!w->seat)
            fleet_follower_drop(w);
        return;
    }
    if (nudged || count == LEASE_READ)
        fleet_read(w);
    else if (w->last)
        give_up(w);
}

void fleet_read(struct follower *w)
{
    struct lease_of lease;

    if (!w->reads || w->ending || w->paused)
        return;
    if (w->reading) {
        w->nudged = true;
        return;
    }
    w->reading = true;
    lease = fleet_lease(w->seat->fleet, &w->seat->flight);
    lease_read(&lease, str_of(w->entry), &w->read, on_read);
}
