/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "splice.h"
#include "weir/dialect/dialect.h"

/*
 * A request on its way upstream: its body as it came, in pieces around what is spliced, and in
 * every dialect that is the model's name.
 */

/* Nothing to splice where the upstream calls it as the client did. */
enum err wire_splice_model(const struct request *r, struct str upstream_model,
                           struct arena *arena, struct splices *splices);

/* Adds the pieces to `out`, which points into the body and the splices' texts. */
void wire_put(const struct request *r, const struct splices *splices, struct dialect_body *out);

/* Where a first member would stand in an object that lies in the body, and has it any? */
size_t wire_behind_bracket(struct str body, struct str object);
bool wire_has_members(struct str object);
