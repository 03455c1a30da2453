/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/route/plan.h"

#include <criterion/criterion.h>

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
    struct route routes[] = { { add_upstream("local"), STR("qwen") }, { NULL, { 0 } } };

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

Test(plan, giving_back_nothing_is_fine)
{
    plan_unref(NULL);
}
