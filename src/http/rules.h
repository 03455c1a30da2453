/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/http/request.h"

/*
 * What a head may say. llhttp reads many things that two readers could take differently, or
 * that we do not speak; here they are turned away, before a byte of body is read.
 */

struct rules {
    bool is_chunked;
    bool is_kept_alive;
    bool expects_continue;
    uint64_t content_length; /* 0 when absent */
    int status;              /* 0: nothing wrong */
    const char *what;
};

/* `version` is 10 or 11. */
void rules_apply(struct rules *out, const struct http_request *r, unsigned version);
