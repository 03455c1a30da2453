/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/dialect/dialect.h"

/*
 * OpenAI's protocol, and that of all who speak it: chat, completions, embeddings, responses,
 * moderations.
 */
extern const struct dialect dialect_openai;
