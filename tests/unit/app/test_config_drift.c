/* SPDX-License-Identifier: Apache-2.0 */
#include "loaded.h"

TestSuite(config_drift, .timeout = 10);

Test(config_drift, it_is_on_with_the_usual_promise)
{
    struct loaded l = load(BASE);
    const struct drift_settings *s;

    cr_assert_eq(l.err, OK);
    s = &l.config->settings.drift;
    cr_assert_eq(s->probability, .05);
    cr_assert_eq(s->per_ms, UINT64_C(30) * 24 * 3600 * 1000);
    cr_assert_eq(s->tick_ms, 60 * 1000);
    cr_assert_not(s->manual);
    cr_assert_eq(s->min_n, 2000);
    cr_assert_eq(s->baseline_ticks, 60);
    cr_assert_eq(s->tolerance, 1.2);
    cr_assert_eq(s->alpha, .01);
    cr_assert_eq(s->state_file.len, 0);
    unload(&l);
}

Test(config_drift, what_is_written_is_what_counts)
{
    struct loaded l = load(BASE "drift: {promise: {probability: 0.01, per: 90d}, tick: 1s,\n"
                                "  baseline: manual, min_n: 300, baseline_ticks: 5,\n"
                                "  tolerance: 1.5, alpha_ref: 0.1, state_file: /tmp/x}\n");
    const struct drift_settings *s;

    cr_assert_eq(l.err, OK, "%.*s", STR_ARG(buf_str(&l.faults)));
    s = &l.config->settings.drift;
    cr_assert_eq(s->probability, .01);
    cr_assert_eq(s->tick_ms, 1000);
    cr_assert(s->manual);
    cr_assert_eq(s->min_n, 300);
    cr_assert_eq(s->tolerance, 1.5);
    cr_assert(str_eq(s->state_file, STR("/tmp/x")));
    unload(&l);
}

Test(config_drift, a_promise_for_less_than_a_tick_is_a_fault)
{
    struct loaded l = load(BASE "drift: {promise: {per: 1m}, tick: 1h}\n");

    cr_assert_eq(l.err, ERR_CONFIG);
    cr_assert(has_line(&l.faults, "weir.yaml:6: drift.promise.per: ", "shorter than"));
    unload(&l);
}

Test(config_drift, what_lies_outside_of_bounds_is_a_fault_each)
{
    struct loaded l = load(BASE "drift:\n"
                                "  promise: {probability: 2}\n"
                                "  tick: 10ms\n"
                                "  min_n: 5\n"
                                "  tolerance: 0.9\n"
                                "  baseline: sometimes\n");

    cr_assert_eq(l.err, ERR_CONFIG);
    cr_assert(has_line(&l.faults, "weir.yaml:7: drift.promise.probability: ", "0.5"));
    cr_assert(has_line(&l.faults, "weir.yaml:8: drift.tick: ", "1s"));
    cr_assert(has_line(&l.faults, "weir.yaml:9: drift.min_n: ", "200"));
    cr_assert(has_line(&l.faults, "weir.yaml:10: drift.tolerance: ", "1"));
    cr_assert(has_line(&l.faults, "weir.yaml:11: drift.baseline: ", "auto"));
    unload(&l);
}

Test(config_drift, a_state_file_beside_redis_is_warned_of)
{
    struct loaded l = load(BASE "drift: {state_file: /tmp/x}\n"
                                "cache: {redis: {url: \"redis://127.0.0.1:6379/0\"}}\n");

    cr_assert_eq(l.err, OK, "%.*s", STR_ARG(buf_str(&l.faults)));
    cr_assert(has_line(&l.warnings, "weir.yaml:6: drift.state_file: ", "cache.redis"));
    unload(&l);
}

static void expect_state_file(const char *path, const char *fault)
{
    struct buf text = { 0 };
    struct loaded l;

    buf_put_printf(&text, "%sdrift: {state_file: \"%s\"}\n", BASE, path);
    l = load_bytes(buf_str(&text), NULL);
    cr_assert_eq(l.err, ERR_CONFIG, "%s", path);
    cr_assert(has_line(&l.faults, "weir.yaml:6: drift.state_file: ", fault), "%.*s",
              STR_ARG(buf_str(&l.faults)));
    unload(&l);
    buf_deinit(&text);
}

Test(config_drift, a_state_file_that_cannot_be_written_is_a_fault)
{
    expect_state_file("/tmp", "is a folder");
    expect_state_file("/dev/null", "no ordinary file");
    expect_state_file("/nowhere/at/all/drift.state", "does not exist");
    expect_state_file("/dev/null/drift.state", "does not exist");
}

Test(config_drift, a_state_file_beside_the_program_is_fine)
{
    struct loaded l = load(BASE "drift: {state_file: drift.state}\n");

    cr_assert_eq(l.err, OK, "%.*s", STR_ARG(buf_str(&l.faults)));
    unload(&l);
}
