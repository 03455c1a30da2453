/* SPDX-License-Identifier: Apache-2.0 */
#include "config_report.h"

#include "yaml_tree.h"

#include "weir/base/ensure.h"

#include <limits.h>
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

/*
 * Into the order of the file, behind what was told of the same line: checks run in an order of
 * their own, and a person mends a file from top to bottom.
 */
static void keep(struct config_report *r, unsigned line, struct str text)
{
    size_t place = r->fault_count, at = r->faults->len;
    enum err err;

    r->fault_count++;
    if (r->fault_count == CONFIG_REPORT_MOST + 1)
        buf_put_printf(r->faults, "%.*s: and more faults than these\n", STR_ARG(r->file));
    if (r->fault_count > CONFIG_REPORT_MOST)
        return;
    for (; place > 0 && r->told[place - 1].line > line; place--) {
        at -= r->told[place - 1].bytes;
        r->told[place] = r->told[place - 1];
    }
    r->told[place].line = line;
    r->told[place].bytes = text.len;
    err = buf_splice(r->faults, at, at, text);
    ensure(err == OK);
}

__attribute__((format(printf, 5, 0))) static void put_fault(struct config_report *r,
                                                            unsigned line,
                                                            const struct yaml_node *at,
                                                            const char *key, const char *format,
                                                            va_list args)
{
    struct buf text = { 0 };
    char what[512];

    (void)vsnprintf(what, sizeof(what), format, args);
    put_line(r, &text, line, at, key, what);
    keep(r, line, buf_str(&text));
    buf_deinit(&text);
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

void config_fault_file(struct config_report *r, const struct config_report *of)
{
    struct str rest = buf_str(of->faults), line;

    while (str_split(&rest, '\n', &line)) {
        struct buf text = { 0 };

        buf_put_printf(&text, "%.*s\n", STR_ARG(line));
        keep(r, UINT_MAX, buf_str(&text));
        buf_deinit(&text);
    }
}

static void put_option(struct buf *out, const char *option, const char *what)
{
    buf_put_printf(out, "%s: %s\n", option, what);
}

void config_fault_option(struct config_report *r, const char *option, const char *what)
{
    struct buf text = { 0 };

    put_option(&text, option, what);
    keep(r, UINT_MAX, buf_str(&text));
    buf_deinit(&text);
}

void config_warn(struct config_report *r, const struct yaml_node *at, const char *what)
{
    put_line(r, r->warnings, at->line, at, NULL, what);
}

void config_warn_line(struct config_report *r, unsigned line, const char *format, ...)
{
    char what[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    put_line(r, r->warnings, line, NULL, NULL, what);
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
