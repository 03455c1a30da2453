/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "yaml_tree.h"

/*
 * What stands for something else: ${NAME}, ${NAME:-default} and ${file:/path} inside values
 * (never in keys) are replaced before anything is checked. What came that way is marked as
 * filled, so that no message shows it.
 */
void config_fill(struct yaml_node *root, struct arena *arena, struct config_report *report);

/* Would `s` be changed by it? */
bool config_fills(struct str s);

enum { CONFIG_FILL_PATH = 4096 }; /* bytes of a path, with its NUL */

/* The file `name` beside another one, unless it is a whole path; false: it is too long. */
bool config_fill_beside(struct str other, struct str name, char out[CONFIG_FILL_PATH]);

/* All of a file, up to `most` bytes; false with a word why. */
bool config_fill_file(struct buf *out, const char *path, size_t most, const char **why);
