/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Is what is asked, and what is answered, of the form that the configuration says? Where the
 * model rejects, a request that is not ends here, and a plain answer that is not is a fault of
 * its upstream. A stream is on its way by then, and only counted; and so is all that is kept:
 * it was looked at when it came.
 */

#include "valid.h"

#include "weir/base/ensure.h"
#include "weir/base/log.h"
#include "weir/watch/validate.h"

#include "keep.h"
#include "steps.h"

#include <string.h>

/*
 * True: it fits, or nobody minds. Who counts a message's tokens asks with another body than who
 * has it answered, and gets another: the model's schemas do not speak of these.
 */
static bool look_at(struct exchange *x, enum watch_side side, struct str text, bool may_reject)
{
    struct jsonschema_report report = { 0 };
    const struct jsonschema_violation *first = &report.violations[0];

    if (x->ask.endpoint == ENDPOINT_TOKENS ||
        validate(x->model->watch, side, text, loop_shard(x->kit->loop), &report))
        return true;
    log_debug("schema_violation", F_STR("request_id", x->ask.request_id),
              F_STR("model", x->model->name),
              F_TEXT("side", side == WATCH_ANSWER ? "answer" : "request"),
              F_TEXT("pointer", first->pointer), F_TEXT("what", first->words));
    if (!may_reject || !x->model->rejects)
        return true;
    x->violations = ARENA_NEW(&x->arena, struct jsonschema_report);
    if (x->violations)
        *x->violations = report;
    return false;
}

enum err valid_request(struct exchange *x)
{
    if (x->ask.refresh || look_at(x, WATCH_REQUEST, x->ask.body, true))
        return OK;
    return ERR_INVALID;
}

struct str valid_report(const struct exchange *x)
{
    return (struct str){ (const char *)x->violations, sizeof(*x->violations) };
}

void valid_take_report(struct exchange *x, struct str report)
{
    ensure(report.len == sizeof(*x->violations));
    x->violations = ARENA_NEW(&x->arena, struct jsonschema_report);
    if (x->violations)
        memcpy(x->violations, report.at, report.len);
}

bool valid_answer(struct exchange *x)
{
    struct str body = keep_plain_form(x);

    return body.len == 0 ||
           look_at(x, WATCH_ANSWER, body, !call_lead(x)->streamed && !x->committed);
}
