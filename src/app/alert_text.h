/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/watch/alarm.h"

#include <stdint.h>

/*
 * What is said of alarms to those who are told: pure, from the judge's pages and the clock.
 *
 * To an Alertmanager (its API v2): the alerts that stand, changes of upstreams (change_text.h)
 * among them. What stands depends on the alarms and the time alone, so all gateways of a fleet
 * say the same, and equal labels make it one alert there. What is over is said with its end for
 * as long as an earlier push holds.
 *
 * To a webhook or a command: one event for each change of an alarm's state, signed by the
 * Standard Webhooks convention.
 */

enum { ALERT_TEXT_HOLDS_MS = 5 * 60 * 1000 }; /* how long a push holds unless it is repeated */

struct alert_scene {
    struct str alarms, silences; /* as judge_put_alarms and judge_put_silences say them */
    struct str changes;          /* as judge_put_changes says them; may be absent */
    struct str link;             /* where a person sees more: a URL */
    uint64_t now_ms;
};

/* The array of alerts; how many stand in it. Those that last hold until `ends_ms`. */
size_t alert_text_put_alerts(struct buf *out, const struct alert_scene *s, uint64_t ends_ms);

bool alert_text_is_silenced(const struct alarm *a, const struct alert_scene *s);
/* The same of what goes by these names. */
bool alert_text_covers(const struct tick_histogram *of, const struct alert_scene *s);

/* {"type":"drift.firing","timestamp":...,"link":...,"data":...}; `json` is the alarm's. */
void alert_text_put_event(struct buf *out, const struct alarm *a, struct str json,
                          struct str link);

/* "v1,<base64>": who has the key made this of exactly these. */
void alert_text_put_signature(struct buf *out, struct str key, struct str id,
                              uint64_t timestamp_s, struct str body);
