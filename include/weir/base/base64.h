/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"

/* Appends the bytes in base64 with padding (RFC 4648, 4), by OpenSSL. */
void base64_put(struct buf *out, struct str bytes);

/* Appends what a base64 with padding stands for; false, and nothing appended: it is none. */
bool base64_read(struct buf *out, struct str text);
