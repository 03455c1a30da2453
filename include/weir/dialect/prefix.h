/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/dialect/request.h"

#include <stdint.h>

/*
 * How a request begins, as two hashes, so that the same system prompt and the same conversation
 * can be sent to the model server that has already read them. For balancing alone: the hashes
 * are the same in every process of one version, and nothing must hang on them.
 *
 * system_hash is over the leading system or developer messages (and a `system` or
 * `instructions` beside them), dialog_hash over those and the first user message; of a plain
 * prompt they are over its first PREFIX_PROMPT_SYSTEM and PREFIX_PROMPT_DIALOG bytes. Where one
 * of both is missing, both are over the other; 0 when there is nothing, as where endpoints have
 * no prompt, or when what should be a text or a list is not.
 *
 * Looks at the first PREFIX_MESSAGES messages, hashes at most PREFIX_BYTES, allocates nothing
 * and never fails, whatever the body is.
 */

enum {
    PREFIX_MESSAGES = 32,
    PREFIX_BYTES = 64 << 10,
    PREFIX_PROMPT_SYSTEM = 256,
    PREFIX_PROMPT_DIALOG = 1024,
};

void prefix_of(const struct request *r, uint64_t *system_hash, uint64_t *dialog_hash);
