/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/http/room.h"

bool room_share_grow(struct room_share *s, size_t to_bytes)
{
    size_t more = to_bytes > s->bytes ? to_bytes - s->bytes : 0;
    size_t before;

    if (!s->room || more == 0)
        return true;
    before = atomic_fetch_add_explicit(&s->room->used, more, memory_order_relaxed);
    if (before + more > atomic_load_explicit(&s->room->most, memory_order_relaxed)) {
        atomic_fetch_sub_explicit(&s->room->used, more, memory_order_relaxed);
        return false;
    }
    s->bytes = to_bytes;
    return true;
}

void room_share_end(struct room_share *s)
{
    if (s->room)
        atomic_fetch_sub_explicit(&s->room->used, s->bytes, memory_order_relaxed);
    s->bytes = 0;
}
