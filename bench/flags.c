/* SPDX-License-Identifier: Apache-2.0 */
#include "flags.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct flag *find(const struct flag *flags, const char *name)
{
    for (; flags->name; flags++) {
        if (strcmp(flags->name, name) == 0)
            return flags;
    }
    return NULL;
}

static bool fill(const struct flag *flag, const char *value)
{
    char *end;

    if (flag->text) {
        *flag->text = value;
        return true;
    }
    errno = 0;
    *flag->number = strtoull(value, &end, 10);
    return errno == 0 && end != value && *end == '\0';
}

bool flags_read(const struct flag *flags, int count, char **words)
{
    for (int i = 1; i < count; i += 2) {
        const struct flag *flag = find(flags, words[i]);

        if (!flag) {
            fprintf(stderr, "%s: no flag %s\n", words[0], words[i]);
            return false;
        }
        if (i + 1 == count || !fill(flag, words[i + 1])) {
            fprintf(stderr, "%s: %s wants a value\n", words[0], words[i]);
            return false;
        }
    }
    return true;
}
