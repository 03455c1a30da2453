/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/own.h"
#include "weir/base/str.h"
#include "weir/watch/pace.h"

/*
 * From what this process counts to the course of all gateways. Workers add to its ticks; when
 * one is settled the herald makes it a text, puts that in the course, and, with a Redis, tells
 * it there and hears those of the others:
 *
 *     <prefix>v1:course:<tick>   hash   gateway to text (course.h)
 *
 * each for HERALD_KEPT ticks. Who starts hears those first; without Redis the course is this
 * process's own. While Redis is away texts wait, a limited number of them, and the course has
 * this process's own counts, until what was missed can be heard.
 *
 * It lives on the control loop.
 */

enum { HERALD_KEPT = 360, HERALD_WAITING = 64 };

struct course;
struct herald;
struct loop;
struct redis;
struct ticks;

/* `link` may be NULL; it and the prefix are lent. */
struct herald *herald_new(struct loop *loop, struct redis *link, struct str prefix,
                          const struct pace *pace);
void herald_start(struct herald *h);
void herald_stop(struct herald *h); /* tells what the running tick has, and waits for nothing */
void herald_free(struct herald *h); /* after the link is gone; NULL is fine */
DEFINE_AUTO(struct herald, herald_free)

struct ticks *herald_ticks(const struct herald *h);         /* for workers; shared */
const struct course *herald_course(const struct herald *h); /* for the control loop */
uint64_t herald_last(const struct herald *h); /* the last tick that all have told */
const struct pace *herald_pace(const struct herald *h);
