/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/watch/change.h"
#include "weir/watch/ticks.h"

#include <stdint.h>

/*
 * What is said of changes of upstreams to those who are told (alert_text.h): to an
 * Alertmanager an alert for people's information, which ends by itself after an hour; to a
 * webhook or a command one event.
 */

enum { CHANGE_TEXT_STANDS_MS = 60 * 60 * 1000 };

/* As what a silence knows it: its kind stands for the prediction. Lent from the change. */
struct tick_histogram change_text_name(const struct change *c);

bool change_text_stands(const struct change *c, uint64_t now_ms);
void change_text_put_alert(struct buf *out, const struct change *c, struct str link);

/* {"type":"model.changed","timestamp":...,"link":...,"data":...}; `json` is the change's. */
void change_text_put_event(struct buf *out, const struct change *c, struct str json,
                           struct str link);
