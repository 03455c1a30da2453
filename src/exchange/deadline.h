/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "life.h"

/* When it is too late for an exchange: its deadline, and the model's respond_within. */

void deadline_init(struct exchange *x);
void deadline_watch(struct exchange *x); /* once the model is known */
/* Anew: its patience ends when a stream begins. */
void deadline_set(struct exchange *x);
uint64_t deadline_left_us(const struct exchange *x);
void deadline_stop(struct exchange *x);
