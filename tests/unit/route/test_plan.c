/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/route/plan.h"

#include "weir/base/mem.h"
#include "weir/upstream/pool.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct plan *plan;

static void start(void)
{
    plan = plan_new();
}

static void stop(void)
{
    plan_unref(plan);
}

TestSuite(plan, .init = start, .fini = stop, .timeout = 20);

static struct upstream *add_upstream(const char *name)
{
    struct upstream *u = upstream_new(str_of(name), NULL);

    cr_assert(map_put(plan->upstreams, str_of(name), u));
    return u;
}

static struct model *add_model(const char *name)
{
    struct model *m = ARENA_NEW(&plan->arena, struct model);

    m->name = str_of(name);
    cr_assert(map_put(plan->models, m->name, m));
    return m;
}

Test(plan, a_model_is_found_by_its_name)
{
    struct model *chat = add_model("chat");

    (void)add_model("embed");
    cr_assert_eq(plan_model(plan, STR("chat")), chat);
}

Test(plan, another_name_is_no_model)
{
    (void)add_model("chat");
    cr_assert_null(plan_model(plan, STR("cha")));
    cr_assert_null(plan_model(plan, STR("Chat")));
    cr_assert_null(plan_model(plan, STR("")));
    cr_assert_null(plan_model(plan, STR("*")));
}

Test(plan, the_default_takes_what_is_not_configured)
{
    struct model *chat = add_model("chat");
    struct model *any = ARENA_NEW(&plan->arena, struct model);

    plan->any = any;
    cr_assert_eq(plan_model(plan, STR("whatever")), any);
    cr_assert_eq(plan_model(plan, STR("chat")), chat);
}

Test(plan, the_default_takes_no_name_that_would_break_a_header)
{
    static const char *const broken[] = { "",         "a\r\nx-evil: 1", "a\n",
                                          "\x1b[31m", "\x7f",           "\xff" };
    char name[PLAN_MODEL_BYTES + 1];

    plan->any = ARENA_NEW(&plan->arena, struct model);
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        cr_assert_null(plan_model(plan, str_of(broken[i])), "%zu", i);
    cr_assert_null(plan_model(plan, (struct str){ "a\0b", 3 }));
    memset(name, 'n', sizeof(name));
    cr_assert_eq(plan_model(plan, (struct str){ name, PLAN_MODEL_BYTES }), plan->any);
    cr_assert_null(plan_model(plan, (struct str){ name, sizeof(name) }));
    cr_assert_eq(plan_model(plan, STR("qwen/\xc3\xa9 2:7b")), plan->any);
}

Test(plan, a_version_is_a_word_of_the_configuration)
{
    struct model *chat = add_model("chat");
    struct route routes[] = { { .upstream = add_upstream("local"), .model = STR("qwen") },
                              { NULL } };

    chat->routes = routes;
    chat->route_count = 2;
    cr_assert(str_eq(model_version(chat, STR("qwen")), STR("qwen")));
    cr_assert(str_eq(model_version(chat, STR("what a caller said")), STR("chat")));
}

Test(plan, two_plans_have_different_generations)
{
    struct plan *next = plan_new();

    cr_assert_neq(plan->generation, next->generation);
    plan_unref(next);
}

Test(plan, a_plan_stays_while_somebody_holds_it)
{
    struct plan *held = plan_ref(plan);

    (void)add_model("chat");
    plan_unref(plan);
    cr_assert_not_null(plan_model(held, STR("chat")));
}

Test(plan, its_text_names_the_routes_in_their_order)
{
    struct model *m = add_model("chat");
    struct route routes[] = {
        { add_upstream("local"), STR("qwen") },
        { add_upstream("openai"), STR("gpt-4o-mini") },
    };

    m->routes = routes;
    m->route_count = 2;
    plan_describe(plan, m);
    cr_assert(str_eq(m->text, STR("local=qwen|openai=gpt-4o-mini")), "%.*s", STR_ARG(m->text));
}

Test(plan, without_routes_the_text_is_empty)
{
    struct model *m = add_model("chat");

    plan_describe(plan, m);
    cr_assert_eq(m->text.len, 0);
}

Test(plan, routes_whose_names_hold_the_marks_have_a_text_of_their_own)
{
    struct model *one = add_model("one"), *two = add_model("two");
    struct upstream *a = add_upstream("a"), *c = add_upstream("c");
    struct route joined[] = { { a, STR("b|c=d") } };
    struct route apart[] = { { a, STR("b") }, { c, STR("d") } };

    one->routes = joined;
    one->route_count = 1;
    two->routes = apart;
    two->route_count = 2;
    plan_describe(plan, one);
    plan_describe(plan, two);
    cr_assert_not(str_eq(one->text, two->text), "%.*s", STR_ARG(one->text));
}

Test(plan, other_rules_are_another_text)
{
    struct rule_words words = { .label = STR("a") };
    struct model *one = add_model("one"), *two = add_model("two");
    struct upstream *old = add_upstream("old"), *new = add_upstream("new");
    struct rules *some = rules_new(STR("simple")), *more = rules_new(STR("simple"));
    struct route before = { .upstream = old }, after = { .upstream = new };

    free(new->name);
    new->name = mem_copy_text("old");
    cr_assert_eq(rules_add(more, &words, NULL), OK);
    old->rules = some;
    new->rules = more;
    one->routes = &before;
    two->routes = &after;
    one->route_count = two->route_count = 1;
    plan_describe(plan, one);
    plan_describe(plan, two);
    cr_assert_not(str_eq(one->text, two->text), "%.*s", STR_ARG(one->text));
    rules_free(some);
    rules_free(more);
}

/* ---- fallbacks -------------------------------------------------------------------------- */

Test(plan, where_nothing_is_said_a_stale_answer_may_stand_in)
{
    struct model *m = add_model("chat");

    plan_describe(plan, m);
    cr_assert_eq(m->fallback_count, 1);
    cr_assert_eq(m->fallbacks[0].kind, FALLBACK_STALE);
}

Test(plan, a_model_may_have_no_fallback_at_all)
{
    static const struct fallback none[1];
    struct model *m = add_model("chat");

    m->fallbacks = none;
    plan_describe(plan, m);
    cr_assert_eq(m->fallback_count, 0);
}

Test(plan, rules_go_with_their_plan)
{
    struct upstream *u = upstream_new(STR("triage"), NULL);

    u->rules = rules_new(STR("simple"));
    cr_assert(map_put(plan->rules, STR("triage"), u));
    cr_assert_eq(map_get(plan->rules, STR("triage")), u);
}

/* ---- pools ------------------------------------------------------------------------------ */

static struct upstream *add_called(struct plan *p, const char *name, const char *url)
{
    struct upstream *u = upstream_new(str_of(name), NULL);

    cr_assert(map_put(p->upstreams, str_of(name), u));
    cr_assert(upstream_add_site(u, str_of(url), 1));
    return u;
}

static struct upstream_endpoint *only_endpoint(const struct upstream *u)
{
    struct upstream_endpoint *all[POOL_ENDPOINTS];

    cr_assert_eq(pool_list(u->pool, all), 1);
    endpoint_unref(all[0]);
    return all[0];
}

Test(plan, opened_every_upstream_has_a_pool_of_its_endpoints)
{
    struct upstream *u = add_called(plan, "local", "http://127.0.0.1:1/v1");

    cr_assert_null(u->pool);
    plan_open(plan, NULL);
    cr_assert(str_eq(pool_name(u->pool), STR("local")));
    cr_assert_str_eq(only_endpoint(u)->url, "http://127.0.0.1:1/v1");
}

Test(plan, an_upstream_of_the_same_name_keeps_its_pool_and_endpoints)
{
    struct plan *next = plan_new();
    struct upstream *old = add_called(plan, "local", "http://127.0.0.1:1/v1");
    struct upstream *new = add_called(next, "local", "http://127.0.0.1:1/v1");
    struct upstream_endpoint *e;

    plan_open(plan, NULL);
    e = only_endpoint(old);
    plan_open(next, plan);
    cr_assert_eq(new->pool, old->pool);
    cr_assert_eq(only_endpoint(new), e);
    plan_unref(next);
    cr_assert_eq(only_endpoint(old), e);
}

Test(plan, an_upstream_of_a_new_name_has_a_new_pool)
{
    struct plan *next = plan_new();
    struct upstream *old = add_called(plan, "local", "http://127.0.0.1:1/v1");
    struct upstream *new = add_called(next, "other", "http://127.0.0.1:1/v1");

    plan_open(plan, NULL);
    plan_open(next, plan);
    cr_assert_neq(new->pool, old->pool);
    plan_unref(next);
}

Test(plan, an_upstream_of_rules_needs_no_pool)
{
    struct upstream *u = upstream_new(STR("triage"), NULL);
    struct upstream *route = add_upstream("triage");

    u->rules = rules_new(STR("simple"));
    route->rules = u->rules;
    cr_assert(map_put(plan->rules, STR("triage"), u));
    plan_open(plan, NULL);
    cr_assert_null(route->pool);
}

Test(plan, giving_back_nothing_is_fine)
{
    plan_unref(NULL);
}
