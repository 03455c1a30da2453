/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/ensure.h"
#include "weir/base/scan.h"
#include "weir/dialect/jsonschema.h"

#include <stdint.h>
#include <string.h>

/*
 * A schema on the first line, a document behind it. A schema is taken or refused with a reason;
 * the verdict is the same whether or not anybody wants to hear the violations, and one that does
 * not fit has some. What is taken of a caller is taken of the operator.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hear(void *ctx, const struct jsonschema_remark *r)
{
    ensure(r->words[0]);
    *(bool *)ctx = *(bool *)ctx || r->is_fault;
}

/* With less patience there may be no verdict, and never another. */
static void judge_briefly(const struct jsonschema *s, struct str json, bool fits)
{
    if (jsonschema_judge(s, json) == JSONSCHEMA_VIOLATED)
        ensure(!fits);
}

static void judge(const struct jsonschema *s, struct str json)
{
    struct jsonschema_report report;
    bool fits = jsonschema_fits(s, json, &report);

    judge_briefly(s, json, fits);

    if (!fits)
        ensure(report.count > 0 && report.violations[0].words[0]);
    ensure(fits == jsonschema_fits(s, json, NULL));
    for (size_t i = 0; i < jsonschema_field_count(s); i++) {
        ensure(jsonschema_field_name(s, i).at);
        ensure(jsonschema_field_of(s, i, json) <= JSONSCHEMA_FIELD_OUT_OF_DOMAIN);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *end = size > 0 ? memchr(data, '\n', size) : NULL;
    struct str all = { (const char *)data, size };
    size_t len = end ? (size_t)(end - all.at) : size;
    struct str json = str_cut(all, len, size);
    struct jsonschema *s = NULL;
    bool faulty = false;
    enum err err = jsonschema_new(&s, str_head(all, len), hear, &faulty);

    struct jsonschema *of_caller = jsonschema_of_caller(str_head(all, len));

    ensure(faulty == (err != OK));
    if (of_caller)
        ensure(err == OK && jsonschema_size(of_caller) > len);
    jsonschema_free(of_caller);
    if (err == OK && scan_check(json, NULL) == OK)
        judge(s, json);
    jsonschema_free(s);
    return 0;
}
