/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

static struct world w;

#define HEAD                                                                           \
    "{\"id\":\"c1\",\"object\":\"chat.completion\",\"created\":7,\"model\":\"alias\"," \
    "\"choices\":"

static void expect_plain(const char *wanted)
{
    cr_assert_eq(tap_end(&w.tap), OK);
    cr_assert_not(w.tap.answer.keep_failed);
    expect_str(buf_str(&w.tap.answer.body), wanted);
    end(&w);
}

Test(assembly, text_is_joined_as_it_is_escaped, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    (void)delta(&w, "\"role\":\"assistant\",\"content\":\"\",\"refusal\":null");
    (void)delta(&w, "\"content\":\"a\\u0062\"");
    (void)delta(&w, "\"content\":\"\\n\xC3\xA9\"");
    (void)finishes(&w, "stop");
    (void)says(&w, "{\"choices\":[],\"usage\":{\"prompt_tokens\":1.0}}");
    expect_plain(
        HEAD
        "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"a\\u0062\\n\xC3\xA9\","
        "\"refusal\":null},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1.0}}");
}

Test(assembly, a_pair_of_surrogates_may_be_split_between_deltas, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    (void)delta(&w, "\"content\":\"\\ud83d\"");
    (void)delta(&w, "\"content\":\"\\ude00\"");
    (void)finishes(&w, "stop");
    expect_plain(
        HEAD
        "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"\\ud83d\\ude00\"},"
        "\"finish_reason\":\"stop\"}]}");
}

Test(assembly, choices_may_interleave, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    (void)chunk(&w, "{\"index\":1,\"delta\":{\"content\":\"b\"}}");
    (void)delta(&w, "\"content\":\"a\"");
    (void)chunk(&w, "{\"index\":1,\"delta\":{\"content\":\"B\"},\"finish_reason\":\"stop\"},"
                    "{\"index\":0,\"delta\":{\"content\":\"A\"},\"finish_reason\":\"stop\"}");
    expect_plain(HEAD
                 "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"aA\"},"
                 "\"finish_reason\":\"stop\"},{\"index\":1,\"message\":{\"role\":\"assistant\","
                 "\"content\":\"bB\"},\"finish_reason\":\"stop\"}]}");
}

Test(assembly, tool_calls_may_be_split_anywhere, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    (void)delta(
        &w, "\"content\":null,\"tool_calls\":[{\"index\":0,\"id\":\"t0\",\"type\":\"function\","
            "\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]");
    (void)delta(&w, "\"tool_calls\":[{\"index\":1,\"id\":\"t1\",\"function\":{\"name\":\"g\"}},"
                    "{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\"}}]");
    (void)delta(&w, "\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":\"{}\"}}]");
    (void)delta(
        &w,
        "\"tool_calls\":[{\"index\":0,\"id\":\"t0\",\"function\":{\"name\":\"\",\"arguments\":"
        "\"\\\":1}\"}}]");
    (void)finishes(&w, "tool_calls");
    expect_plain(HEAD "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,"
                      "\"tool_calls\":[{\"id\":"
                      "\"t0\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":"
                      "\"{\\\"a\\\":1}\"}},"
                      "{\"id\":\"t1\",\"type\":\"function\",\"function\":{\"name\":\"g\","
                      "\"arguments\":\"{}\"}}]},"
                      "\"finish_reason\":\"tool_calls\"}]}");
}

Test(assembly, custom_calls_and_the_old_function_call_are_joined, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    (void)delta(&w,
                "\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"type\":\"custom\",\"custom\":{"
                "\"name\":\"c\","
                "\"input\":\"x\"}}],\"function_call\":{\"name\":\"f\",\"arguments\":\"1\"}");
    (void)delta(
        &w, "\"tool_calls\":[{\"index\":0,\"custom\":{\"input\":\"y\"}}],\"function_call\":{"
            "\"arguments\":\"2\"}");
    (void)finishes(&w, "tool_calls");
    expect_plain(HEAD
                 "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":null,\"tool_"
                 "calls\":[{\"id\":"
                 "\"t\",\"type\":\"custom\",\"custom\":{\"name\":\"c\",\"input\":\"xy\"}}],"
                 "\"function_call\":{"
                 "\"name\":\"f\",\"arguments\":\"12\"}},\"finish_reason\":\"tool_calls\"}]}");
}

Test(assembly, log_probabilities_are_joined, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    (void)chunk(&w, "{\"index\":0,\"delta\":{\"content\":\"a\"},\"logprobs\":{\"content\":[{"
                    "\"logprob\":-0.10}],"
                    "\"refusal\":null}}");
    (void)chunk(&w, "{\"index\":0,\"delta\":{\"content\":\"b\"},\"logprobs\":{\"content\":[{"
                    "\"logprob\":-1e2}],"
                    "\"refusal\":null}}");
    (void)chunk(&w, "{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}");
    expect_plain(
        HEAD
        "[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"ab\"},\"logprobs\":{"
        "\"content\":[{\"logprob\":-0.10},{\"logprob\":-1e2}],\"refusal\":null},"
        "\"finish_reason\":\"stop\"}]}");
}

Test(assembly, unknown_members_are_kept_byte_for_byte, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    (void)says(&w,
               "{\"id\":\"c\",\"provider\":\"p\\u0021\",\"obfuscation\":\"zz\",\"choices\":[{"
               "\"index\":0,"
               "\"delta\":{\"content\":\"a\",\"annotations\":[{\"x\":18446744073709551616}]},"
               "\"stop_reason\":null}],\"usage\":null}");
    (void)says(&w,
               "{\"id\":\"c\",\"timings\":{\"ms\":0.10},\"choices\":[{\"index\":0,\"delta\":{},"
               "\"finish_reason\":\"stop\",\"stop_reason\":7}]}");
    expect_plain(
        "{\"id\":\"c\",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":{"
        "\"role\":"
        "\"assistant\",\"content\":\"a\",\"annotations\":[{\"x\":18446744073709551616}]},"
        "\"finish_reason\":\"stop\",\"stop_reason\":7}],\"usage\":null,\"provider\":"
        "\"p\\u0021\","
        "\"timings\":{\"ms\":0.10}}");
}

static void expect_not_kept(const char *first, const char *second)
{
    begin(&w, ENDPOINT_CHAT);
    (void)delta(&w, first);
    (void)delta(&w, second);
    (void)finishes(&w, "stop");
    cr_assert_eq(tap_end(&w.tap), OK);
    cr_assert(w.tap.answer.keep_failed);
    cr_assert_not(w.tap.answer.storable);
    cr_assert_eq(w.tap.answer.body.len, 0);
    end(&w);
}

Test(assembly, what_cannot_be_joined_faithfully_is_not_kept, .timeout = 5)
{
    expect_not_kept("\"thoughts\":\"a\"", "\"thoughts\":\"b\"");
    expect_not_kept("\"content\":\"a\"", "\"content\":[{\"type\":\"text\"}]");
    expect_not_kept("\"content\":\"a\"", "\"tool_calls\":[{\"index\":\"x\"}]");
    expect_not_kept("\"role\":\"assistant\",\"content\":\"a\"", "\"role\":\"user\"");
}

Test(assembly, nothing_is_built_for_nobody, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    w.tap.keep = false;
    (void)delta(&w, "\"content\":\"a\"");
    (void)finishes(&w, "stop");
    cr_assert_eq(tap_end(&w.tap), OK);
    cr_assert_null(w.tap.assembly);
    cr_assert_not(w.tap.answer.storable);
    end(&w);
}
