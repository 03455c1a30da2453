/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/http/conn.h"
#include "weir/http/room.h"

/*
 * A request that outlives the read it came in: one block holds its fields and the head's
 * bytes, and the body lies in another, which is taken over if the reader had one of its own.
 */

/* Copies what `r` points at and lets `r` point at the copies. `body` is its body's memory to
   take over, or NULL, and `share` what that has of the room: it ends with the kept request. */
struct http_kept *http_kept_new(struct http_request *r, char *body, struct room_share share);
