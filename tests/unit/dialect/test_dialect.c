/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/dialect/dialect.h"

#include "world.h"

Test(dialect, each_is_found_by_its_name, .timeout = 5)
{
    size_t count = 0;

    for (; dialect_at(count); count++)
        cr_assert_eq(dialect_named(str_of(dialect_at(count)->name)), dialect_at(count));
    cr_assert_eq(count, 4);
    cr_assert_null(dialect_named(STR("opnai")));
}

Test(dialect, every_endpoint_is_served_by_one, .timeout = 5)
{
    for (int e = 0; e < ENDPOINT_COUNT; e++)
        cr_assert(dialect_named(STR("openai"))->paths[e] ||
                  dialect_named(STR("anthropic"))->paths[e] ||
                  dialect_named(STR("json"))->paths[e]);
}

Test(dialect, a_prediction_goes_to_the_endpoints_url_itself, .timeout = 5)
{
    cr_assert_str_eq(dialect_named(STR("json"))->paths[ENDPOINT_PREDICT], "");
    cr_assert_null(dialect_named(STR("openai"))->paths[ENDPOINT_PREDICT]);
}

static struct str path(const char *name, enum endpoint e, const char *url)
{
    return dialect_path(dialect_named(str_of(name)), e, str_of(url));
}

Test(dialect, a_version_in_the_url_is_not_said_twice, .timeout = 5)
{
    expect_str(path("anthropic", ENDPOINT_MESSAGES, "http://h"), "/v1/messages");
    expect_str(path("anthropic", ENDPOINT_MESSAGES, "http://h/v1"), "/messages");
    expect_str(path("anthropic", ENDPOINT_TOKENS, "http://h/x/v1"), "/messages/count_tokens");
    expect_str(path("anthropic", ENDPOINT_TOKENS, "http://h/x"), "/v1/messages/count_tokens");
    expect_str(path("openai", ENDPOINT_CHAT, "http://h/v1"), "/chat/completions");
}

Test(dialect, what_one_cannot_serve_has_no_path, .timeout = 5)
{
    cr_assert_null(path("openai", ENDPOINT_MESSAGES, "http://h").at);
    cr_assert_null(path("anthropic", ENDPOINT_CHAT, "http://h").at);
    cr_assert_null(path("json", ENDPOINT_TOKENS, "http://h").at);
}
