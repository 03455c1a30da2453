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
