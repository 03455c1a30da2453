/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

#include <stddef.h>
#include <stdint.h>

/* UTF-8 (RFC 3629): no surrogates, no overlong forms, nothing above U+10FFFF. */

enum { UTF8_LONGEST = 4, UTF8_REPLACEMENT = 0xFFFD };

/* The length of the character that starts at `at`, or 0 if none does within `left` bytes. */
size_t utf8_length(const char *at, size_t left);

/* Writes a code point; surrogates and what is too large become U+FFFD. Returns its length. */
size_t utf8_put(char out[UTF8_LONGEST], uint32_t code);

/* How many code points a text has; every byte but those that go on a character begins one. */
size_t utf8_count(struct str text);
