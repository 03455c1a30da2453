/* SPDX-License-Identifier: Apache-2.0 */
#include "loaded.h"

/* What serves when no route does, and when an answer is good enough. */

#define POOL                                                  \
    "upstreams: {u: {endpoints: [\"http://127.0.0.1:1\"]}}\n" \
    "rules: {support: [{match: refund, label: refund}]}\n"
#define FALLBACK(list) POOL "models:\n  m: {routes: [{upstream: u}],\n    fallback: " list "}\n"
#define PREDICTIONS                                                                   \
    "    predictions:\n"                                                              \
    "      - {name: intent, from: /label, kind: label, labels: [refund, shipping]}\n" \
    "      - {name: score, from: /score, kind: number, bins: [0.5, 0.9]}\n"           \
    "      - {name: size, from: /text, kind: length}\n"
#define ACCEPT(test)                                                              \
    POOL "models:\n  m:\n    routes: [{upstream: u,\n      accept_if: " test "}]" \
         "\n" PREDICTIONS

static const struct model *model_of(const struct loaded *l, struct str name)
{
    cr_assert_eq(l->err, OK, "%.*s", STR_ARG(buf_str(&l->faults)));
    return map_get(l->config->plan->models, name);
}

/* ---- fallback ------------------------------------------------------------------------------ */

Test(config_fallbacks, stale_answers_serve_where_nothing_is_said, .timeout = 10)
{
    struct loaded l = load(POOL "models: {m: {routes: [{upstream: u}]}}\n"
                                "default_upstream: u\n");
    const struct model *m = model_of(&l, STR("m"));

    cr_assert_eq(m->fallback_count, 1);
    cr_assert_eq(m->fallbacks[0].kind, FALLBACK_STALE);
    cr_assert_eq(l.config->plan->any->fallback_count, 1);
    unload(&l);
}

Test(config_fallbacks, a_model_that_stands_below_may_stand_in, .timeout = 10)
{
    struct loaded l = load(POOL "models:\n"
                                "  m: {routes: [{upstream: u}], fallback: [{model: n}]}\n"
                                "  n: {routes: [{upstream: u, model: small}]}\n");
    const struct model *m = model_of(&l, STR("m"));

    cr_assert_eq(m->fallbacks[0].kind, FALLBACK_MODEL);
    cr_assert(str_eq(m->fallbacks[0].name, STR("n")));
    cr_assert(str_eq(m->fallbacks[0].routes[0].model, STR("small")));
    unload(&l);
}

Test(config_fallbacks, a_model_has_its_fallbacks_in_their_order, .timeout = 10)
{
    struct loaded l = load(
        POOL "models:\n"
             "  m: {routes: [{upstream: u}], fallback: [{model: n}, stale, {rules: support}]}\n"
             "  n: {routes: [{upstream: u}]}\n");
    const struct model *m, *n;

    cr_assert_eq(l.err, OK, "%.*s", STR_ARG(buf_str(&l.faults)));
    m = map_get(l.config->plan->models, STR("m"));
    n = map_get(l.config->plan->models, STR("n"));
    cr_assert_eq(m->fallback_count, 3);
    cr_assert_eq(m->fallbacks[0].kind, FALLBACK_MODEL);
    cr_assert_eq(m->fallbacks[0].routes, n->routes);
    cr_assert_eq(m->fallbacks[1].kind, FALLBACK_STALE);
    cr_assert_eq(m->fallbacks[2].kind, FALLBACK_RULES);
    cr_assert_not_null(m->fallbacks[2].routes[0].upstream->rules);
    cr_assert_eq(n->fallback_count, 1, "stale, where nothing is said");
    unload(&l);
}

Test(config_fallbacks, rules_are_one_route_without_a_call, .timeout = 10)
{
    struct loaded l = load(FALLBACK("[{rules: support}]"));
    const struct fallback *f = model_of(&l, STR("m"))->fallbacks;

    cr_assert_eq(f->kind, FALLBACK_RULES);
    cr_assert_eq(f->route_count, 1);
    cr_assert_str_eq(f->routes[0].upstream->dialect->name, "rules");
    cr_assert_eq(f->routes[0].upstream, map_get(l.config->plan->rules, STR("support")));
    unload(&l);
}

Test(config_fallbacks, an_empty_list_says_that_nothing_stands_in, .timeout = 10)
{
    struct loaded l = load(FALLBACK("[]"));

    cr_assert_eq(model_of(&l, STR("m"))->fallback_count, 0);
    unload(&l);
}

Test(config_fallbacks, what_leads_nowhere_is_told_on_its_line, .timeout = 10)
{
    expect_fault(FALLBACK("stale"), "5: models.m.fallback: ", "expected a list");
    expect_fault(FALLBACK("[stael]"), "5: models.m.fallback[0]: ", "mean \"stale\"?");
    expect_fault(FALLBACK("[{rules: suport}]"),
                 "5: models.m.fallback[0].rules: ", "mean \"support\"?");
    expect_fault(FALLBACK("[{model: k}]"), "5: models.m.fallback[0].model: ", "no model named");
    expect_fault(FALLBACK("[{model: m}]"), "5: models.m.fallback[0].model: ", "itself");
    expect_fault(FALLBACK("[{modle: m}]"),
                 "5: models.m.fallback[0].modle: ", "mean \"model\"?");
    expect_fault(FALLBACK("[{}]"), "5: models.m.fallback[0]: ", "expected {model");
    expect_fault(FALLBACK("[{model: m, rules: support}]"),
                 "5: models.m.fallback[0]: ", "expected {model");
}

/* ---- accept_if ---------------------------------------------------------------------------- */

Test(config_fallbacks, a_number_may_be_bounded, .timeout = 10)
{
    struct loaded l = load(ACCEPT("{pointer: \"/a#/b\", at_least: 0.8, at_most: 1}"));
    const struct accept *a = model_of(&l, STR("m"))->routes[0].accept;

    cr_assert(str_eq(a->pointer, STR("/a#/b")));
    cr_assert(a->has_least && a->has_most);
    cr_assert_float_eq(a->at_least, 0.8, 1e-9);
    cr_assert_float_eq(a->at_most, 1, 1e-9);
    unload(&l);
}

Test(config_fallbacks, a_predictions_word_may_be_on_a_list, .timeout = 10)
{
    struct loaded l = load(
        ACCEPT("{prediction: intent, is: [refund, shipping], is_not: [other]}"));
    const struct model *m = model_of(&l, STR("m"));
    const struct accept *a = m->routes[0].accept;

    cr_assert_eq(a->prediction, &m->watch->predictions[0]);
    cr_assert_eq(a->is_count, 2);
    cr_assert(str_eq(a->is[1], STR("shipping")));
    cr_assert(str_eq(a->is_not[0], STR("other")));
    unload(&l);
}

Test(config_fallbacks, a_predicted_number_may_be_bounded_or_its_bin_named, .timeout = 10)
{
    expect_good(ACCEPT("{prediction: score, at_least: 0.9}"));
    expect_good(ACCEPT("{prediction: score, is: [gt_0.9]}"));
    expect_good(ACCEPT("{prediction: size, is_not: [le_1]}"));
}

Test(config_fallbacks, a_test_that_cannot_work_is_told_on_its_line, .timeout = 10)
{
#define AT "6: models.m.routes[0].accept_if"
    expect_fault(ACCEPT("{pointer: /a}"), AT ": ", "tests nothing");
    expect_fault(ACCEPT("{at_least: 1}"), AT ": ", "either");
    expect_fault(ACCEPT("{pointer: /a, prediction: intent, is: [refund]}"), AT ": ", "either");
    expect_fault(ACCEPT("{pointer: a, at_least: 1}"), AT ".pointer: ", "JSON Pointer");
    expect_fault(ACCEPT("{pointer: /a, at_least: high}"), AT ".at_least: ", "a number");
    expect_fault(ACCEPT("{pointer: /a, at_laest: 1}"), AT ".at_laest: ", "mean \"at_least\"?");
    expect_fault(ACCEPT("{pointer: /a, at_least: 2, at_most: 1}"), AT ".at_least: ", "above");
    expect_fault(ACCEPT("{pointer: /a, is: b}"), AT ".is: ", "expected a list");
    expect_fault(ACCEPT("{prediction: intnt, is: [refund]}"),
                 AT ".prediction: ", "mean \"intent\"?");
    expect_fault(ACCEPT("{prediction: intent, is: [refnd]}"),
                 AT ".is[0]: ", "mean \"refund\"?");
    expect_fault(ACCEPT("{prediction: intent, at_least: 1}"), AT ": ", "kind number");
    expect_fault(ACCEPT("{prediction: size, at_least: 1}"), AT ": ", "kind number");
}

Test(config_fallbacks, what_is_accepted_is_part_of_the_models_text, .timeout = 10)
{
    struct loaded l = load(ACCEPT("{pointer: /score, at_least: 0.5}"));
    struct loaded other = load(ACCEPT("{pointer: /score, at_least: 0.6}"));
    struct str text = model_of(&l, STR("m"))->text;

    cr_assert(str_eq(text, STR("u=?%2Fscore>0.5")), "%.*s", STR_ARG(text));
    cr_assert_not(str_eq(text, model_of(&other, STR("m"))->text));
    unload(&l);
    unload(&other);
}

/* ---- money and time -------------------------------------------------------------------- */

Test(config_fallbacks, a_models_limits_are_read, .timeout = 10)
{
    struct loaded l = load(POOL
                           "models:\n"
                           "  m:\n"
                           "    routes: [{upstream: u, price: {input: 0.15, output: 1e1}}]\n"
                           "    max_cost: 0.05\n"
                           "    respond_within: 200ms\n"
                           "    priority: high\n"
                           "    idempotency: 0\n"
                           "    cache: {revalidate: true}\n"
                           "  n: {routes: [{upstream: u}]}\n");
    const struct model *m = model_of(&l, STR("m")), *n = model_of(&l, STR("n"));

    cr_assert_float_eq(m->routes[0].price.input_usd, 0.15, 1e-9);
    cr_assert_float_eq(m->routes[0].price.output_usd, 10, 1e-9);
    cr_assert_float_eq(m->max_cost_usd, 0.05, 1e-9);
    cr_assert_eq(m->respond_within_us, 200000);
    cr_assert_eq(m->priority, PRIORITY_HIGH);
    cr_assert_eq(m->idempotency_ms, 0);
    cr_assert(m->cache.revalidate);
    cr_assert_eq(n->respond_within_us, 0);
    cr_assert_eq(n->priority, PRIORITY_NORMAL);
    cr_assert_eq(n->idempotency_ms, 600000);
    cr_assert_not(n->cache.revalidate);
    cr_assert_eq(l.warnings.len, 0);
    unload(&l);
}

Test(config_fallbacks, limits_that_make_no_sense_are_told_on_their_line, .timeout = 10)
{
#define MODEL(more) POOL "models:\n  m: {routes: [{upstream: u}],\n    " more "}\n"
    expect_fault(MODEL("respond_within: 10s, deadline: 10s"),
                 "5: models.m.respond_within: ", "shorter");
    expect_fault(MODEL("max_cost: -1"), "5: models.m.max_cost: ", "at least 0");
    expect_fault(MODEL("max_cost: much"), "5: models.m.max_cost: ", "a number");
    expect_fault(MODEL("priority: urgent"), "5: models.m.priority: ", "high normal low");
    expect_fault(MODEL("idempotency: 8d"), "5: models.m.idempotency: ", "7d");
    expect_fault(POOL "models: {m: {routes: [{upstream: u, price: {input: -0.1}}]}}\n",
                 "3: models.m.routes[0].price.input: ", "at least 0");
    expect_warning(MODEL("max_cost: 0.05"), "5: models.m.max_cost: ", "price");
}
