/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/api/problem.h"
#include "weir/http/conn.h"
#include "weir/http/request.h"
#include "weir/watch/judge.h"

/*
 * What the judge knows, and what people tell it; drift_order.c has the latter.
 *
 *     GET    /admin/drift                       every histogram, now beside its baseline
 *     GET    /admin/alarms                      the newest changes first
 *     POST   /admin/alarms/{id}/acknowledge
 *     GET    /admin/changes                     what upstreams changed, the newest first
 *     GET    /admin/silences
 *     POST   /admin/silences                    {until_ms, model?, version?, prediction?, segment?, why?}
 *     DELETE /admin/silences/{id}
 *     GET    /admin/baselines[/{id}]
 *     POST   /admin/baselines                   {model, version?, prediction?, segment?, pin?,
 *                                                from, to? (ms since 1970) or counts: {value: n}}
 *     POST   /admin/baselines/{id}/pin
 *     DELETE /admin/baselines/{id}              not while it is in force
 */
struct plan;

bool drift_knows(struct str path);
void drift_serve(struct judge *j, const struct plan *plan, struct http_conn *c,
                 const struct http_request *r);

/* For both files. */
void drift_answer(struct http_conn *c, int status, struct str json);
void drift_refuse(struct http_conn *c, int status, const char *code, const char *what);
/* False: it is none of these. */
bool drift_order(struct judge *j, const struct plan *plan, struct http_conn *c,
                 const struct http_request *r, const struct str parts[3]);
