/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/err.h"

#include <criterion/criterion.h>
#include <signal.h>

Test(err, every_error_has_a_name_and_a_text, .timeout = 5)
{
    for (int i = OK; i < ERR_COUNT; i++) {
        cr_assert_gt(strlen(err_name((enum err)i)), 1);
        cr_assert_gt(strlen(err_text((enum err)i)), 1);
    }
}

Test(err, what_the_client_caused_is_not_worth_a_retry, .timeout = 5)
{
    cr_assert_not(err_worth_retry(ERR_CANCELLED));
    cr_assert_not(err_worth_retry(ERR_MALFORMED));
    cr_assert(err_worth_retry(ERR_UPSTREAM_UNREACHABLE));
}

Test(err, a_fault_returns_its_error_even_to_nobody, .timeout = 5)
{
    cr_assert_eq(fault_set(NULL, ERR_CONFIG, "a", "text"), ERR_CONFIG);
}

Test(err, a_fault_names_the_member_and_cuts_long_texts, .timeout = 5)
{
    struct fault why;

    cr_assert_eq(fault_set(&why, ERR_CONFIG, "models.chat", "%500s", "x"), ERR_CONFIG);
    cr_assert_str_eq(why.param, "models.chat");
    cr_assert_eq(strlen(why.text), sizeof(why.text) - 1);
    (void)fault_set(&why, ERR_CONFIG, NULL, "x");
    cr_assert_str_eq(why.param, "");
}

Test(err, an_error_out_of_the_list_aborts, .signal = SIGABRT, .timeout = 5)
{
    (void)err_name((enum err)(ERR_COUNT + 1));
}
