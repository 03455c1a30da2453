/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/dialect/request.h"

/*
 * Does an answer live upstream, or come from the upstream's own tools? NULL, or in a few words
 * why this request must never be cached, whatever the configuration says.
 */
const char *state_of(const struct request *r);
