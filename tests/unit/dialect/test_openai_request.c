/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

static void put(enum endpoint e, const char *body, const char *upstream, bool ask_usage,
                bool injected, const char *wanted)
{
    struct world w = { 0 };
    struct dialect_body out;
    struct buf whole = { 0 };

    cr_assert_eq(ask(&w, e, NULL, body), OK, "%s", w.why.text);
    cr_assert_eq(dialect_named(STR("openai"))
                     ->put_request(&w.request, str_of(upstream), ask_usage, &w.arena, &out),
                 OK);
    for (size_t i = 0; i < out.count; i++)
        buf_put(&whole, out.parts[i]);
    expect_str(buf_str(&whole), wanted);
    cr_assert_eq(out.usage_injected, injected);
    buf_deinit(&whole);
    arena_deinit(&w.arena);
}

Test(openai_request, only_the_models_name_changes, .timeout = 5)
{
    put(ENDPOINT_CHAT,
        "{ \"x\":0.1, \"model\" : \"m\" ,\"y\":[1e2,18446744073709551616,\"\\u0041\"]}",
        "gpt \"x\"", true, false,
        "{ \"x\":0.1, \"model\" : \"gpt \\\"x\\\"\" "
        ",\"y\":[1e2,18446744073709551616,\"\\u0041\"]}");
}

Test(openai_request, the_same_name_is_no_splice, .timeout = 5)
{
    struct world w = { 0 };
    struct dialect_body out;

    cr_assert_eq(ask(&w, ENDPOINT_CHAT, NULL, "{\"model\":\"\\u006d\"}"), OK);
    cr_assert_eq(
        dialect_named(STR("openai"))->put_request(&w.request, STR("m"), true, &w.arena, &out),
        OK);
    cr_assert_eq(out.count, 1);
    cr_assert_eq(out.parts[0].at, w.request.body.at);
    arena_deinit(&w.arena);
}

Test(openai_request, a_stream_is_asked_for_its_usage, .timeout = 5)
{
    put(ENDPOINT_CHAT, " {\"model\":\"m\",\"stream\":true}", "u", true, true,
        " {\"stream_options\":{\"include_usage\":true},\"model\":\"u\",\"stream\":true}");
    put(ENDPOINT_COMPLETIONS, "{\"stream\":true,\"stream_options\":null,\"model\":\"m\"}", "u",
        true, true,
        "{\"stream\":true,\"stream_options\":{\"include_usage\":true},\"model\":\"u\"}");
}

Test(openai_request, other_stream_options_stay, .timeout = 5)
{
    put(ENDPOINT_CHAT,
        "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_obfuscation\":false}}",
        "m", true, true,
        "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true,"
        "\"include_obfuscation\":false}}");
    put(ENDPOINT_CHAT, "{\"model\":\"m\",\"stream\":true,\"stream_options\":{ }}", "m", true,
        true, "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true }}");
    put(ENDPOINT_CHAT,
        "{\"stream_options\":{\"include_usage\":false},\"model\":\"m\",\"stream\":true}", "m",
        true, true,
        "{\"stream_options\":{\"include_usage\":true},\"model\":\"m\",\"stream\":true}");
}

Test(openai_request, usage_is_not_asked_for_where_it_is_not_wanted, .timeout = 5)
{
    put(ENDPOINT_CHAT, "{\"model\":\"m\",\"stream\":true}", "m", false, false,
        "{\"model\":\"m\",\"stream\":true}");
    put(ENDPOINT_CHAT, "{\"model\":\"m\",\"stream\":false}", "m", true, false,
        "{\"model\":\"m\",\"stream\":false}");
    put(ENDPOINT_CHAT,
        "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}", "m",
        true, false,
        "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}");
    put(ENDPOINT_RESPONSES, "{\"model\":\"m\",\"stream\":true}", "m", true, false,
        "{\"model\":\"m\",\"stream\":true}");
}

Test(openai_request, a_moderation_without_a_model_gets_one, .timeout = 5)
{
    put(ENDPOINT_MODERATIONS, "{\"input\":\"x\"}", "u", true, false,
        "{\"model\":\"u\",\"input\":\"x\"}");
    put(ENDPOINT_MODERATIONS, "{}", "u", true, false, "{\"model\":\"u\"}");
}
