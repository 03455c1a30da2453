/* SPDX-License-Identifier: Apache-2.0 */
#include "redis_greeting.h"

#include <stdio.h>
#include <string.h>

void redis_greeting_make(struct redis_greeting *out, const struct redis_settings *s,
                         const struct redis_command *last)
{
    size_t words = 1;

    *out = (struct redis_greeting){ .auth = { STR("AUTH") },
                                    .select = { STR("SELECT") },
                                    .role = { STR("ROLE") } };
    (void)snprintf(out->database, sizeof(out->database), "%u", s->database);
    out->select[1] = str_of(out->database);
    if (s->user[0] && s->password[0])
        out->auth[words++] = str_of(s->user);
    if (s->password[0]) {
        out->auth[words++] = str_of(s->password);
        out->commands[out->count++] = (struct redis_command){ out->auth, words };
    }
    if (s->database > 0)
        out->commands[out->count++] = (struct redis_command){ out->select, 2 };
    if (s->sentinel_count > 0)
        out->commands[out->count++] = (struct redis_command){ out->role, 1 };
    out->commands[out->count++] = *last;
}

static bool is_master(const struct redis_reply *reply)
{
    return redis_reply_count(reply) > 0 &&
           str_eq(redis_reply_text(redis_reply_at(reply, 0)), STR("master"));
}

bool redis_greeting_accepts(const struct redis_settings *settings,
                            const struct redis_reply *reply, unsigned left,
                            char why[GREETING_WHY])
{
    bool is_role = settings->sentinel_count > 0 && left == 1; /* ROLE is the last but one */
    struct str text = redis_reply_text(reply);
    size_t length = 0;

    if (redis_reply_type(reply) == REDIS_ERROR) {
        /* A user may lack the right to ask; then the sentinel's word has to do. */
        if (is_role && str_starts(text, STR("NOPERM")))
            return true;
        /* A server that does not know AUTH repeats its words, in quotes: the password. */
        while (length < text.len && !strchr("'\"`", text.at[length]))
            length++;
        (void)snprintf(why, GREETING_WHY, "%.*s", STR_ARG(str_head(text, length)));
        return false;
    }
    if (is_role && !is_master(reply)) {
        (void)snprintf(why, GREETING_WHY, "it is not the master");
        return false;
    }
    return true;
}
