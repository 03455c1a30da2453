/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/map.h"

#include <criterion/criterion.h>
#include <stdio.h>

Test(map, a_name_is_found_by_its_bytes, .timeout = 5)
{
    AUTO(map_free) struct map *m = map_new();
    int value;

    cr_assert(map_put(m, STR("chat"), &value));
    cr_assert_eq(map_get(m, STR("chat")), &value);
    cr_assert_null(map_get(m, STR("Chat")));
}

Test(map, a_taken_name_keeps_its_first_value, .timeout = 5)
{
    AUTO(map_free) struct map *m = map_new();
    int first, second;

    cr_assert(map_put(m, STR("chat"), &first));
    cr_assert_not(map_put(m, STR("chat"), &second));
    cr_assert_eq(map_get(m, STR("chat")), &first);
    cr_assert_eq(map_size(m), 1);
}

Test(map, entries_stand_in_the_order_of_their_putting, .timeout = 5)
{
    AUTO(map_free) struct map *m = map_new();
    static int values[1000];
    char name[16];

    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof(name), "m%d", i);
        cr_assert(map_put(m, str_of(name), &values[i]));
    }
    for (size_t i = 0; i < 1000; i++) {
        cr_assert_eq(map_value_at(m, i), &values[i]);
        cr_assert_eq(map_get(m, map_key_at(m, i)), &values[i]);
    }
}

Test(map, the_nearest_name_is_one_typing_error_away, .timeout = 5)
{
    AUTO(map_free) struct map *m = map_new();

    (void)map_put(m, STR("local"), NULL);
    (void)map_put(m, STR("openai"), NULL);
    (void)map_put(m, STR("anthropic"), NULL);
    cr_assert(str_eq(map_nearest(m, STR("opnai")), STR("openai")));
    cr_assert(str_eq(map_nearest(m, STR("lcoal")), STR("local")));
    cr_assert(str_eq(map_nearest(m, STR("antropik")), STR("anthropic")));
}

Test(map, nothing_is_near_to_a_strange_name, .timeout = 5)
{
    AUTO(map_free) struct map *m = map_new();

    (void)map_put(m, STR("openai"), NULL);
    (void)map_put(m, STR("a"), NULL);
    cr_assert_null(map_nearest(m, STR("workers")).at);
    cr_assert_null(map_nearest(m, STR("")).at);
    cr_assert_null(map_nearest(m, STR("b")).at, "one letter is no likeness");
}
