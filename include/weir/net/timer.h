/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct timer;

typedef void timer_fn(struct timer *t);

/*
 * A moment to be called at. Embedded in its owner, with no handle behind it: a disarmed timer
 * may be freed at once. All timers of a loop stand in one heap over one libuv timer.
 * Disarming is always allowed, also from on_due, also twice. A zeroed timer is disarmed.
 */
struct timer {
    struct loop *loop; /* lent */
    timer_fn *on_due;
    uint64_t due_us;
    uint64_t key_us; /* by which it stands in the heap: due_us, or earlier if it was moved */
    uint32_t place;  /* in the heap, from 1; 0: not armed */
};

void timer_init(struct timer *t, struct loop *loop, timer_fn *on_due);
void timer_arm(struct timer *t, uint64_t after_us); /* from now; moves an armed one */
void timer_disarm(struct timer *t);
bool timer_is_armed(const struct timer *t);
