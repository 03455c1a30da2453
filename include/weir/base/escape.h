/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/base/str.h"

/*
 * A name as one part of a key in Redis: letters, digits and -._~ stand for themselves
 * (RFC 3986's unreserved characters), every other byte is %XX. So a name can hold no mark
 * that separates parts, and two names never share a key.
 */
MUST_CHECK enum err escape_add(struct buf *out, struct str name);
