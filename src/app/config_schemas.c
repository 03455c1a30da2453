/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The schemas of a model's requests and answers. Each lies in a file, beside the configuration
 * unless it says a whole path; what is wrong there is told with that file's line and the JSON
 * Pointer of the place.
 */

#include "config_build.h"
#include "config_fill.h"

enum { MOST_WARNINGS = 20 }; /* of one file; nobody reads more, and each finds its line */

struct source {
    struct config_report *report; /* of the schema's file */
    struct str text;
    unsigned faults, warnings;
};

static unsigned line_of(struct str text, size_t at)
{
    unsigned line = 1;

    for (size_t i = 0; i < at && i < text.len; i++)
        line += text.at[i] == '\n';
    return line;
}

static void on_remark(void *ctx, const struct jsonschema_remark *r)
{
    struct source *s = ctx;
    const char *where = r->pointer[0] ? r->pointer : "the schema";

    if (r->is_fault && s->faults++ <= CONFIG_REPORT_MOST)
        config_fault_line(s->report, line_of(s->text, r->at), "%s: %s", where, r->words);
    if (!r->is_fault && s->warnings++ < MOST_WARNINGS)
        config_warn_line(s->report, line_of(s->text, r->at), "%s: %s", where, r->words);
}

static void tell_rest(const struct source *s)
{
    if (s->warnings > MOST_WARNINGS)
        config_warn_line(s->report, 1, "and %u warnings more", s->warnings - MOST_WARNINGS);
}

static void read_file(struct config_build *b, const struct yaml_node *node,
                      struct jsonschema **out)
{
    struct buf text = { 0 }, faults = { 0 };
    char path[CONFIG_FILL_PATH];
    struct config_report report = { .faults = &faults, .warnings = b->report->warnings };
    struct source source = { .report = &report };
    const char *why = "the path is too long";
    enum err err;

    if (config_fill_beside(b->report->file, node->text, path) &&
        config_fill_file(&text, path, JSONSCHEMA_BYTES, &why)) {
        report.file = str_of(path);
        source.text = buf_str(&text);
        err = jsonschema_new(out, source.text, on_remark, &source);
        tell_rest(&source);
        if (err)
            config_fault_file(b->report, &report);
    } else {
        config_fault(b->report, node, "cannot be read: %s", why);
    }
    buf_deinit(&text);
    buf_deinit(&faults);
}

void config_schemas(struct config_build *b, const struct yaml_node *node, struct model *m)
{
    static const char *const keys[] = {
        [WATCH_REQUEST] = "request", [WATCH_ANSWER] = "answer"
    };
    bool any = false;

    if (!node || node->kind != YAML_MAP)
        return;
    for (unsigned side = 0; side < WATCH_SIDES; side++) {
        const struct yaml_node *file = yaml_at(node, str_of(keys[side]));

        any = any || file;
        if (file && file->kind == YAML_TEXT && !file->broken && file->text.len > 0)
            read_file(b, file, &m->watch->schemas[side]);
    }
    if (!any)
        config_warn(b->report, node, "checks nothing: it names neither request nor answer");
    watchlist_add_fields(m->watch);
}
