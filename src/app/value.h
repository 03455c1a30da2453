/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

#include <stdint.h>

/* The forms that values take in a configuration. None of them depends on the locale. */

bool value_duration(struct str s, uint64_t *us);  /* 250ms 5s 2m 1h 7d 0 */
bool value_size(struct str s, uint64_t *bytes);   /* 512B 64KiB 32MiB 1GiB 0 */
bool value_number(struct str s, double *out);     /* as in JSON */
bool value_share(struct str s, double *out);      /* 5% 0.5% 100%: as 0.05 0.005 1 */
bool value_percentile(struct str s, double *out); /* p50 to p99: as 0.5 to 0.99 */
bool value_flag(struct str s, bool *out);         /* true false */

/* host:port or [address]:port, a port from 0 to 65535; the host without its brackets. */
bool value_address(struct str s, struct str *host, uint16_t *port);
bool value_is_url(struct str s); /* http(s)://host...: without credentials and fragment */
bool value_is_header_name(struct str s); /* a token of RFC 9110 */
bool value_is_pointer(struct str s);     /* RFC 6901; pieces after '#' go through a text */
bool value_is_text(struct str s);        /* UTF-8 without control characters */
bool value_is_prose(struct str s);       /* the same, but for tabs and line ends */

/* Where `s` stands among words like "cancel|finish"; -1: nowhere. */
int value_choice(struct str words, struct str s);
