/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "schema.h"
#include "yaml_tree.h"

/*
 * Holds a document against the rows of the schema: unknown keys, wrong kinds, bounds, what is
 * missing. After it, whatever a row can say about a value is true or has been told.
 */
void config_check(const struct yaml_node *root, struct config_report *report);
/* The same for one value that a row is for: of the row itself, or a member of its mapping. */
void config_check_member(const struct schema_row *row, const struct yaml_node *node,
                         struct config_report *report);
