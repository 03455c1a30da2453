/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "life.h"

/* What goes on though nobody waits for it, and how much of that there may be. */

/* It goes on though nobody waits for it, if there is room; else it, or an older one, is called off. */
void background_enter(struct exchange *x);
void background_leave(struct exchange *x); /* from wherever */
/* Of one in the background: a call has begun. */
void background_note_call(struct exchange *x);
