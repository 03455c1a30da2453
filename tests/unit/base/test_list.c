/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/list.h"

#include <criterion/criterion.h>

Test(list, links_come_out_in_the_order_of_their_adding, .timeout = 5)
{
    struct link head, a, b;

    link_init(&head);
    link_before(&head, &a);
    link_before(&head, &b);
    cr_assert_eq(list_pop(&head), &a);
    cr_assert_eq(list_pop(&head), &b);
    cr_assert_null(list_pop(&head));
}

Test(list, unlinking_twice_is_harmless, .timeout = 5)
{
    struct link head, a;

    link_init(&head);
    link_before(&head, &a);
    cr_assert(link_is_in(&a));
    link_out(&a);
    link_out(&a);
    cr_assert_not(link_is_in(&a));
    cr_assert_not(link_is_in(&head));
}
