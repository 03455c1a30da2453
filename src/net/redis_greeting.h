/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/net/redis.h"

/*
 * What is said first on every connection: AUTH, SELECT, and ROLE where a sentinel was asked,
 * as the settings want it; the last word is the caller's (PING, SUBSCRIBE).
 */
enum { GREETING_COMMANDS = 4, GREETING_WHY = 128 };

struct redis_greeting {
    struct str auth[3];
    struct str select[2];
    struct str role[1];
    char database[16];
    struct redis_command commands[GREETING_COMMANDS];
    size_t count;
};

/* The words lie in `out`, and are lent by the settings and `last`. */
void redis_greeting_make(struct redis_greeting *out, const struct redis_settings *settings,
                         const struct redis_command *last);

/* Is the server well that answered so, with `left` answers still to come? If not, `why` says
   what is wrong. */
bool redis_greeting_accepts(const struct redis_settings *settings,
                            const struct redis_reply *reply, unsigned left,
                            char why[GREETING_WHY]);
