/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Memory that bodies may take while they come in and until they are answered, over all servers
 * and threads of the process. A body larger than one read asks for room as it grows and gives it
 * back with its last byte's use; where there is none left its request is refused, so that many
 * large bodies at once cannot take all there is.
 */

struct http_room {
    _Atomic size_t used; /* bytes */
    _Atomic size_t most; /* may change with a reload */
};

/* What one body has of it. Zeroed: nothing, of no room in particular, which is endless. */
struct room_share {
    struct http_room *room; /* lent; NULL: endless */
    size_t bytes;
};

bool room_share_grow(struct room_share *s, size_t to_bytes); /* false: no room, and unchanged */
void room_share_end(struct room_share *s);
