/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/err.h"

#include "weir/base/ensure.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

struct err_row {
    const char *name;
    const char *text;
    bool again;
};

/* clang-format off */
static const struct err_row rows[] = {
    [OK] = { "OK", "ok", false },
#define E(name, text, again) [name] = { #name, text, again },
    ERRORS(E)
#undef E
};
/* clang-format on */

static const struct err_row *row_of(enum err err)
{
    ensure((size_t)err < sizeof(rows) / sizeof(rows[0]));
    return &rows[err];
}

const char *err_text(enum err err)
{
    return row_of(err)->text;
}

const char *err_name(enum err err)
{
    return row_of(err)->name;
}

bool err_worth_retry(enum err err)
{
    return row_of(err)->again;
}

enum err fault_set(struct fault *why, enum err err, const char *param, const char *format, ...)
{
    va_list args;

    if (!why)
        return err;
    why->err = err;
    (void)snprintf(why->param, sizeof(why->param), "%s", param ? param : "");
    va_start(args, format);
    (void)vsnprintf(why->text, sizeof(why->text), format, args);
    va_end(args);
    return err;
}
