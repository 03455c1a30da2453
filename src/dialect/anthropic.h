/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/dialect/dialect.h"

/* Anthropic's protocol: messages, and how many tokens one would have. */
extern const struct dialect dialect_anthropic;
