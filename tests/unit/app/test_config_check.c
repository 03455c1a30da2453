/* SPDX-License-Identifier: Apache-2.0 */
#include "loaded.h"

#include <stdlib.h>

/* What a file is refused or warned for, and in which words. */

#define KEY "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#define ROUTES "    routes: [{upstream: openai}]\n"

Test(config_check, a_fault_has_the_promised_form, .timeout = 10)
{
    struct loaded l = load("upstreams: {openai: {endpoints: [\"http://h/v1\"]}}\n"
                           "models:\n"
                           "  chat:\n"
                           "    routes:\n"
                           "      - {upstream: opnai, model: m}\n");

    cr_assert(str_eq(buf_str(&l.faults),
                     STR("weir.yaml:5: models.chat.routes[0].upstream: no upstream named "
                         "\"opnai\" (did you mean \"openai\"?)\n")),
              "%.*s", STR_ARG(buf_str(&l.faults)));
    unload(&l);
}

Test(config_check, unknown_keys_are_named_with_a_suggestion, .timeout = 10)
{
    expect_fault(BASE "server: {listne: x}\n", "6: server.listne: ", "mean \"listen\"?");
    expect_fault(BASE "sever: {}\n", "6: sever: ", "mean \"server\"?");
    expect_fault(BASE "cache: {redis: {ulr: x}}\n", "6: cache.redis.ulr: ", "mean \"url\"?");
    expect_fault(BASE "zzz: 1\n", "6: zzz: ", "unknown key");
}

Test(config_check, every_fault_is_told_in_one_run, .timeout = 10)
{
    struct loaded l = load("server:\n"
                           "  listen: nowhere\n"
                           "  workers: many\n"
                           "upstreams:\n"
                           "  a: {dialect: opnai, endpoints: [ftp://x]}\n"
                           "models:\n"
                           "  chat: {routes: [{upstream: b}], deadline: 30 parsecs}\n");

    cr_assert(has_line(&l.faults, "weir.yaml:2: server.listen: ", "127.0.0.1:8080"));
    cr_assert(has_line(&l.faults, "weir.yaml:3: server.workers: ", "\"many\""));
    cr_assert(has_line(&l.faults, "weir.yaml:5: upstreams.a.dialect: ", "\"openai\"?"));
    cr_assert(has_line(&l.faults, "weir.yaml:5: upstreams.a.endpoints[0]: ", "http(s)"));
    cr_assert(has_line(&l.faults, "weir.yaml:7: models.chat.routes[0].upstream: ", "\"b\""));
    cr_assert(has_line(&l.faults, "weir.yaml:7: models.chat.deadline: ", "250ms"));
    unload(&l);
}

Test(config_check, faults_stand_in_the_order_of_the_file, .timeout = 10)
{
    struct loaded l = load("upstreams:\n"
                           "  a: {dialect: opnai, endpoints: [\"http://h\"]}\n"
                           "models:\n"
                           "  chat: {routes: [{upstream: a}], deadline: soon}\n");
    struct str rest = buf_str(&l.faults), line;

    cr_assert(str_split(&rest, '\n', &line) && str_starts(line, STR("weir.yaml:2: ")));
    cr_assert(str_split(&rest, '\n', &line) && str_starts(line, STR("weir.yaml:4: ")));
    cr_assert_eq(rest.len, 0);
    unload(&l);
}

Test(config_check, a_value_of_another_kind_says_what_is_expected, .timeout = 10)
{
    expect_fault(BASE "server: {workers: [1]}\n", "6: server.workers: ", "not a list");
    expect_fault(BASE "server: {max_body: 32MB}\n", "6: server.max_body: ", "32MiB");
    expect_fault(BASE "server: {max_body: 32}\n", "6: server.max_body: ", "64KiB");
    expect_fault(BASE "server: 7\n", "6: server: ", "expected a mapping");
    expect_fault(BASE "server: [a]\n", "6: server: ", "not a list");
    expect_fault(BASE "cache: {store_requests: yes}\n", "6: cache.store_requests: ", "true or");
    expect_fault(BASE "log: {level: inf}\n", "6: log.level: ", "mean \"info\"?");
    expect_fault(BASE "tenants: {a: {keys: k}}\n", "6: tenants.a.keys: ", "expected a list");
    expect_fault(BASE "tenants: [a]\n", "6: tenants: ", "expected a mapping");
}

Test(config_check, bounds_are_held, .timeout = 10)
{
    expect_fault(BASE "server: {workers: 0}\n", "6: server.workers: ", "1 to 256");
    expect_fault(BASE "server: {workers: 257}\n", "6: server.workers: ", "1 to 256");
    expect_fault(BASE "server: {max_body: 2GiB}\n", "6: server.max_body: ", "1KiB to 1GiB");
    expect_fault(BASE "server: {idle_timeout: 0}\n", "6: server.idle_timeout: ", "100ms to 1d");
    expect_good(BASE "server: {workers: 256, max_body: 1GiB}\n");
}

Test(config_check, a_key_without_a_value_is_a_fault, .timeout = 10)
{
    expect_fault(BASE "tenants:\n", "6: tenants: ", "mapping");
    expect_fault(BASE "tenants: {}\n", "6: tenants: ", "is empty");
    expect_fault(BASE "server:\n  workers:\n", "7: server.workers: ", "no value");
    expect_fault(BASE "tenants: {a: {keys: []}}\n", "6: tenants.a.keys: ", "is empty");
    expect_fault(BASE "tenants: {a: {keys: [\"\"]}}\n", "6: tenants.a.keys[0]: ", "1 to");
    expect_fault(BASE "tenants: {a: {keys: [k], models: []}}\n",
                 "6: tenants.a.models: ", "empty");
}

Test(config_check, what_is_missing_is_named, .timeout = 10)
{
    expect_fault("server: {}\n", "1: models: ", "default_upstream");
    expect_fault(BASE "  m: {}\n", "6: models.m.routes: ", "missing");
    expect_fault(BASE "  m: {routes: [{model: x}]}\n",
                 "6: models.m.routes[0].upstream: ", "miss");
    expect_fault(BASE "tenants: {a: {}}\n", "6: tenants.a.keys: ", "missing");
    expect_fault("upstreams: {u: {}}\ndefault_upstream: u\n",
                 "1: upstreams.u.endpoints: ", "miss");
    expect_fault(BASE "cache: {redis: {}}\n", "6: cache.redis.url: ", "missing");
}

Test(config_check, names_that_lead_nowhere_are_faults, .timeout = 10)
{
    expect_fault(BASE "default_upstream: opena\n", "6: default_upstream: ", "\"openai\"?");
    expect_fault(BASE "tenants: {a: {keys: [k], models: [chta]}}\n",
                 "6: tenants.a.models[0]: ", "mean \"chat\"?");
}

Test(config_check, tenants_and_their_keys_are_unique, .timeout = 10)
{
    expect_fault(BASE "tenants: {a: {keys: [k]}, b: {keys: [k]}}\n",
                 "6: tenants.b.keys[0]: ", "another tenant");
    expect_fault(BASE "tenants: {a: {keys: [test]}, b: {keys: [\"" KEY "\"]}}\n",
                 "6: tenants.b.keys[0]: ", "another tenant");
    expect_fault(BASE "tenants: {a: {keys: [k]}, a: {keys: [l]}}\n", "6: tenants.a: ", "twice");
}

Test(config_check, a_digest_has_64_hexadecimal_digits, .timeout = 10)
{
    expect_fault(BASE "tenants: {a: {keys: [\"sha256:12\"]}}\n",
                 "6: tenants.a.keys[0]: ", "64");
    expect_good(BASE "tenants: {a: {keys: [\"" KEY "\"]}}\n");
}

Test(config_check, a_tenant_has_a_plain_name_that_is_no_scope_of_everybodys, .timeout = 10)
{
    expect_fault(BASE "tenants: {public: {keys: [k]}}\n", "6: tenants.public: ", "name");
    expect_fault(BASE "tenants: {shared: {keys: [k]}}\n", "6: tenants.shared: ", "name");
    expect_fault(BASE "tenants: {a b: {keys: [k]}}\n", "6: tenants.a b: ", "name");
    expect_fault(BASE "tenants: {\"\xc3\xa4\": {keys: [k]}}\n", "6: tenants.", "name");
    expect_good(BASE "tenants: {A-z_0.9: {keys: [k]}}\n");
}

Test(config_check, credentials_come_in_one_of_two_forms, .timeout = 10)
{
    expect_fault("upstreams: {u: {endpoints: [\"http://h\"],\n auth: {bearer: a, header: b}}}\n"
                 "default_upstream: u\n",
                 "2: upstreams.u.auth: ", "either");
    expect_fault("upstreams: {u: {endpoints: [\"http://h\"],\n auth: {header: b}}}\n"
                 "default_upstream: u\n",
                 "2: upstreams.u.auth: ", "either");
    expect_fault("upstreams: {u: {endpoints: [\"http://h\"],\n auth: {bearer: \"a\\r\\nb\"}}}\n"
                 "default_upstream: u\n",
                 "2: upstreams.u.auth.bearer: ", "control");
    expect_fault(
        "upstreams: {u: {endpoints: [\"http://h\"],\n auth: {header: \"a b\", value: c}}}\n"
        "default_upstream: u\n",
        "2: upstreams.u.auth.header: ", "header");
}

Test(config_check, credentials_of_callers_are_never_forwarded, .timeout = 10)
{
    expect_fault("upstreams: {u: {endpoints: [\"http://h\"],\n forward_headers: [Cookie]}}\n"
                 "default_upstream: u\n",
                 "2: upstreams.u.forward_headers[0]: ", "never");
    expect_fault("upstreams: {u: {endpoints: [\"http://h\"],\n forward_headers: [Proxy-X]}}\n"
                 "default_upstream: u\n",
                 "2: upstreams.u.forward_headers[0]: ", "never");
}

Test(config_check, predictions_are_checked, .timeout = 10)
{
#define PREDICTION(inside) BASE "  p:\n" ROUTES "    predictions: [{" inside "}]\n"
    expect_fault(PREDICTION("name: a, from: x, kind: number, bins: [1]"),
                 "8: ", "JSON Pointer");
    expect_fault(PREDICTION("name: a, from: /x, kind: lable"), "8: ", "mean \"label\"?");
    expect_fault(PREDICTION("name: a, from: /x, kind: label"), "8: ", "labels");
    expect_fault(PREDICTION("name: a, from: /x, kind: number, bins: [2, 1]"), "8: ", "rise");
    expect_fault(PREDICTION("name: a, from: /x, kind: number, bins: [1, 1]"), "8: ", "rise");
    expect_fault(PREDICTION("name: a, from: /x, kind: number, bins: [x]"), "8: ", "a number");
    expect_fault(PREDICTION("name: refusal, from: /x, kind: length"), "8: ", "always there");
    expect_fault(PREDICTION("name: a, from: /x, kind: label, labels: [b, b]"), "8: ", "twice");
    expect_fault(
        PREDICTION("name: a, from: /x, kind: length}, {name: a, from: /, kind: length"),
        "8: models.p.predictions[1].name: ", "taken");
    expect_fault(PREDICTION("name: a, from: /x, kind: label, labels: [b], bins: [1]"),
                 "8: ", "number and length");
}

Test(config_check, a_prediction_has_at_most_64_labels, .timeout = 10)
{
    struct buf text = { 0 };
    struct loaded l;

    buf_put_text(&text, BASE "  p:\n" ROUTES
                             "    predictions: [{name: a, from: /x, kind: label, labels: [x");
    for (int i = 0; i < 64; i++)
        buf_put_printf(&text, ", l%d", i);
    buf_put_text(&text, "]}]\n");
    l = load_bytes(buf_str(&text), NULL);
    cr_assert(has_line(&l.faults, "weir.yaml:8: models.p.predictions[0].labels: ", "64"));
    unload(&l);
    buf_deinit(&text);
}

Test(config_check, the_addresses_must_differ, .timeout = 10)
{
    expect_fault(BASE "admin: {listen: 127.0.0.1:8080}\n", "6: admin.listen: ", "differ");
    expect_fault(BASE "server: {listen: \"0.0.0.0:8081\"}\n", "1: admin.listen: ", "differ");
    expect_good(BASE "server: {listen: 127.0.0.1:0}\nadmin: {listen: 127.0.0.1:0}\n");
}

Test(config_check, an_open_admin_address_needs_a_token, .timeout = 10)
{
    expect_fault(BASE "admin: {listen: \"0.0.0.0:1\"}\n", "6: admin.listen: ", "admin.token");
    expect_fault(BASE "admin: {listen: \"127.example:1\"}\n",
                 "6: admin.listen: ", "admin.token");
    expect_fault(BASE "admin: {listen: \"[::]:1\", token: \"\"}\n",
                 "6: admin.listen: ", "token");
    expect_good(BASE "admin: {listen: \"0.0.0.0:1\", token: t}\n");
    expect_good(BASE "admin: {listen: \"127.9.9.9:1\"}\n");
}

Test(config_check, open_access_beyond_loopback_is_a_warning, .timeout = 10)
{
    expect_warning(BASE "server: {listen: \"0.0.0.0:0\"}\n", "6: server.listen: ", "tenants");
}

Test(config_check, a_document_is_one_mapping, .timeout = 10)
{
    expect_fault("- a\n", "1: ", "expected a mapping");
    expect_fault("word\n", "1: ", "expected a mapping");
}

Test(config_check, settings_of_later_versions_give_one_warning_each, .timeout = 10)
{
    struct loaded l = load("upstreams:\n"
                           "  u:\n"
                           "    endpoints: [\"http://h\"]\n"
                           "models:\n"
                           "  m:\n"
                           "    routes: [{upstream: u, weight: 1}]\n"
                           "  n:\n"
                           "    routes: [{upstream: u, weight: 2}]\n");
    struct str rest = buf_str(&l.warnings), line;
    int lines = 0;

    cr_assert_eq(l.err, OK, "%.*s", STR_ARG(buf_str(&l.faults)));
    for (; str_split(&rest, '\n', &line); lines++)
        cr_assert(str_ends(line, STR(": accepted, but has no effect in this version")));
    cr_assert_eq(lines, 2, "%.*s", STR_ARG(buf_str(&l.warnings)));
    cr_assert(has_line(&l.warnings, "weir.yaml:8: models.n.routes[0].weight: ", "accepted"));
    unload(&l);
}

Test(config_check, an_unset_name_is_a_fault_on_its_line, .timeout = 10)
{
    (void)unsetenv("WEIR_UNSET_HERE");
    expect_fault(BASE "tenants: {a: {keys: [\"${WEIR_UNSET_HERE}\"]}}\n",
                 "6: tenants.a.keys[0]: ", "WEIR_UNSET_HERE");
    expect_fault(BASE "admin: {token: \"${file:/nowhere/at/all}\"}\n",
                 "6: admin.token: ", "/nowhere/at/all");
    expect_fault(BASE "admin: {token: \"${1X}\"}\n", "6: admin.token: ", "${NAME}");
    expect_fault(BASE "admin: {token: \"${X\"}\n", "6: admin.token: ", "without its }");
}

Test(config_check, no_message_shows_a_secret, .timeout = 10)
{
    struct loaded l;

    (void)setenv("WEIR_TEST_SECRET", "hush-hush", 1);
    l = load("server: {listen: \"${WEIR_TEST_SECRET}\", workers: \"${WEIR_TEST_SECRET}\"}\n"
             "log: {level: \"${WEIR_TEST_SECRET}\"}\n"
             "cache: {redis: {url: \"http://u:hush-hush@h\"}}\n"
             "tenants: {a: {keys: [\"hush-hush\\n\"], models: [\"${WEIR_TEST_SECRET}\"]}}\n"
             "upstreams: {u: {endpoints: [\"http://u:hush-hush@h/\"],\n"
             "  dialect: \"${WEIR_TEST_SECRET}\", auth: {bearer: \"hush-hush\\r\"}}}\n"
             "default_upstream: \"${WEIR_TEST_SECRET}\"\n");
    cr_assert_eq(l.err, ERR_CONFIG);
    cr_assert(has_line(&l.faults, "weir.yaml:1: server.listen: ", "address"));
    cr_assert_null(memmem(l.faults.at, l.faults.len, "hush", 4), "%.*s",
                   STR_ARG(buf_str(&l.faults)));
    cr_assert_null(memmem(buf_str(&l.warnings).at, l.warnings.len, "hush", 4));
    unload(&l);
}

Test(config_check, a_message_is_one_line_whatever_the_file_holds, .timeout = 10)
{
    expect_fault(BASE "log: {level: \"a\\nb\\e[31m\"}\n", "6: log.level: ", "\"a?b?[31m\"");
}

Test(config_check, garbage_is_told_about_up_to_a_limit, .timeout = 60)
{
    struct buf text = { 0 };
    struct loaded l;
    size_t lines = 0;

    for (int i = 0; i < 5000; i++)
        buf_put_printf(&text, "zz%d: 1\n", i);
    l = load_bytes(buf_str(&text), NULL);
    for (size_t i = 0; i < l.faults.len; i++)
        lines += l.faults.at[i] == '\n';
    cr_assert_eq(lines, 101);
    unload(&l);
    buf_deinit(&text);
}
