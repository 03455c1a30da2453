/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/digest.h"

#include "alert_text.h"
#include "post.h"

/*
 * The way to one Alertmanager, which keeps what it is told for a while and no longer: all that
 * stands is pushed when it changes, and again every minute. Nothing is pushed while nothing
 * stands. A failed push is tried again with growing pauses, always with what stands by then.
 */

struct pusher;
typedef void pusher_fn(struct pusher *p, bool taken);

struct pusher {
    pusher_fn *on_done;
    struct post post;
    struct buf body;
    struct digest said;   /* what stood in the last push that was taken */
    struct digest saying; /* and in the one under way */
    bool news;            /* they differ */
    size_t count;         /* of alerts in it */
    unsigned failures;    /* in a row */
    uint64_t due_us;
};

void pusher_init(struct pusher *p, const struct post_kit *kit, struct str url,
                 pusher_fn *on_done);
/* Pushes if it is time to; on_done follows if it does. */
void pusher_look(struct pusher *p, const struct alert_scene *scene);
void pusher_cancel(struct pusher *p);
bool pusher_is_idle(const struct pusher *p);
void pusher_deinit(struct pusher *p); /* idle, or zeroed */
