/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/dialect/dialect.h"

#include "anthropic.h"
#include "dialect_rules.h"
#include "json.h"
#include "openai.h"

/* A new dialect is a file with one row, and a line here. */
static const struct dialect *const dialects[] = { &dialect_openai, &dialect_anthropic,
                                                  &dialect_json, &dialect_rules };

enum { DIALECTS = sizeof(dialects) / sizeof(dialects[0]) };

const struct dialect *dialect_at(size_t i)
{
    return i < DIALECTS ? dialects[i] : NULL;
}

const struct dialect *dialect_named(struct str name)
{
    for (size_t i = 0; i < DIALECTS; i++) {
        if (str_eq(str_of(dialects[i]->name), name))
            return dialects[i];
    }
    return NULL;
}

struct str dialect_path(const struct dialect *d, enum endpoint e, struct str url)
{
    struct str path = str_of(d->paths[e]), version = STR("/v1");

    if (str_starts(path, STR("/v1/")) && str_ends(url, version))
        path = str_cut(path, version.len, path.len);
    return path;
}
