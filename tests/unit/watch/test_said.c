/* SPDX-License-Identifier: Apache-2.0 */
#include "said.h"

#include <criterion/criterion.h>
#include <math.h>

static struct arena texts;

static void start(void)
{
    arena_init(&texts, 0);
}

static void stop(void)
{
    arena_deinit(&texts);
}

TestSuite(said, .init = start, .fini = stop, .timeout = 10);

static void assert_text(struct str said, const char *text)
{
    cr_assert(text ? str_eq(said, str_of(text)) : !said.at, "%.*s, not %s", STR_ARG(said),
              text ? text : "absent");
}

Test(said, a_chat_says_its_first_choices_content)
{
    assert_text(said_answer(STR("{\"choices\":[{\"message\":{\"content\":\"a\\nb\"}},"
                                "{\"message\":{\"content\":\"c\"}}]}"),
                            &texts),
                "a\nb");
}

Test(said, a_completion_says_its_text)
{
    assert_text(said_answer(STR("{\"choices\":[{\"text\":\"\"}]}"), &texts), "");
}

Test(said, a_response_says_all_that_it_puts_out)
{
    assert_text(said_answer(STR("{\"output\":[{\"type\":\"reasoning\"},{\"content\":[{\"text\":"
                                "\"a\"},{\"refusal\":\"x\"},{\"text\":\"b\"}]}]}"),
                            &texts),
                "ab");
}

Test(said, a_message_says_its_texts_and_names_its_tool)
{
    static const char message[] = "{\"content\":[{\"type\":\"thinking\",\"thinking\":\"x\"},"
                                  "{\"type\":\"text\",\"text\":\"a\"},"
                                  "{\"type\":\"tool_use\",\"name\":\"find\"},"
                                  "{\"type\":\"text\",\"text\":\"b\"}]}";

    assert_text(said_answer(str_of(message), &texts), "ab");
    assert_text(said_tool(str_of(message), &texts), "find");
}

Test(said, who_calls_a_tool_or_is_no_chat_says_nothing)
{
    assert_text(said_answer(STR("{\"choices\":[{\"message\":{\"content\":null}}]}"), &texts),
                NULL);
    assert_text(said_answer(STR("{\"label\":\"a\"}"), &texts), NULL);
    assert_text(said_answer(STR("7"), &texts), NULL);
}

Test(said, a_request_says_the_users_last_words_the_prompt_or_the_input)
{
    assert_text(said_request(STR("{\"messages\":[{\"role\":\"user\",\"content\":\"a\"},"
                                 "{\"role\":\"assistant\",\"content\":\"b\"},"
                                 "{\"role\":\"user\",\"content\":[{\"text\":\"c\"}]}]}"),
                             &texts),
                "c");
    assert_text(said_request(STR("{\"model\":\"m\",\"prompt\":\"p\"}"), &texts), "p");
    assert_text(said_request(STR("{\"model\":\"m\",\"input\":\"i\"}"), &texts), "i");
    assert_text(
        said_request(STR("{\"input\":[{\"role\":\"user\",\"content\":\"i\"}]}"), &texts), "i");
}

Test(said, another_body_says_all_its_texts)
{
    assert_text(said_request(STR("{\"subject\":\"a\",\"n\":1,\"lines\":[\"b\"]}"), &texts),
                "a\nb");
    assert_text(said_request(STR("{\"n\":1}"), &texts), NULL);
}

Test(said, the_first_tool_is_named_in_every_dialect)
{
    assert_text(said_tool(STR("{\"choices\":[{\"message\":{\"tool_calls\":[{\"function\":"
                              "{\"name\":\"find\"}},{\"function\":{\"name\":\"pay\"}}]}}]}"),
                          &texts),
                "find");
    assert_text(said_tool(STR("{\"choices\":[{\"message\":{\"function_call\":{\"name\":"
                              "\"find\"}}}]}"),
                          &texts),
                "find");
    assert_text(said_tool(STR("{\"output\":[{\"type\":\"message\",\"name\":\"x\"},{\"type\":"
                              "\"function_call\",\"name\":\"find\"}]}"),
                          &texts),
                "find");
    assert_text(said_tool(STR("{\"choices\":[{\"message\":{\"content\":\"a\"}}]}"), &texts),
                NULL);
}

Test(said, confidence_is_the_mean_over_all_tokens)
{
    double mean;

    cr_assert(said_confidence(STR("{\"choices\":[{\"logprobs\":{\"content\":[{\"token\":\"a\","
                                  "\"logprob\":-1,\"top_logprobs\":[{\"logprob\":-9}]},"
                                  "{\"logprob\":-3}]}}]}"),
                              &mean));
    cr_assert_lt(fabs(mean + 2), 1e-12);
    cr_assert(said_confidence(
        STR("{\"choices\":[{\"logprobs\":{\"token_logprobs\":[null,-0.5,-1.5]}}]}"), &mean));
    cr_assert_lt(fabs(mean + 1), 1e-12);
    cr_assert(said_confidence(
        STR("{\"output\":[{\"content\":[{\"text\":\"a\",\"logprobs\":[{\"logprob\":-4}]}]}]}"),
        &mean));
    cr_assert_lt(fabs(mean + 4), 1e-12);
}

Test(said, without_log_probabilities_there_is_no_confidence)
{
    double mean;

    cr_assert_not(said_confidence(STR("{\"choices\":[{\"logprobs\":null}]}"), &mean));
    cr_assert_not(
        said_confidence(STR("{\"choices\":[{\"logprobs\":{\"content\":[]}}]}"), &mean));
}
