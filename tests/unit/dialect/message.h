/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "world.h"

/* The events of an Anthropic message, told to a tap. */

static inline enum err says_event(struct world *w, const char *type, const char *members)
{
    char data[2048];

    (void)snprintf(data, sizeof(data), "{\"type\":\"%s\"%s}", type, members);
    return says_named(w, type, data);
}

static inline enum err starts(struct world *w)
{
    return says_event(w, "message_start",
                      ",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":"
                      "\"assistant\",\"model\":\"claude\",\"content\":[],\"stop_reason\":null,"
                      "\"stop_sequence\":null,\"usage\":{\"input_tokens\":3,"
                      "\"output_tokens\":1}}");
}

static inline enum err block(struct world *w, unsigned index, const char *object)
{
    char members[1024];

    (void)snprintf(members, sizeof(members), ",\"index\":%u,\"content_block\":%s", index,
                   object);
    return says_event(w, "content_block_start", members);
}

static inline enum err piece(struct world *w, unsigned index, const char *type,
                             const char *member)
{
    char members[1024];

    (void)snprintf(members, sizeof(members), ",\"index\":%u,\"delta\":{\"type\":\"%s\",%s}",
                   index, type, member);
    return says_event(w, "content_block_delta", members);
}

static inline enum err stops(struct world *w, const char *reason)
{
    char members[1024];

    (void)snprintf(members, sizeof(members),
                   ",\"delta\":{\"stop_reason\":\"%s\",\"stop_sequence\":null},\"usage\":"
                   "{\"output_tokens\":5}",
                   reason);
    return says_event(w, "message_delta", members);
}
