/* SPDX-License-Identifier: Apache-2.0 */
#include "config_report.h"

#include "yaml_tree.h"

#include <stdarg.h>
#include <stdio.h>

/* One line and one terminal: nothing that a file's author wrote may break out of either. */
static void put_clean(struct buf *out, size_t from)
{
    for (size_t i = from; i < out->len; i++) {
        unsigned char c = (unsigned char)out->at[i];

        if (c < 0x20 || c == 0x7f)
            out->at[i] = '?';
    }
}

/* `path` and `key` may be absent. */
static void put_line(const struct config_report *r, struct buf *out, unsigned line,
                     const struct yaml_node *at, const char *key, const char *what)
{
    size_t from = out->len;
    struct buf path = { 0 };

    yaml_put_path(at, &path);
    if (key)
        buf_put_printf(&path, "%s%s", path.len > 0 ? "." : "", key);
    buf_put_printf(out, "%.*s:%u: %.*s%s%s", STR_ARG(r->file), line, STR_ARG(buf_str(&path)),
                   path.len > 0 ? ": " : "", what);
    put_clean(out, from);
    buf_put(out, STR("\n"));
    buf_deinit(&path);
}

static bool is_full(struct config_report *r)
{
    r->fault_count++;
    if (r->fault_count == CONFIG_REPORT_MOST + 1)
        buf_put_printf(r->faults, "%.*s: and more faults than these\n", STR_ARG(r->file));
    return r->fault_count > CONFIG_REPORT_MOST;
}

__attribute__((format(printf, 5, 0))) static void put_fault(struct config_report *r,
                                                            unsigned line,
                                                            const struct yaml_node *at,
                                                            const char *key, const char *format,
                                                            va_list args)
{
    char what[512];

    if (is_full(r))
        return;
    (void)vsnprintf(what, sizeof(what), format, args);
    put_line(r, r->faults, line, at, key, what);
}

void config_fault(struct config_report *r, const struct yaml_node *at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put_fault(r, at->line, at, NULL, format, args);
    va_end(args);
}

void config_fault_key(struct config_report *r, const struct yaml_node *at, const char *key,
                      const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put_fault(r, at ? at->line : 1, at, key, format, args);
    va_end(args);
}

void config_fault_line(struct config_report *r, unsigned line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put_fault(r, line, NULL, NULL, format, args);
    va_end(args);
}

static void put_option(struct buf *out, const char *option, const char *what)
{
    size_t from = out->len;

    buf_put_printf(out, "%s: %s", option, what);
    put_clean(out, from);
    buf_put(out, STR("\n"));
}

void config_fault_option(struct config_report *r, const char *option, const char *what)
{
    if (!is_full(r))
        put_option(r->faults, option, what);
}

void config_warn(struct config_report *r, const struct yaml_node *at, const char *what)
{
    put_line(r, r->warnings, at->line, at, NULL, what);
}

void config_warn_option(struct config_report *r, const char *option, const char *what)
{
    put_option(r->warnings, option, what);
}

const char *config_shown(const struct yaml_node *n, char out[CONFIG_WORDS])
{
    struct str s = n->text;
    bool cut = s.len > CONFIG_WORDS / 2;

    if (n->filled)
        return "what ${...} gives here";
    (void)snprintf(out, CONFIG_WORDS, "\"%.*s%s\"", cut ? CONFIG_WORDS / 2 : (int)s.len,
                   s.at ? s.at : "", cut ? "..." : "");
    return out;
}

const char *config_hint(const struct map *names, struct str name, char out[CONFIG_WORDS])
{
    struct str near = map_nearest(names, name);

    if (!near.at)
        return "";
    (void)snprintf(out, CONFIG_WORDS, " (did you mean \"%.*s\"?)", STR_ARG(near));
    return out;
}
