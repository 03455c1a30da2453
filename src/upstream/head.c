/* SPDX-License-Identifier: Apache-2.0 */
#include "head.h"

#include <string.h>

static bool travels(const struct upstream *u, const char *line)
{
    static const char *const names[] = { "accept",
                                         "user-agent",
                                         "traceparent",
                                         "tracestate",
                                         "idempotency-key",
                                         "openai-beta",
                                         "openai-organization",
                                         "openai-project",
                                         "anthropic-version",
                                         "anthropic-beta" };
    struct str name = { line, strcspn(line, ":") };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_eq_nocase(name, str_of(names[i])))
            return true;
    return upstream_forwards(u, name);
}

void head_write(const struct attempt_call *call, const char *lines[HEAD_LINES + 1])
{
    size_t n = 0;

    lines[n++] = "Accept-Encoding: identity";
    lines[n++] = "Content-Type: application/json";
    if (call->permit.auth)
        lines[n++] = call->permit.auth;
    for (const char *const *h = call->headers; h && *h && n < HEAD_LINES; h++)
        if (travels(call->upstream, *h))
            lines[n++] = *h;
    lines[n] = NULL;
}

static size_t count_lines(const struct fetch *f)
{
    struct fetch_header_at at = { 0 };
    size_t n = 0;

    while (fetch_next_header(f, &at))
        n++;
    return n;
}

static struct fetch_kept *copy_lines(const struct fetch *f, struct arena *arena)
{
    size_t most = count_lines(f);
    struct fetch_header_at at = { 0 };
    struct fetch_kept *kept = arena_take(arena, sizeof(*kept) + most * sizeof(kept->lines[0]));

    while (kept && kept->count < most && fetch_next_header(f, &at)) {
        struct fetch_line line = { arena_copy(arena, at.name), arena_copy(arena, at.value) };

        if (!line.name.at || !line.value.at)
            break;
        kept->lines[kept->count++] = line;
    }
    return kept;
}

void head_keep(struct fetch *f, struct arena *arena)
{
    static const struct fetch_kept none = { 0 };
    const struct fetch_kept *kept = copy_lines(f, arena);

    f->kept = kept ? kept : &none;
}
