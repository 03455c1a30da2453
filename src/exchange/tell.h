/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "life.h"

/* What an exchange's client is told, and those who follow its flight. */

void tell_begin(struct exchange *x);
/*
 * Bytes of a stream, to the client and to those who follow; the first ones begin it. A replay
 * is for this client alone: it may be of something stale, which others did not ask for.
 */
void tell_bytes(struct exchange *x, struct str bytes);
void tell_whole(struct exchange *x, struct str body);
void tell_failure(struct exchange *x);
