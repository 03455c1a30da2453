/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/err.h"

/*
 * Questions of a command to the admin address of a running gateway. Where that is, and the token,
 * come from the gateway's own configuration file, or from --admin and WEIR_ADMIN_TOKEN.
 */

struct inquiry {
    struct buf address; /* "127.0.0.1:8081" */
    struct buf token;   /* empty: none */
};

/* Either of `file` and `admin` may be NULL. False: nobody said where, or the file is at fault;
   what to do stands on stderr. */
bool inquiry_open(struct inquiry *q, const char *file, const char *admin);
void inquiry_close(struct inquiry *q);

/* The status of the answer, whose body is added to `out`; 0 with `why`: nobody answered. */
long inquiry_get(const struct inquiry *q, const char *path, struct buf *out, struct fault *why);
