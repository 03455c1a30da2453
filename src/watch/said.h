/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/arena.h"
#include "weir/base/str.h"

/*
 * What a plain answer or a request says, wherever its dialect puts that. `json` has passed
 * scan_check; texts are lent from it or lie in the arena. Absent: there is no such thing.
 */

/* The first choice's text, or all that a response or a message puts out. */
struct str said_answer(struct str json, struct arena *texts);

/* The user's last words, the prompt, the input; of other bodies every text. At most 32 KiB. */
struct str said_request(struct str json, struct arena *texts);

/* The name of the first tool that the answer calls. */
struct str said_tool(struct str json, struct arena *texts);

/* The mean log-probability of the answer's tokens; false where they are not given. */
bool said_confidence(struct str json, double *mean);
