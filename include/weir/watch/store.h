/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

/*
 * Where ticks come from, and where what was made of them is kept.
 *
 * In Redis (all keys behind <prefix>v1:, all with a TTL):
 *
 *   histograms               zset  histograms by their last tick; who counts adds to it
 *   histogram:<h>:<tick>     hash  count by value; who counts adds to it
 *   hours:<h>:<day>          hash  hour of the day (0 to 23) to "value=count ..."
 *   drift:lease              text  who judges now
 *   drift:<h>                hash  stamp, state (subject.h); only a later stamp replaces one
 *   baseline:<id>            text  JSON; baseline_ids: zset of them by their making
 *   baselines                hash  histogram to the id that is pinned
 *   alarm:<id>               text  JSON; alarms: zset of them by their last change
 *   changes                  zset  JSON of what upstreams changed (change.h), by its time
 *   deliveries               hash  "<alarm id>:<state>", "<change id>:changed" to JSON: what
 *                                  nobody has been told of
 *   acknowledged             hash  alarm id to ms
 *   silences                 hash  id to JSON
 *
 * where <h> is <model>:<version>:<prediction>[@<segment>]. Any number of gateways share it: one
 * of them judges, by the lease, the others read.
 *
 * Or in one process: ticks from its own memory, and everything else in one file, written anew
 * and renamed into its place after each tick. Without a path nothing outlives the process.
 */

struct store;
struct loop;
struct redis;
struct ticks;

struct store *store_redis_new(struct loop *loop, struct redis *link,
                              struct str prefix); /* lent */
struct store *store_file_new(struct loop *loop, struct ticks *ticks,
                             struct str path); /* lent */
void store_free(struct store *s);              /* no operation may be under way */
