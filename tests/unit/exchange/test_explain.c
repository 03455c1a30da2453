/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/exchange/explain.h"

#include "weir/dialect/fingerprint.h"

#include <criterion/criterion.h>
#include <jansson.h>

static struct plan *plan;
static struct model *model;
static struct ask ask;
static struct buf out;
static struct fault why;
static json_t *told;

static const struct remote_settings remote = { .prefix = { "weir:", 5 } };

static void start(void)
{
    plan = plan_new();
    model = ARENA_NEW(&plan->arena, struct model);
    *model = (struct model){ .name = STR("m"),
                             .text = STR("one=m-1"),
                             .cache = { .ttl_ms = 60000, .when = CACHE_DETERMINISTIC } };
    cr_assert(map_put(plan->models, STR("m"), model));
    ask = (struct ask){ .plan = plan, .scope = STR("acme"), .endpoint = ENDPOINT_CHAT };
    ask.body = STR("{\"temperature\":0,\"model\":\"m\",\"messages\":[],\"user\":\"u\"}");
}

static void stop(void)
{
    json_decref(told);
    buf_deinit(&out);
    plan_unref(plan);
}

TestSuite(explain, .init = start, .fini = stop, .timeout = 20);

static void ask_why(void)
{
    buf_reset(&out);
    json_decref(told);
    cr_assert_eq(explain(&ask, &remote, &out, &why), OK, "%s", why.text);
    told = json_loadb(out.at, out.len, 0, NULL);
    cr_assert_not_null(told, "%.*s", STR_ARG(buf_str(&out)));
}

static const char *text_of(const char *name)
{
    const char *text = json_string_value(json_object_get(told, name));

    return text ? text : "";
}

Test(explain, it_tells_the_key_the_scope_and_what_the_key_is_made_of)
{
    ask_why();
    cr_assert_eq(strlen(text_of("key")), 64);
    cr_assert_str_eq(text_of("scope"), "acme");
    cr_assert_str_eq(text_of("endpoint"), "chat");
    cr_assert_str_eq(text_of("model"), "m");
    cr_assert_str_eq(text_of("plan"), "one=m-1");
    cr_assert(strstr(text_of("canonical"), "\"temperature\""));
    cr_assert_null(strstr(text_of("canonical"), "\"user\""));
    cr_assert_eq(json_integer_value(json_object_get(told, "version")), FINGERPRINT_VERSION);
}

Test(explain, it_tells_the_key_as_redis_has_it)
{
    char wanted[128];

    ask_why();
    (void)snprintf(wanted, sizeof(wanted), "weir:v1:answer:acme:m:%s", text_of("key"));
    cr_assert_str_eq(text_of("redis_key"), wanted);
}

Test(explain, what_is_kept_is_told_with_its_time)
{
    ask_why();
    cr_assert(json_is_true(json_object_get(told, "cached")));
    cr_assert(json_is_null(json_object_get(told, "why_not")));
    cr_assert_eq(json_integer_value(json_object_get(told, "ttl_seconds")), 60);
}

Test(explain, what_is_not_kept_is_told_with_its_reason)
{
    ask.body = STR("{\"model\":\"m\",\"messages\":[]}");
    ask_why();
    cr_assert(json_is_false(json_object_get(told, "cached")));
    cr_assert(strstr(text_of("why_not"), "not deterministic"));
    cr_assert_eq(json_integer_value(json_object_get(told, "ttl_seconds")), 0);
}

Test(explain, the_callers_words_count)
{
    ask.cache.no_store = true;
    ask_why();
    cr_assert(strstr(text_of("why_not"), "no-store"));
}

Test(explain, headers_that_are_part_of_the_key_are_told)
{
    ask_why();
    cr_assert(json_is_null(json_object_get(told, "headers")));
    ask.key_headers = STR("openai-beta: x\n");
    ask_why();
    cr_assert_str_eq(text_of("headers"), "openai-beta: x\n");
}

Test(explain, a_stream_and_a_plain_request_have_one_key)
{
    char key[65];

    ask_why();
    (void)snprintf(key, sizeof(key), "%s", text_of("key"));
    ask.body = STR("{\"model\":\"m\",\"messages\":[],\"temperature\":0.0,\"stream\":true}");
    ask_why();
    cr_assert_str_eq(text_of("key"), key);
}

Test(explain, a_model_that_shares_its_answers_has_another_scope)
{
    model->cache.scope = SCOPE_SHARED;
    ask_why();
    cr_assert_str_eq(text_of("scope"), "shared");
}

Test(explain, an_unknown_model_is_a_fault)
{
    ask.body = STR("{\"model\":\"x\",\"messages\":[]}");
    cr_assert_eq(explain(&ask, &remote, &out, &why), ERR_NO_MODEL);
    cr_assert_str_eq(why.param, "model");
    cr_assert_eq(out.len, 0);
}

Test(explain, a_body_that_cannot_be_read_is_a_fault)
{
    ask.body = STR("{");
    cr_assert_eq(explain(&ask, &remote, &out, &why), ERR_MALFORMED);
    cr_assert_eq(out.len, 0);
}
