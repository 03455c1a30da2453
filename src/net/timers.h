/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct timer;

/* All armed timers of one loop: a heap by due time, over one libuv timer. */
struct timers {
    uv_timer_t alarm;
    struct timer **heap; /* [1..count]; the first is due first */
    size_t count;
    size_t capacity;
    uint64_t alarm_us; /* when the alarm goes off; 0: it is not set */
    bool rang;         /* it has: the next wait shall not wait, and then timers_run */
};

void timers_init(struct timers *all, uv_loop_t *uv);
void timers_close(struct timers *all); /* what is armed is forgotten */

/* Sets the alarm for the first timer; called once a turn, before the loop waits. */
void timers_set_alarm(struct timers *all);
/* Calls who is due, if the alarm rang; called once a turn, when sockets have been looked at. */
void timers_run(struct timers *all);
