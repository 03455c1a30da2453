/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/dialect/dialect.h"

#include "dialect_rules.h"
#include "json.h"
#include "openai.h"

/* A new dialect is a file with one row, and a line here. */
static const struct dialect *const dialects[] = { &dialect_openai, &dialect_json,
                                                  &dialect_rules };

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
