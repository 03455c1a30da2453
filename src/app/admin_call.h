/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/err.h"

/*
 * One question to the admin address of a gateway that runs, by a command of the same program.
 * Waits for the answer, thirty seconds at most.
 */
struct admin_call {
    struct str address; /* "127.0.0.1:8081" */
    struct str token;   /* empty: none */
    const char *method;
    struct str path;
    struct str body;
};

/* OK: there was an answer, of whatever status. */
MUST_CHECK enum err admin_call(const struct admin_call *call, long *status, struct buf *answer,
                               struct fault *why);
