/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "yaml_tree.h"

/*
 * Holds a document against the rows of the schema: unknown keys, wrong kinds, bounds, what is
 * missing. After it, whatever a row can say about a value is true or has been told.
 */
void config_check(const struct yaml_node *root, struct config_report *report);
