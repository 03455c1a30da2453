/* SPDX-License-Identifier: Apache-2.0 */
#include "pages.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdint.h>

enum { SIZE = 3 * 4096 + 1 };

Test(pages, are_zeroed_and_can_be_written_to_the_last_byte, .timeout = 10)
{
    unsigned char *at = pages_new(SIZE);

    for (size_t i = 0; i < SIZE; i++)
        cr_assert_eq(at[i], 0);
    at[0] = at[SIZE - 1] = 0xff;
    pages_free(at, SIZE);
}

Test(pages, that_come_again_are_zeroed_again, .timeout = 10)
{
    for (unsigned n = 0; n < 100; n++) {
        unsigned char *at = pages_new(SIZE);

        cr_assert_eq(at[0], 0);
        cr_assert_eq(at[SIZE - 1], 0);
        at[0] = at[SIZE - 1] = 1;
        pages_free(at, SIZE);
    }
}

Test(pages, none_are_fine_to_free, .timeout = 10)
{
    pages_free(NULL, 0);
    pages_free(NULL, SIZE);
}

Test(pages, of_no_bytes_do_not_exist, .signal = SIGABRT, .timeout = 10)
{
    (void)pages_new(0);
}

Test(pages, beyond_all_memory_end_the_process, .signal = SIGABRT, .timeout = 10)
{
    (void)pages_new(SIZE_MAX / 2);
}
