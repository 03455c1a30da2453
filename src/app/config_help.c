/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The rows for people: `weir help config` on a terminal, docs/configuration.md to read. Both
 * walk the rows in their order and differ only in form, so nothing is said of a setting that is
 * not in its row; a test compares the page with what is checked in.
 */

#include "weir/app/config.h"

#include "schema.h"

#include <string.h>

enum { WIDTH = 92, INDENT = 6 };

static const char *const changes[] = {
    [AT_START] = "at start",
    [ON_RELOAD] = "on reload",
    [LATER] = "no effect in this version",
};

static void put_kind(struct buf *out, const struct schema_row *row)
{
    static const char *const shapes[] = { [SHAPE_LIST] = "list of: ",
                                          [SHAPE_LIST_OR_NONE] = "list of: ",
                                          [SHAPE_ONE] = "",
                                          [SHAPE_NAMED] = "by name: " };
    struct str words = str_of(row->words), word;
    const char *comma = "";

    buf_put_text(out, shapes[row->shape]);
    if (row->kind != KIND_CHOICE) {
        buf_put_text(out, row->kind == KIND_GROUP ? "settings" : schema_kind_words(row));
        return;
    }
    while (str_split(&words, '|', &word)) {
        buf_put_printf(out, "%s%.*s", comma, STR_ARG(word));
        comma = ", ";
    }
}

static void put_bounds(struct buf *out, const struct schema_row *row)
{
    const char *unit = row->kind == KIND_TEXT || row->kind == KIND_SECRET ? " characters" : "";

    if (row->least && row->most)
        buf_put_printf(out, "%s to %s%s", row->least, row->most, unit);
    else if (row->most)
        buf_put_printf(out, "up to %s%s", row->most, unit);
    else if (row->least)
        buf_put_printf(out, "at least %s%s", row->least, unit);
}

static void put_wrapped(struct buf *out, const char *help)
{
    struct str rest = str_of(help), word;
    size_t column = WIDTH + 1; /* no line yet */

    while (str_split(&rest, ' ', &word)) {
        if (column + 1 + word.len > WIDTH) {
            buf_put_printf(out, "%s%*s", column <= WIDTH ? "\n" : "", INDENT - 1, "");
            column = INDENT - 1;
        }
        buf_put_printf(out, " %.*s", STR_ARG(word));
        column += 1 + word.len;
    }
    buf_put(out, STR("\n"));
}

void config_put_help(struct buf *out)
{
    buf_put(out,
            STR("Settings of a configuration file. <name> is yours to choose; [] is a member "
                "of a list.\n"
                "A whole example: config/weir.yaml. Values may hold ${NAME}, "
                "${NAME:-default}, ${file:/path}.\n\n"));
    for (const struct schema_row *row = config_rows(); row->path; row++) {
        buf_put_printf(out, "  %s  (", row->path);
        put_kind(out, row);
        if (row->least || row->most) {
            buf_put(out, STR("; "));
            put_bounds(out, row);
        }
        if (schema_is_required(row))
            buf_put(out, STR("; required"));
        else if (row->fallback)
            buf_put_printf(out, "; default %s", *row->fallback ? row->fallback : "empty");
        buf_put_printf(out, "; %s)\n", changes[row->change]);
        put_wrapped(out, row->help);
    }
}

static bool is_top(const struct schema_row *row)
{
    return !strchr(row->path, '.');
}

/* Markdown takes <name> for a tag, and a bar for the end of a cell. */
static void put_cell(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            buf_put(out, STR("\\"));
        if (*text == '<')
            buf_put(out, STR("&lt;"));
        else
            buf_put(out, (struct str){ text, 1 });
    }
}

static void put_table_row(struct buf *out, const struct schema_row *row)
{
    buf_put_printf(out, "| `%s` | ", row->path);
    put_kind(out, row);
    buf_put(out, STR(" | "));
    if (schema_is_required(row))
        buf_put(out, STR("required"));
    else if (row->fallback)
        buf_put_printf(out, "`%s`", *row->fallback ? row->fallback : "\"\"");
    buf_put(out, STR(" | "));
    put_bounds(out, row);
    buf_put_printf(out, " | %s | ", changes[row->change]);
    put_cell(out, row->help);
    buf_put(out, STR(" |\n"));
}

void config_put_markdown(struct buf *out)
{
    buf_put(
        out,
        STR("# Configuration\n\n"
            "One YAML file; a JSON file is valid YAML and works too. `weir check -c FILE` "
            "names "
            "every fault with its line.\nThis page is printed from the table that the loader "
            "reads by (`weir help config` shows the same);\n[config/weir.yaml]"
            "(../config/weir.yaml) is an example of everything, and "
            "[config/weir.schema.json](../config/weir.schema.json)\nis for editors.\n\n"
            "- In values, `${NAME}` is replaced from the environment, `${NAME:-default}` gives "
            "a default for a name that is unset or empty,\n  `${file:/run/secrets/x}` reads a "
            "file without its last line end. An unset name without a default is a fault.\n"
            "- Durations are `250ms`, `5s`, `2m`, `1h`, `7d`; sizes `512B`, `64KiB`, `32MiB`, "
            "`1GiB`; `0` needs no unit.\n"
            "- Unknown keys and keys given twice are faults. Anchors, aliases and tags are not "
            "read.\n"
            "- *at start*: a change takes effect when Weir is started anew; *on reload*: at "
            "SIGHUP.\n"
            "- *no effect in this version*: accepted with a warning, so that one file serves "
            "several versions.\n"));
    for (const struct schema_row *row = config_rows(); row->path; row++) {
        if (is_top(row))
            buf_put_printf(out, "\n## %s\n\n%s\n\n", row->path, row->help);
        if (is_top(row) && (schema_has_inside(row) || row->kind != KIND_GROUP))
            buf_put(out, STR("| setting | value | default | bounds | takes effect | meaning |\n"
                             "| --- | --- | --- | --- | --- | --- |\n"));
        if (!is_top(row) || row->kind != KIND_GROUP)
            put_table_row(out, row);
    }
}
