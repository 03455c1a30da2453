/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/err.h"

/*
 * Which gateway a command means, and questions to its admin address. Where that is, and the token,
 * come from the gateway's own configuration file, or from --admin and WEIR_ADMIN_TOKEN; where
 * nobody says anything it is the usual address.
 */

struct inquiry {
    struct buf address; /* "127.0.0.1:8081" */
    struct buf token;   /* empty: none */
};

/* Either of `file` and `admin` may be NULL. False: the file is at fault, as told on stderr. */
bool inquiry_open(struct inquiry *q, const char *file, const char *admin);
void inquiry_close(struct inquiry *q);

/* The status of the answer, whose body is added to `out`; 0 with `why`: nobody answered. */
long inquiry_get(const struct inquiry *q, const char *path, struct buf *out, struct fault *why);
