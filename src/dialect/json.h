/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/dialect/dialect.h"

/* A model service of its own kind: any JSON in, any JSON out, at the endpoint's URL itself. */
extern const struct dialect dialect_json;
