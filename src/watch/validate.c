/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/validate.h"

#include "weir/base/scan.h"

#include <stdio.h>

static void tell_no_json(struct jsonschema_report *report)
{
    struct jsonschema_violation *v = &report->violations[0];

    report->count = 1;
    v->pointer[0] = '\0';
    (void)snprintf(v->words, sizeof(v->words), "is no JSON");
}

bool validate(const struct watchlist *l, enum watch_side side, struct str text,
              struct metric_shard *shard, struct jsonschema_report *report)
{
    const struct jsonschema *schema = l ? l->schemas[side] : NULL;
    bool is_json, fits;

    if (!schema)
        return true;
    is_json = scan_check(text, NULL) == OK;
    fits = is_json && jsonschema_fits(schema, text, report);
    if (!is_json)
        tell_no_json(report);
    metric_add(shard, METRIC_VALIDATION, 1,
               METRIC_LABEL(l->model, side == WATCH_ANSWER ? STR("answer") : STR("request"),
                            fits      ? STR("ok")
                            : is_json ? STR("violation")
                                      : STR("not_json")));
    return fits;
}
