/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

/*
 * A look at a request's head before llhttp sees it, for what this llhttp lets pass: folded
 * lines, white space before a field's name, a CR or LF on its own, NUL. It tells where the
 * head ends, and the parser must come to the same end: two readers who agree cannot be led
 * apart. A body is never scanned.
 */

enum { PRESCAN_HEAD_BYTES = 64 << 10 };

enum prescan_verdict { PRESCAN_MORE, PRESCAN_END, PRESCAN_BAD, PRESCAN_TOO_LONG };

struct prescan {
    unsigned char at; /* enum place */
    size_t bytes;     /* of the head so far */
    const char *what; /* is wrong, after PRESCAN_BAD */
};

void prescan_init(struct prescan *p);

/* Looks at `bytes` up to the head's end; *used tells how many belong to the head. */
enum prescan_verdict prescan_feed(struct prescan *p, struct str bytes, size_t *used);
