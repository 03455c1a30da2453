/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/app/config.h"

#include "schema.h"

#include <string.h>

/*
 * config/weir.yaml: every setting that has an effect, with its default or an example, and its
 * help above it. What has neither a default nor an example that holds without an environment
 * stands commented out; a group of which nothing else is left stands so as a whole, and
 * taking its '#'s away leaves it rightly indented.
 */
enum { WIDTH = 92, STEP = 2 };

struct page {
    struct buf *out;
    unsigned indent;
    bool off;  /* everything is commented out */
    bool dash; /* the next setting opens a member of a list */
};

static bool is_off(const struct schema_row *row)
{
    char inside[SCHEMA_PATH];
    const struct schema_row *child = NULL;

    if (row->change == LATER)
        return true;
    if (row->kind != KIND_GROUP)
        return row->example ? row->example[0] == '#' : !row->fallback;
    schema_inside(row, inside);
    while ((child = schema_next(inside, child))) {
        if (!is_off(child))
            return false;
    }
    return true;
}

/* Another way to say what the rows before it show: the page of settings tells of it. */
static bool has_nothing(const struct schema_row *row)
{
    return row->kind != KIND_GROUP && !row->example && !row->fallback;
}

static void put_margin(struct page *p)
{
    buf_put_printf(p->out, "%s%*s", p->off ? "#" : "", (int)p->indent, "");
}

static void put_help(struct page *p, const char *help)
{
    struct str rest = str_of(help), word;
    size_t column = WIDTH + 1; /* no line yet */

    while (str_split(&rest, ' ', &word)) {
        if (column + 1 + word.len > WIDTH) {
            if (column <= WIDTH)
                buf_put(p->out, STR("\n"));
            put_margin(p);
            buf_put(p->out, STR("#"));
            column = p->indent + 1;
        }
        buf_put_printf(p->out, " %.*s", STR_ARG(word));
        column += 1 + word.len;
    }
    buf_put(p->out, STR("\n"));
}

static void put_key(struct page *p, const struct schema_row *row)
{
    put_margin(p);
    buf_put_printf(p->out, "%s%.*s:", p->dash ? "- " : "", STR_ARG(schema_key(row)));
    if (p->dash)
        p->indent += STEP;
    p->dash = false;
}

static void put_value(struct page *p, const struct schema_row *row)
{
    const char *value = row->example ? row->example : row->fallback;
    size_t len;

    value += value[0] == '#';
    len = strlen(value);
    if (len == 0 || value[len - 1] == ':')
        buf_put_printf(p->out, " \"%s\"\n", value);
    else
        buf_put_printf(p->out, " %s\n", value);
}

static void put_rows(struct page *p, const char *prefix)
{
    const struct schema_row *row = NULL;
    char inside[SCHEMA_PATH];

    while ((row = schema_next(prefix, row))) {
        struct page part;

        if (row->change == LATER || has_nothing(row))
            continue;
        if (p->indent == 0)
            buf_put(p->out, STR("\n"));
        part = *p;
        part.off = p->off || is_off(row);
        put_help(&part, row->help);
        put_key(&part, row);
        if (p->dash)
            p->indent += STEP;
        p->dash = false;
        if (row->kind != KIND_GROUP) {
            put_value(&part, row);
            continue;
        }
        buf_put(p->out, STR("\n"));
        part.indent += STEP;
        part.dash = schema_is_list(row);
        if (row->shape == SHAPE_NAMED) {
            put_margin(&part);
            buf_put_printf(p->out, "%s:\n", row->example);
            part.indent += STEP;
        }
        schema_inside(row, inside);
        if (row->words) { /* as the bare list that may stand there */
            part.dash = true;
            schema_inside(schema_child(inside, str_of(row->words)), inside);
        }
        put_rows(&part, inside);
    }
}

void config_put_example(struct buf *out)
{
    struct page page = { .out = out };

    buf_put(out,
            STR("# yaml-language-server: $schema=weir.schema.json\n"
                "#\n"
                "# Every setting of Weir that has an effect, with its default where it has "
                "one.\n"
                "# A short file is a good file: leave out what the default serves. Check it "
                "with\n"
                "#     weir check -c FILE\n"
                "# In values, ${NAME} comes from the environment, ${NAME:-default} too, with "
                "a default,\n"
                "# and ${file:/run/secrets/x} from a file. What stands behind a bare # is "
                "an example to uncomment.\n"));
    put_rows(&page, "");
}
