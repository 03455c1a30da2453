/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/dialect/fingerprint.h"

#include "world.h"

#include <jansson.h>
#include <stdlib.h>

static void print_of(struct world *w, enum endpoint e, const char *path_model, const char *body,
                     struct fingerprint_parts parts, struct fingerprint *out)
{
    cr_assert_eq(ask(w, e, path_model, body), OK, "%s: %s", body, w->why.text);
    cr_assert_eq(fingerprint_of(out, &w->request, &parts, &w->arena), OK);
}

static bool same(const char *a, const char *b)
{
    struct world w = { 0 };
    struct fingerprint one, other;
    struct fingerprint_parts parts = { STR("public"), STR("plan"), { NULL, 0 } };
    bool eq;

    print_of(&w, ENDPOINT_CHAT, NULL, a, parts, &one);
    print_of(&w, ENDPOINT_CHAT, NULL, b, parts, &other);
    eq = digest_eq(&one.key, &other.key);
    arena_deinit(&w.arena);
    return eq;
}

static const char *never(const char *body)
{
    struct world w = { 0 };
    struct fingerprint print;

    print_of(&w, ENDPOINT_CHAT, NULL, body,
             (struct fingerprint_parts){ STR("s"), STR("p"), { NULL, 0 } }, &print);
    arena_deinit(&w.arena);
    return print.never_cached;
}

static enum endpoint endpoint_named(const char *word)
{
    int e = 0;

    while (!str_eq(endpoint_word((enum endpoint)e), str_of(word)))
        cr_assert_lt(++e, ENDPOINT_COUNT);
    return (enum endpoint)e;
}

static const char *text_of(const json_t *vector, const char *name)
{
    const char *text = json_string_value(json_object_get(vector, name));

    cr_assert(text, "%s", name);
    return text;
}

static void check_vector(const json_t *vector)
{
    struct world w = { 0 };
    enum endpoint e = endpoint_named(text_of(vector, "endpoint"));
    struct fingerprint_parts parts = { str_of(text_of(vector, "scope")),
                                       str_of(text_of(vector, "plan")),
                                       str_of(text_of(vector, "headers")) };
    struct fingerprint print;
    char hex[DIGEST_HEX];

    cr_assert_eq(ask(&w, e, text_of(vector, "model"), text_of(vector, "body")), OK, "%s",
                 w.why.text);
    cr_assert_eq(fingerprint_of(&print, &w.request, &parts, &w.arena), OK);
    expect_str(print.canonical, text_of(vector, "canonical"));
    digest_hex(&print.key, hex);
    cr_expect_str_eq(hex, text_of(vector, "key"), "%s", text_of(vector, "name"));
    arena_deinit(&w.arena);
}

Test(fingerprint, the_published_vectors_come_out_again, .timeout = 5)
{
    char path[4096];
    json_t *vectors, *vector;
    json_error_t error;
    size_t i;

    (void)snprintf(path, sizeof(path), "%s/cache_keys.json", getenv("WEIR_TEST_DATA"));
    vectors = json_load_file(path, 0, &error);
    cr_assert(vectors, "%s: line %d: %s", path, error.line, error.text);
    cr_assert_geq(json_array_size(vectors), 20);
    json_array_foreach(vectors, i, vector) check_vector(vector);
    json_decref(vectors);
}

#define BODY(rest) \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]" rest "}"

Test(fingerprint, space_order_and_escapes_make_no_other_key, .timeout = 5)
{
    cr_assert(same(BODY(",\"seed\":1"),
                   "{ \"seed\" : 1.0, \"messages\" : [ {\"content\":\"h\\u0069\",\"role\":"
                   "\"user\"} ], \"model\":\"m\" }"));
}

Test(fingerprint, a_stream_and_a_plain_request_share_a_key, .timeout = 5)
{
    cr_assert(
        same(BODY(""), BODY(",\"stream\":true,\"stream_options\":{\"include_usage\":true}")));
}

Test(fingerprint, any_other_change_of_a_value_is_another_key, .timeout = 5)
{
    static const char *const others[] = {
        BODY(",\"seed\":2"),
        BODY(",\"seed\":\"1\""),
        BODY(",\"seed\":null"),
        BODY(",\"seed\":[1]"),
        BODY(",\"seed\":1.0000000000000000001"),
        BODY(",\"Seed\":1"),
        BODY(",\"seed\":1,\"n\":1"),
        BODY(",\"seed\":true"),
        "{\"model\":\"n\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"seed\":1}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi \"}],\"seed\":1}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{}],\"seed\":1}",
        "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"hi\"}],\"seed\":1}",
    };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        cr_expect_not(same(BODY(",\"seed\":1"), others[i]), "%s", others[i]);
}

Test(fingerprint, the_order_of_an_array_counts, .timeout = 5)
{
    cr_assert_not(same(BODY(",\"stop\":[\"a\",\"b\"]"), BODY(",\"stop\":[\"b\",\"a\"]")));
}

Test(fingerprint, order_counts_inside_tools_functions_and_response_format, .timeout = 5)
{
    cr_assert_not(
        same(BODY(",\"tools\":[{\"a\":1,\"b\":2}]"), BODY(",\"tools\":[{\"b\":2,\"a\":1}]")));
    cr_assert_not(same(BODY(",\"functions\":[{\"a\":1,\"b\":2}]"),
                       BODY(",\"functions\":[{\"b\":2,\"a\":1}]")));
    cr_assert_not(same(BODY(",\"response_format\":{\"a\":1,\"b\":2}"),
                       BODY(",\"response_format\":{\"b\":2,\"a\":1}")));
    cr_assert(same(BODY(",\"logit_bias\":{\"1\":1,\"2\":2}"),
                   BODY(",\"logit_bias\":{\"2\":2,\"1\":1}")));
}

Test(fingerprint, parts_cannot_run_together, .timeout = 5)
{
    struct world w = { 0 };
    struct fingerprint one, other;

    print_of(&w, ENDPOINT_CHAT, NULL, BODY(""),
             (struct fingerprint_parts){ STR("ab"), STR("c"), { NULL, 0 } }, &one);
    print_of(&w, ENDPOINT_CHAT, NULL, BODY(""),
             (struct fingerprint_parts){ STR("a"), STR("bc"), { NULL, 0 } }, &other);
    cr_assert_not(digest_eq(&one.key, &other.key));
    arena_deinit(&w.arena);
}

Test(fingerprint, what_readers_disagree_on_is_never_cached, .timeout = 5)
{
    cr_assert_null(never(BODY(",\"seed\":9223372036854775807")));
    cr_assert_str_eq(never(BODY(",\"seed\":9223372036854775808")), "an integer beyond 64 bits");
    cr_assert_str_eq(never(BODY(",\"x\":\"\\ud83d\"")), "a lone surrogate in a string");
    cr_assert_str_eq(never(BODY(",\"x\":{\"a\":1,\"a\":2}")), "a member that stands twice");
}
