/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/mem.h"

#include <criterion/criterion.h>
#include <stdlib.h>

Test(mem, a_new_block_is_zeroed, .timeout = 5)
{
    char *at = mem_new(1000);

    for (int i = 0; i < 1000; i++)
        cr_assert_eq(at[i], 0);
    free(at);
}

Test(mem, growing_keeps_what_was_there, .timeout = 5)
{
    char *at = mem_grow(mem_copy_text("weir"), 4096);

    cr_assert_str_eq(at, "weir");
    free(at);
}
