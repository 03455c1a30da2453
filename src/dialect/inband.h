/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

struct answer;

/* Errors that came inside a status 200: what they are, and the status that they should have had. */

bool inband_is_truthy(struct str value);

/*
 * Notes status and message of an error. `error` is the value of an `error` member; `around` the
 * object that it stands in, where some servers say what kind it is.
 */
void inband_note(struct answer *a, struct str error, struct str around);
