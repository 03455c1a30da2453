/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/scan.h"
#include "weir/dialect/jsonschema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * For compare_schemas.py: reads lines and answers each with one. "S" and a schema: "ok" or
 * "fault"; "D" and a document: "fits", or the pointer and words of its first violation.
 */

static void ignore(void *ctx, const struct jsonschema_remark *r)
{
    (void)ctx;
    (void)r;
}

static struct jsonschema *read_schema(struct str text)
{
    struct jsonschema *schema = NULL;

    if (jsonschema_new(&schema, text, ignore, NULL) == OK)
        puts("ok");
    else
        puts("fault");
    return schema;
}

static void judge(const struct jsonschema *schema, struct str json)
{
    struct jsonschema_report report;

    if (!schema || scan_check(json, NULL))
        puts("none");
    else if (jsonschema_fits(schema, json, &report) != jsonschema_fits(schema, json, NULL))
        puts("two verdicts");
    else if (jsonschema_fits(schema, json, &report))
        puts("fits");
    else
        printf("%s: %s\n", report.violations[0].pointer, report.violations[0].words);
}

int main(void)
{
    struct jsonschema *schema = NULL;
    char *line = NULL;
    size_t room = 0;
    ssize_t len;

    setlinebuf(stdout);
    while ((len = getline(&line, &room, stdin)) > 1) {
        struct str text = { line + 1, (size_t)len - 2 };

        if (line[0] == 'S') {
            jsonschema_free(schema);
            schema = read_schema(text);
        } else {
            judge(schema, text);
        }
    }
    jsonschema_free(schema);
    free(line);
    return 0;
}
