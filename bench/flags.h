/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Command line of the measuring tools: pairs of `--name value`, each a row in a table.
 * A row fills either a number or a text; texts are lent by argv.
 */

struct flag {
    const char *name; /* with its dashes; NULL ends the table */
    uint64_t *number;
    const char **text;
};

/* False, with a line on standard error, when the command line is not as the table says. */
bool flags_read(const struct flag *flags, int count, char **words);
