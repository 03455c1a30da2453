/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/http/request.h"

#include <criterion/criterion.h>

static const struct http_field fields[] = {
    { { "Accept", 6 }, { "a", 1 } },  { { "X-Empty", 7 }, { "", 0 } },
    { { "accept", 6 }, { "b", 1 } },  { { "Accept-Encoding", 15 }, { "c", 1 } },
    { { "X_Under", 7 }, { "d", 1 } },
};

static const struct http_request request = { .fields = fields,
                                             .field_count = sizeof(fields) / sizeof(*fields) };

static struct str field(const char *name)
{
    return http_request_field(&request, str_of(name));
}

Test(request, the_first_field_of_a_name_counts, .timeout = 5)
{
    cr_assert(str_eq(field("accept"), STR("a")));
}

Test(request, names_are_compared_in_any_case, .timeout = 5)
{
    cr_assert(str_eq(field("ACCEPT-encoding"), STR("c")));
}

Test(request, a_name_is_compared_whole, .timeout = 5)
{
    cr_assert_null(field("accep").at);
    cr_assert_null(field("accept-").at);
    cr_assert_null(field("encoding").at);
    cr_assert_null(field("").at);
}

Test(request, only_letters_have_a_case, .timeout = 5)
{
    cr_assert(str_eq(field("x_UNDER"), STR("d")));
    cr_assert_null(field("x\x7funder").at);
    cr_assert_null(field("x-under").at);
}

Test(request, an_empty_value_is_there_and_a_missing_one_is_not, .timeout = 5)
{
    cr_assert_not_null(field("x-empty").at);
    cr_assert_eq(field("x-empty").len, 0);
    cr_assert_null(field("x-missing").at);
}

Test(request, without_fields_nothing_is_found, .timeout = 5)
{
    struct http_request bare = { 0 };

    cr_assert_null(http_request_field(&bare, STR("accept")).at);
}
