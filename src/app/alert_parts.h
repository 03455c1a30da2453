/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"

#include <stdint.h>

/*
 * What all alerts and events have in common, whatever they tell of (alert_text.h,
 * change_text.h): their members as JSON, and their ends.
 */

/* `"name":"value",`; an absent value is an empty one. */
void alert_parts_put_member(struct buf *out, const char *name, struct str value);

/* The last members of an alert, and its closing brace. */
void alert_parts_end_alert(struct buf *out, uint64_t starts_ms, uint64_t ends_ms,
                           struct str link);

/* The members of an event behind its type, and its closing brace; `data` is JSON. */
void alert_parts_end_event(struct buf *out, uint64_t at_ms, struct str link, struct str data);
