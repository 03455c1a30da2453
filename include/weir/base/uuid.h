/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Names that nobody else will choose, and that sort by the time of their making. */

enum { UUID_TEXT = 37 };

/* UUID version 7 (RFC 9562) in its 36 characters, and a NUL. */
void uuid_make(char out[UUID_TEXT]);
