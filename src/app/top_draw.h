/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "top_past.h"

#include <jansson.h>
#include <stdbool.h>

/*
 * One screen of `weir top`, drawn from what the admin address tells: pure text, no terminal.
 * Lines are cut at `columns` and end after `rows`; colours are ANSI's sixteen.
 */

struct top_screen {
    struct str address;
    json_t *now, *before; /* /admin/overview, now and at the look before; before may be NULL */
    json_t *drift, *alarms; /* may be NULL */
    struct top_past past;
    unsigned columns, rows;
    bool colours;
};

void top_note(struct top_screen *s); /* adds the rates between `before` and `now` to the past */
void top_draw(const struct top_screen *s, struct buf *out);
