/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/uuid.h"

#include "weir/base/clock.h"

#include <criterion/criterion.h>
#include <stdlib.h>

Test(uuid, it_has_the_form_of_version_7, .timeout = 5)
{
    char text[UUID_TEXT];

    uuid_make(text);
    cr_assert_eq(strlen(text), 36);
    cr_assert_eq(strspn(text, "0123456789abcdef-"), 36);
    cr_assert(text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-');
    cr_assert_eq(text[14], '7');
    cr_assert(strchr("89ab", text[19]));
}

Test(uuid, it_begins_with_the_time, .timeout = 5)
{
    uint64_t before = clock_wall_ms();
    char text[UUID_TEXT];
    uint64_t ms;

    uuid_make(text);
    memmove(text + 8, text + 9, 4); /* the first hyphen out */
    text[12] = '\0';
    ms = strtoull(text, NULL, 16);
    cr_assert_geq(ms, before);
    cr_assert_leq(ms, clock_wall_ms());
}

Test(uuid, no_two_are_the_same, .timeout = 10)
{
    enum { COUNT = 1000 };
    static char all[COUNT][UUID_TEXT];

    for (int i = 0; i < COUNT; i++) {
        uuid_make(all[i]);
        for (int j = 0; j < i; j++)
            cr_assert_neq(strcmp(all[i], all[j]), 0);
    }
}
