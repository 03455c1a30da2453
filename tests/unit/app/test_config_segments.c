/* SPDX-License-Identifier: Apache-2.0 */
#include "loaded.h"

#define WITH(inside) BASE "  p:\n    routes: [{upstream: openai}]\n    segments: [" inside "]\n"
#define PLAN "{name: plan, from: \"header:x-plan\"}"

TestSuite(config_segments, .timeout = 10);

static const struct watchlist *watched(const struct loaded *l)
{
    cr_assert_eq(l->err, OK, "%.*s", STR_ARG(buf_str(&l->faults)));
    return plan_model(l->config->plan, STR("p"))->watch;
}

Test(config_segments, a_value_comes_from_a_header_the_tenant_or_the_request)
{
    struct loaded l = load(
        WITH(PLAN ", {name: who, from: tenant}, {name: c, from: /meta/country}"));
    const struct segment *s = watched(&l)->segments;

    cr_assert_eq(watched(&l)->segment_count, 3);
    cr_assert_eq(s[0].kind, SEGMENT_HEADER);
    cr_assert(str_eq(s[0].from, STR("x-plan")));
    cr_assert_eq(s[1].kind, SEGMENT_TENANT);
    cr_assert_eq(s[2].kind, SEGMENT_POINTER);
    cr_assert(str_eq(s[2].from, STR("/meta/country")));
    cr_assert(str_eq(segment_text(&s[0], SEGMENT_NONE), STR("plan=none")));
    unload(&l);
}

Test(config_segments, a_header_is_listed_once_for_all_models)
{
    struct loaded l = load(
        BASE "  p: {routes: [{upstream: openai}], segments: [{name: a, from: \"header:x-a\"}, "
             "{name: b, from: \"header:x-b\"}]}\n"
             "  q: {routes: [{upstream: openai}], segments: [{name: c, from: "
             "\"header:X-B\"}]}\n");
    const struct plan *plan = l.config->plan;

    cr_assert_eq(plan->segment_header_count, 2);
    cr_assert(str_eq(plan->segment_headers[1], STR("x-b")));
    cr_assert_eq(plan_model(plan, STR("q"))->watch->segments[0].header, 1);
    unload(&l);
}

Test(config_segments, values_may_be_listed)
{
    struct loaded l = load(WITH("{name: plan, from: \"header:x-plan\", values: [free, pro]}"));
    const struct segment *s = watched(&l)->segments;

    cr_assert_eq(s->value_count, 2);
    cr_assert(str_eq(segment_text(s, SEGMENT_FIRST + 1), STR("plan=pro")));
    unload(&l);
}

Test(config_segments, some_are_watched_together)
{
    struct loaded l = load(WITH(PLAN ", {name: who, from: tenant}, {together: [who, plan]}"));
    const struct segment *s = &watched(&l)->segments[2];

    cr_assert_eq(s->kind, SEGMENT_TOGETHER);
    cr_assert_eq(s->part_count, 2);
    cr_assert_eq(s->parts[0], 1);
    cr_assert_eq(s->parts[1], 0);
    cr_assert(str_eq(segment_text(s, SEGMENT_OTHER), STR("who=other,plan=other")));
    unload(&l);
}

Test(config_segments, what_is_no_source_is_a_fault)
{
    expect_fault(WITH("{name: plan, from: x-plan}"),
                 "8: models.p.segments[0].from: ", "header:x-plan");
    expect_fault(WITH("{name: plan, from: \"header:\"}"),
                 "8: models.p.segments[0].from: ", "header");
    expect_fault(WITH("{name: plan, from: \"header:a b\"}"),
                 "8: models.p.segments[0].from: ", "header");
    expect_fault(WITH("{name: plan}"), "8: models.p.segments[0]", "missing");
    expect_fault(WITH("{from: tenant}"), "8: models.p.segments[0]", "missing");
}

Test(config_segments, a_name_is_plain_and_its_own)
{
    expect_fault(WITH("{name: \"a=b\", from: tenant}"),
                 "8: models.p.segments[0].name: ", "letters");
    expect_fault(WITH(PLAN ", " PLAN), "8: models.p.segments[1].name: ", "taken");
}

Test(config_segments, values_are_few_and_differ)
{
    struct buf text = { 0 };
    struct loaded l;

    expect_fault(WITH("{name: a, from: tenant, values: [b, b]}"),
                 "8: models.p.segments[0].values[1]: ", "twice");
    buf_put_text(&text, BASE "  p:\n    routes: [{upstream: openai}]\n"
                             "    segments: [{name: a, from: tenant, values: [x");
    for (int i = 0; i < 64; i++)
        buf_put_printf(&text, ", v%d", i);
    buf_put_text(&text, "]}]\n");
    l = load_bytes(buf_str(&text), NULL);
    cr_assert(has_line(&l.faults, "weir.yaml:8: models.p.segments[0].values: ", "64"));
    unload(&l);
    buf_deinit(&text);
}

Test(config_segments, together_takes_two_to_four_that_stand_above)
{
    expect_fault(WITH(PLAN ", {together: [plan]}"),
                 "8: models.p.segments[1].together: ", "two");
    expect_fault(WITH("{together: [plan, plan]}, " PLAN),
                 "8: models.p.segments[0].together[0]: ", "above");
    expect_fault(WITH(PLAN ", {together: [plan, plan]}"),
                 "8: models.p.segments[1].together[1]: ", "twice");
    expect_fault(WITH(PLAN ", {name: b, together: [plan, plan]}"),
                 "8: models.p.segments[1].name: ", "together");
}

Test(config_segments, a_model_has_at_most_eight)
{
    expect_fault(WITH("{name: a, from: tenant}, {name: b, from: tenant}, {name: c, from: "
                      "tenant}, {name: d, from: tenant}, {name: e, from: tenant}, {name: f, "
                      "from: tenant}, {name: g, from: tenant}, {name: h, from: tenant}, {name: "
                      "i, from: tenant}"),
                 "8: models.p.segments: ", "8 segments");
}
