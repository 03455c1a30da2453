/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/app/alert_settings.h"

#include "post.h"

/*
 * Telling others of alarms, on the control loop. Every few seconds, and when the judge has
 * news, it looks at what the judge knows:
 *
 *   - every gateway pushes what stands to each Alertmanager, where equal alerts become one;
 *   - the gateway that judges carries each change to each webhook and to the command, at least
 *     once, and tells the judge when all have taken it, so that who judges next does not.
 *
 * What is silenced waits until it is not; what came and went meanwhile is never told.
 */

struct alerts;
struct judge;
struct metric_shard;

struct alerts_kit {
    struct post_kit post; /* all of this is lent */
    struct judge *judge;
    struct metric_shard *shard;
    const struct alert_settings *settings;
    uint64_t tick_ms;
};

struct alerts *alerts_new(const struct alerts_kit *kit);
/* The address where operators ask: what alerts link to when no link is configured. */
void alerts_start(struct alerts *a, struct str admin);
void alerts_stop(
    struct alerts *a); /* calls off what is under way; then wait until it is idle */
void alerts_kill(struct alerts *a); /* no command outlives a process that leaves now */
bool alerts_are_idle(const struct alerts *a);
void alerts_free(struct alerts *a); /* before the judge; NULL is fine */
