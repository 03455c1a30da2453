/* SPDX-License-Identifier: Apache-2.0 */
#include "loaded.h"

#include "config_fill.h"
#include "schema.h"

#include <stdlib.h>

/* What is printed from the rows is what is checked in. SOURCE_ROOT is the repository's. */

static void expect_file(const char *path, void (*put)(struct buf *out))
{
    struct buf printed = { 0 }, kept = { 0 };
    const char *why;

    put(&printed);
    cr_assert(config_fill_file(&kept, path, 1 << 20, &why), "%s: %s", path, why);
    cr_assert(str_eq(buf_str(&printed), buf_str(&kept)),
              "%s is not what print-config prints: print it anew", path);
    buf_deinit(&printed);
    buf_deinit(&kept);
}

Test(config_print, the_example_is_the_one_checked_in, .timeout = 10)
{
    expect_file(SOURCE_ROOT "/config/weir.yaml", config_put_example);
}

Test(config_print, the_json_schema_is_the_one_checked_in, .timeout = 10)
{
    expect_file(SOURCE_ROOT "/config/weir.schema.json", config_put_schema);
}

Test(config_print, the_documentation_is_the_one_checked_in, .timeout = 10)
{
    expect_file(SOURCE_ROOT "/docs/configuration.md", config_put_markdown);
}

Test(config_print, the_example_loads_without_an_environment, .timeout = 10)
{
    struct buf text = { 0 };
    struct loaded l;

    (void)clearenv();
    config_put_example(&text);
    l = load_bytes(buf_str(&text), NULL);
    cr_assert_eq(l.err, OK, "%.*s", STR_ARG(buf_str(&l.faults)));
    cr_assert_eq(l.warnings.len, 0);
    unload(&l);
    buf_deinit(&text);
}

Test(config_print, the_help_tells_of_every_setting, .timeout = 10)
{
    struct buf text = { 0 };

    config_put_help(&text);
    for (const struct schema_row *row = config_rows(); row->path; row++)
        cr_assert(memmem(text.at, text.len, row->path, strlen(row->path)), "%s", row->path);
    buf_deinit(&text);
}

Test(config_print, every_row_is_whole, .timeout = 10)
{
    for (const struct schema_row *row = config_rows(); row->path; row++) {
        bool value = row->kind != KIND_GROUP;

        cr_assert_lt(strlen(row->path) + sizeof(".<name>"), SCHEMA_PATH);
        cr_assert(row->help && row->help[strlen(row->help) - 1] != ' ', "%s", row->path);
        cr_assert(row->kind != KIND_CHOICE || row->words, "%s", row->path);
        if (value && row->fallback && !schema_is_required(row))
            cr_assert_eq(schema_verdict(row, str_of(row->fallback)), SCHEMA_GOOD, "%s",
                         row->path);
    }
}
