/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/http/room.h"

#include <criterion/criterion.h>

TestSuite(room, .timeout = 20);

Test(room, a_share_grows_as_far_as_there_is_room)
{
    struct http_room room = { .most = 100 };
    struct room_share a = { &room, 0 }, b = { &room, 0 };

    cr_assert(room_share_grow(&a, 60));
    cr_assert(room_share_grow(&b, 40));
    cr_assert_not(room_share_grow(&b, 41));
    cr_assert_eq(room.used, 100);
}

Test(room, what_is_given_back_is_there_for_others)
{
    struct http_room room = { .most = 100 };
    struct room_share a = { &room, 0 }, b = { &room, 0 };

    cr_assert(room_share_grow(&a, 100));
    room_share_end(&a);
    cr_assert(room_share_grow(&b, 100));
}

Test(room, growing_to_less_changes_nothing)
{
    struct http_room room = { .most = 100 };
    struct room_share a = { &room, 0 };

    cr_assert(room_share_grow(&a, 80));
    cr_assert(room_share_grow(&a, 20));
    cr_assert_eq(room.used, 80);
}

Test(room, a_share_ends_once)
{
    struct http_room room = { .most = 100 };
    struct room_share a = { &room, 0 };

    cr_assert(room_share_grow(&a, 80));
    room_share_end(&a);
    room_share_end(&a);
    cr_assert_eq(room.used, 0);
}

Test(room, without_a_room_there_is_no_limit)
{
    struct room_share a = { 0 };

    cr_assert(room_share_grow(&a, (size_t)1 << 40));
    room_share_end(&a);
}
