/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/dialect/dialect.h"

#include "world.h"

Test(dialect, each_is_found_by_its_name, .timeout = 5)
{
    size_t count = 0;

    for (; dialect_at(count); count++)
        cr_assert_eq(dialect_named(str_of(dialect_at(count)->name)), dialect_at(count));
    cr_assert_eq(count, 3);
    cr_assert_null(dialect_named(STR("opnai")));
}

Test(dialect, every_endpoint_is_served_by_one, .timeout = 5)
{
    for (int e = 0; e < ENDPOINT_COUNT; e++)
        cr_assert(dialect_named(STR("openai"))->paths[e] ||
                  dialect_named(STR("json"))->paths[e]);
}

Test(dialect, a_prediction_goes_to_the_endpoints_url_itself, .timeout = 5)
{
    cr_assert_str_eq(dialect_named(STR("json"))->paths[ENDPOINT_PREDICT], "");
    cr_assert_null(dialect_named(STR("openai"))->paths[ENDPOINT_PREDICT]);
}
