/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/app/config.h"

#include "config_build.h"
#include "config_check.h"
#include "config_fill.h"
#include "config_report.h"
#include "yaml_tree.h"

#include "weir/base/mem.h"

#include <stdlib.h>

/*
 * Bytes to a tree (yaml.c), ${...} replaced (config_fill.c), the tree held against the rows
 * (config_check.c), then made into settings and a plan (config_server.c and its neighbours).
 * The tree lives for the call alone: what stays is copied into the config or its plan.
 */
enum { MOST_BYTES = 8 * 1024 * 1024 }; /* thousands of tenants and models */

static struct config *new_config(void)
{
    struct config *c = MEM_NEW(struct config);

    arena_init(&c->arena, 0);
    c->plan = plan_new();
    return c;
}

void config_free(struct config *c)
{
    if (!c)
        return;
    plan_unref(c->plan);
    arena_deinit(&c->arena);
    free(c);
}

static enum err parse(struct config *c, struct str text,
                      const struct config_overrides *overrides, struct config_report *report,
                      struct arena *tree)
{
    struct config_build build = { .config = c, .overrides = overrides, .report = report };
    struct yaml_node *root = NULL;
    enum err err;

    err = yaml_read(&root, tree, text, report);
    if (err)
        return err;
    if (root->kind != YAML_MAP) {
        config_fault_line(report, 1,
                          "expected a mapping: upstreams: ..., models: ... "
                          "(see `weir help config`)");
        return ERR_CONFIG;
    }
    config_fill(root, tree, report);
    config_check(root, report);
    build.root = root;
    config_server(&build);
    config_rules(&build);
    config_upstreams(&build);
    config_models(&build);
    config_tenants(&build);
    config_drift(&build);
    config_alerts(&build);
    return report->fault_count > 0 ? ERR_CONFIG : OK;
}

enum err config_parse(struct config **out, struct str name, struct str text,
                      const struct config_overrides *overrides, struct buf *faults,
                      struct buf *warnings)
{
    AUTO(config_free) struct config *c = new_config();
    struct config_report report = { .file = name, .faults = faults, .warnings = warnings };
    struct arena tree;
    enum err err;

    if (text.len > MOST_BYTES) {
        config_fault_line(&report, 1, "the file is larger than 8 MiB");
        return ERR_CONFIG;
    }
    arena_init(&tree, 0);
    err = parse(c, text, overrides, &report, &tree);
    arena_deinit(&tree);
    if (err)
        return err;
    *out = steal(&c);
    return OK;
}

enum err config_read(struct config **out, const char *path,
                     const struct config_overrides *overrides, struct buf *faults,
                     struct buf *warnings)
{
    struct buf text = { 0 };
    const char *why;
    enum err err = ERR_CONFIG;

    if (config_fill_file(&text, path, MOST_BYTES, &why))
        err = config_parse(out, str_of(path), buf_str(&text), overrides, faults, warnings);
    else
        buf_put_printf(faults, "%s: cannot be read: %s\n", path, why);
    buf_deinit(&text);
    return err;
}
