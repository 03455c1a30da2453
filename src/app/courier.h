/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/app/alert_settings.h"
#include "weir/net/child.h"

#include "parcel.h"
#include "post.h"

/*
 * The way to one receiver of changes, a webhook or a command: one parcel at a time, told once
 * whether it was taken. A command has an hour, a webhook ten seconds. Whoever has not
 * taken one rests for a moment; a webhook that asks for more has it, up to an hour.
 */

struct courier;
typedef void courier_fn(struct courier *c, struct parcel *p, bool taken);

struct courier {
    const struct post_kit *kit;          /* lent */
    const struct alert_webhook *webhook; /* lent; NULL: a command */
    const char *const *argv;             /* lent; NULL: a webhook */
    courier_fn *on_done;
    struct parcel *carrying; /* lent; NULL: idle */
    uint64_t rests_until_us;
    struct post post;
    struct child child;
    struct arena arena; /* of what is being sent */
    struct buf event;
    const char *why; /* when it was not taken; lent until the next start */
    char why_text[160];
};

void courier_init_webhook(struct courier *c, const struct post_kit *kit,
                          const struct alert_webhook *webhook, courier_fn *on_done);
void courier_init_command(struct courier *c, const struct post_kit *kit,
                          const char *const *argv, courier_fn *on_done);
bool courier_is_free(const struct courier *c, uint64_t now_us); /* idle, and does not rest */
/* The parcel is lent until on_done, which never comes from inside start or cancel. */
void courier_start(struct courier *c, struct parcel *p, struct str link);
void courier_cancel(struct courier *c); /* on_done follows, if something is under way */
void courier_kill(struct courier *c);   /* a command, at once; for who does not wait for it */
void courier_deinit(struct courier *c); /* idle, or zeroed */

struct str courier_kind(const struct courier *c);  /* "webhook" or "exec": for metrics */
struct str courier_where(const struct courier *c); /* for people: no secrets */
