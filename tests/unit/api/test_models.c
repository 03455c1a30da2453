/* SPDX-License-Identifier: Apache-2.0 */

/* What a body of models looks like to a client's JSON reader, and names at their edges. */

#include "world.h"

#include <jansson.h>

TestSuite(models, .init = world_start, .fini = world_stop, .timeout = 20);

static json_t *served(const char *target, int status)
{
    json_t *body;

    serve_to("GET", target);
    cr_assert_eq(conn.status, status, "%s: %d", target, conn.status);
    cr_assert(says(&conn.fields, "Content-Type: application/json\r\n"));
    cr_assert(says(&conn.fields, "x-request-id: "));
    body = json_loadb(conn.body.at, conn.body.len, 0, NULL);
    cr_assert(body, "%.*s", STR_ARG(buf_str(&conn.body)));
    return body;
}

static const char *text(const json_t *of, const char *member)
{
    const char *found = json_string_value(json_object_get(of, member));

    return found ? found : "";
}

Test(models, without_any_the_list_is_empty)
{
    json_t *body = served("/v1/models", 200);

    cr_assert_str_eq(text(body, "object"), "list");
    cr_assert_eq(json_array_size(json_object_get(body, "data")), 0);
    cr_assert(json_is_array(json_object_get(body, "data")));
    json_decref(body);
}

Test(models, the_list_has_all_members_that_clients_read)
{
    json_t *body, *first;

    add_model("a\\b\"\t\xc3\xa9");
    add_model("two");
    body = served("/v1/models", 200);
    first = json_array_get(json_object_get(body, "data"), 0);
    cr_assert_eq(json_array_size(json_object_get(body, "data")), 2);
    cr_assert_str_eq(text(first, "id"), "a\\b\"\t\xc3\xa9");
    cr_assert_str_eq(text(first, "object"), "model");
    cr_assert_str_eq(text(first, "owned_by"), "weir");
    cr_assert(json_is_integer(json_object_get(first, "created")));
    json_decref(body);
}

Test(models, one_alone_is_the_member_of_the_list)
{
    json_t *all, *one;

    add_model("m");
    all = served("/v1/models", 200);
    one = served("/v1/models/m", 200);
    cr_assert(json_equal(one, json_array_get(json_object_get(all, "data"), 0)));
    json_decref(all);
    json_decref(one);
}

Test(models, a_tenants_list_begins_without_a_comma_where_others_come_first)
{
    struct http_request r = request("GET", "/v1/models");
    json_t *body;

    add_model("hidden");
    add_model("mine");
    add_model("hidden-too");
    tenant_add_model(add_tenant("acme", "k"), STR("mine"));
    with(&r, "x-api-key", "k");
    serve(&r);
    body = json_loadb(conn.body.at, conn.body.len, 0, NULL);
    cr_assert(body, "%.*s", STR_ARG(buf_str(&conn.body)));
    cr_assert_eq(json_array_size(json_object_get(body, "data")), 1);
    json_decref(body);
}

Test(models, a_name_is_taken_whole_and_with_its_case)
{
    add_model("chat");
    json_decref(served("/v1/models/chat", 200));
    json_decref(served("/v1/models/Chat", 404));
    json_decref(served("/v1/models/cha", 404));
    json_decref(served("/v1/models/chat/", 404));
    json_decref(served("/v1/models/chat%00", 404));
    json_decref(served("/v1/models/c%68at", 200));
}

Test(models, a_name_longer_than_any_is_missing_and_no_more)
{
    struct buf target = { 0 };

    buf_put_text(&target, "/v1/models/");
    for (size_t i = 0; i < 70000; i++)
        buf_put(&target, STR("%41"));
    buf_put(&target, STR("\0"));
    json_decref(served(target.at, 404));
    buf_deinit(&target);
}

Test(models, what_any_upstream_would_take_is_not_listed)
{
    json_t *body;

    world.plan->any = ARENA_NEW(&world.plan->arena, struct model);
    add_model("named");
    body = served("/v1/models", 200);
    cr_assert_eq(json_array_size(json_object_get(body, "data")), 1);
    json_decref(served("/v1/models/whatever", 404));
    json_decref(body);
}

Test(models, an_anthropic_client_gets_them_in_its_own_form)
{
    struct http_request r = request("GET", "/v1/models");
    json_t *body, *first;

    add_model("one");
    add_model("two");
    with(&r, "anthropic-version", "2023-06-01");
    serve(&r);
    cr_assert(says(&conn.fields, "\r\nrequest-id: "));
    body = json_loadb(conn.body.at, conn.body.len, 0, NULL);
    first = json_array_get(json_object_get(body, "data"), 0);
    cr_assert_str_eq(text(first, "type"), "model");
    cr_assert_str_eq(text(first, "id"), "one");
    cr_assert_str_eq(text(first, "display_name"), "one");
    cr_assert_gt(strlen(text(first, "created_at")), 0);
    cr_assert_str_eq(text(body, "first_id"), "one");
    cr_assert_str_eq(text(body, "last_id"), "two");
    cr_assert(json_is_false(json_object_get(body, "has_more")));
    json_decref(body);
}
