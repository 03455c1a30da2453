/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/app/config.h"
#include "weir/watch/judge.h"
#include "weir/watch/pace.h"

#include "post.h"

/*
 * Noticing drift, as a part of the process: the judge, where it keeps what it knows, a link
 * to Redis of its own, whose patience is that of a clerk and not of a request, and the telling
 * of alarms. Without Redis workers count into `ticks`, which the judge takes.
 */

struct alerts;
struct census;
struct herald;
struct metrics;
struct metric_shard;
struct plan;
struct redis;
struct ticks;

struct noticing {
    struct pace pace;
    struct ticks *ticks; /* NULL: counts go to Redis */
    struct redis *link;  /* NULL: none is configured */
    struct judge *judge;
    struct herald *herald;
    struct census *census;
    struct alerts *alerts;
};

struct noticing_kit {
    struct post_kit post; /* on the control loop; all of this is lent */
    struct metrics *metrics;
    struct metric_shard *shard;
    const struct settings *settings;
};

void noticing_open(struct noticing *n, const struct noticing_kit *kit);
void noticing_set_plan(struct noticing *n, const struct plan *plan); /* what is watched */
void noticing_start(struct noticing *n, struct str admin);           /* where operators ask */
void noticing_stop(struct noticing *n); /* then wait until it is idle: seconds at most */
void noticing_kill(struct noticing *n); /* for a process that cannot wait: no command stays */
bool noticing_is_idle(const struct noticing *n);
void noticing_close(struct noticing *n); /* a zeroed one is closed */
