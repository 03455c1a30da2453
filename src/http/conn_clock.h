/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * A connection's two clocks on one timer: how long its state may last, and how long a client
 * may take nothing of what is queued for it.
 */

struct http_conn;

/* What the state now allows, from now on. */
void conn_clock_set(struct http_conn *c);

/* Notes what the client has taken; a reader with nothing to take is not slow. */
void conn_clock_note(struct http_conn *c, uint64_t now_us);

/* Sees to it that the timer is due no later than the earlier of the two ends. */
void conn_clock_wind(struct http_conn *c, uint64_t now_us);
