/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/app/config.h"

#include <stdio.h>
#include <string.h>

/*
 * Prints what is made from the table of settings, to renew what is checked in:
 *     print-config example  > config/weir.yaml
 *     print-config schema   > config/weir.schema.json
 *     print-config markdown > docs/configuration.md
 * and `check FILE` loads a configuration as `weir check` does, for check_schema.py.
 */

static int check(const char *path)
{
    AUTO(config_free) struct config *config = NULL;
    struct buf faults = { 0 }, warnings = { 0 };
    enum err err = config_read(&config, path, NULL, &faults, &warnings);

    (void)printf("%.*s%.*s", STR_ARG(buf_str(&faults)), STR_ARG(buf_str(&warnings)));
    buf_deinit(&faults);
    buf_deinit(&warnings);
    return err ? 2 : 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*put)(struct buf *out);
    } pages[] = {
        { "example", config_put_example },
        { "schema", config_put_schema },
        { "markdown", config_put_markdown },
        { "help", config_put_help },
    };
    struct buf out = { 0 };

    if (argc == 3 && strcmp(argv[1], "check") == 0)
        return check(argv[2]);
    for (size_t i = 0; argc == 2 && i < sizeof(pages) / sizeof(*pages); i++) {
        if (strcmp(argv[1], pages[i].name) == 0)
            pages[i].put(&out);
    }
    (void)printf("%.*s", STR_ARG(buf_str(&out)));
    buf_deinit(&out);
    return 0;
}
