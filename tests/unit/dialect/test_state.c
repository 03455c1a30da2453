/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

#include <criterion/criterion.h>

/* test_request.c has the plain cases; here are the ways of writing that could slip by. */

static const char *why(enum endpoint endpoint, const char *body)
{
    struct request r = { .endpoint = endpoint, .body = str_of(body) };
    const char *found = state_of(&r);

    return found ? found : "";
}

Test(state, an_empty_request_has_none_but_for_responses_which_are_stored, .timeout = 5)
{
    cr_assert_str_eq(why(ENDPOINT_CHAT, "{}"), "");
    cr_assert_neq(why(ENDPOINT_RESPONSES, "{}")[0], '\0');
    cr_assert_str_eq(why(ENDPOINT_RESPONSES, "{\"store\":false}"), "");
}

Test(state, only_a_plain_false_keeps_a_response_from_being_stored, .timeout = 5)
{
    static const char *const bodies[] = { "{\"store\":null}", "{\"store\":\"false\"}",
                                          "{\"store\":0}", "{\"store\":true}" };

    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
        cr_assert_neq(why(ENDPOINT_RESPONSES, bodies[i])[0], '\0', "%s", bodies[i]);
}

Test(state, escapes_hide_neither_members_nor_words, .timeout = 5)
{
    cr_assert_str_eq(why(ENDPOINT_RESPONSES, "{\"\\u0073tore\":false}"), "");
    cr_assert_neq(why(ENDPOINT_CHAT, "{\"we\\u0062_search_options\":{}}")[0], '\0');
    cr_assert_str_eq(why(ENDPOINT_CHAT, "{\"tools\":[{\"type\":\"\\u0066unction\"}]}"), "");
    cr_assert_neq(why(ENDPOINT_RESPONSES, "{\"store\":false,\"input\":[{\"type\":"
                                          "\"item\\u005freference\"}]}")[0],
                  '\0');
}

Test(state, one_hosted_tool_among_functions_is_found, .timeout = 5)
{
    cr_assert_str_eq(why(ENDPOINT_CHAT, "{\"tools\":[{\"type\":\"function\"},{},"
                                        "{\"type\":\"custom\"}]}"),
                     "");
    cr_assert_str_eq(why(ENDPOINT_CHAT, "{\"tools\":[{\"type\":\"function\"},"
                                        "{\"type\":\"web_search\"}]}"),
                     "a tool that runs upstream");
}

Test(state, a_tools_type_that_is_no_text_is_not_trusted, .timeout = 5)
{
    cr_assert_neq(why(ENDPOINT_CHAT, "{\"tools\":[{\"type\":null}]}")[0], '\0');
    cr_assert_neq(why(ENDPOINT_CHAT, "{\"tools\":[{\"type\":1}]}")[0], '\0');
    cr_assert_neq(why(ENDPOINT_CHAT, "{\"tools\":[{\"type\":\"Function\"}]}")[0], '\0');
}

Test(state, members_of_another_shape_do_no_harm, .timeout = 5)
{
    static const char *const bodies[] = { "{\"tools\":null}",
                                          "{\"tools\":\"x\"}",
                                          "{\"tools\":[1,\"x\",null,[]]}",
                                          "{\"tools\":7}",
                                          "{\"web_search_options\":null}",
                                          "{\"input\":[{\"type\":\"item_reference\"}]}" };

    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
        cr_assert_str_eq(why(ENDPOINT_CHAT, bodies[i]), "", "%s", bodies[i]);
    cr_assert_str_eq(why(ENDPOINT_RESPONSES, "{\"store\":false,\"input\":\"text\"}"), "");
    cr_assert_str_eq(why(ENDPOINT_RESPONSES, "{\"store\":false,\"input\":{\"type\":"
                                             "\"item_reference\"}}"),
                     "");
}

Test(state, a_prediction_is_not_looked_into, .timeout = 5)
{
    cr_assert_str_eq(why(ENDPOINT_PREDICT, "{\"store\":true,\"tools\":[{\"type\":\"x\"}]}"),
                     "");
    cr_assert_str_eq(why(ENDPOINT_PREDICT, "no json"), "");
}

Test(state, of_a_messages_tools_those_that_the_client_runs_are_known, .timeout = 5)
{
    static const char *const theirs[] = { "{\"tools\":[{\"name\":\"f\"}]}",
                                          "{\"tools\":[{\"type\":\"custom\"}]}",
                                          "{\"tools\":[{\"type\":\"bash_20250124\"}]}",
                                          "{\"tools\":[{\"type\":\"text_editor_20250728\"}]}",
                                          "{\"container\":null,\"mcp_servers\":null}" };
    static const char *const hosted[] = { "{\"tools\":[{\"type\":\"web_search_20250305\"}]}",
                                          "{\"tools\":[{\"type\":\"function\"}]}",
                                          "{\"tools\":[{\"type\":\"bash\"}]}",
                                          "{\"tools\":[{\"type\":null}]}",
                                          "{\"mcp_servers\":[{}]}",
                                          "{\"container\":\"c1\"}" };

    for (size_t i = 0; i < sizeof(theirs) / sizeof(*theirs); i++)
        cr_expect_str_eq(why(ENDPOINT_MESSAGES, theirs[i]), "", "%s", theirs[i]);
    for (size_t i = 0; i < sizeof(hosted) / sizeof(*hosted); i++)
        cr_expect_neq(why(ENDPOINT_MESSAGES, hosted[i])[0], '\0', "%s", hosted[i]);
}

Test(state, a_count_of_tokens_is_asked_for_each_time, .timeout = 5)
{
    cr_assert_str_eq(why(ENDPOINT_TOKENS, "{}"), "a count of tokens");
}
