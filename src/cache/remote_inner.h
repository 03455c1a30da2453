/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/cache/remote.h"

/* The files of the Redis tier: remote_look_up.c asks for answers and leases, remote.c the rest. */

struct remote {
    struct redis *link; /* lent */
    struct remote_settings settings;
    bool knows_script;       /* Redis has been told the script of look-ups */
    bool scripts_refused;    /* which has been logged */
    uint64_t plain_until_us; /* until then nothing is taken */
};

void remote_begin(struct remote_op *op, struct remote *r, remote_fn *on_done);

/* "It holds something else than a hash": an answer of its own, unlike other errors. */
bool remote_is_wrong_type(const struct redis_reply *reply);
