/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/dialect/dialect.h"

/* Patterns instead of a server: answers here (weir/dialect/rules.h). */
extern const struct dialect dialect_rules;
