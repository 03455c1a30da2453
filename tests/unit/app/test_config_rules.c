/* SPDX-License-Identifier: Apache-2.0 */
#include "loaded.h"

#include "weir/dialect/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Models made of patterns, in the configuration or in a file beside it. */

#define U "upstreams: {u: {endpoints: [\"http://127.0.0.1:1\"]}}\ndefault_upstream: u\n"

static const struct rules *rules_of(const struct loaded *l, struct str name)
{
    const struct upstream *u;

    cr_assert_eq(l->err, OK, "%.*s", STR_ARG(buf_str(&l->faults)));
    u = map_get(l->config->plan->rules, name);
    cr_assert_not_null(u);
    return u->rules;
}

/* Do the rules answer a prediction of this body with a text that holds `words`? */
static bool answers(const struct rules *rules, const char *body, const char *words)
{
    struct request r = { .endpoint = ENDPOINT_PREDICT, .body = str_of(body) };
    struct buf out = { 0 };
    bool holds;

    cr_assert_eq(rules_answer(rules, &r, STR("m"), &out), OK);
    holds = memmem(out.at, out.len, words, strlen(words)) != NULL;
    buf_deinit(&out);
    return holds;
}

/* ---- a folder with a configuration and a file of rules --------------------------------- */

static char folder[] = "/tmp/weir-rules-test-XXXXXX";
static char config_path[64], rules_path[64];

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    cr_assert_not_null(f);
    cr_assert_geq(fputs(text, f), 0);
    cr_assert_eq(fclose(f), 0);
}

static void make_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(config_path, sizeof(config_path), "%s/weir.yaml", folder);
    (void)snprintf(rules_path, sizeof(rules_path), "%s/r.yaml", folder);
    write_file(config_path, U "rules: {r: {file: r.yaml}}\n");
}

static void drop_folder(void)
{
    (void)unlink(config_path);
    (void)unlink(rules_path);
    (void)rmdir(folder);
}

static struct loaded load_with(const char *rules)
{
    struct loaded l = { 0 };

    write_file(rules_path, rules);
    l.err = config_read(&l.config, config_path, NULL, &l.faults, &l.warnings);
    return l;
}

static void expect_file_fault(const char *rules, unsigned line, const char *words)
{
    struct loaded l = load_with(rules);
    char start[96];

    (void)snprintf(start, sizeof(start), "%s:%u: ", rules_path, line);
    cr_assert_eq(l.err, ERR_CONFIG, "accepted: %s", rules);
    cr_assert(has_line(&l.faults, start, words), "for %s it said %.*s", rules,
              STR_ARG(buf_str(&l.faults)));
    unload(&l);
}

/* ---- in the configuration --------------------------------------------------------------- */

Test(config_rules, the_first_rule_that_fits_answers, .timeout = 10)
{
    struct loaded l = load(U "rules:\n"
                             "  r:\n"
                             "    - {match: \"refund|money back\", label: refund, score: 0.9}\n"
                             "    - {keywords: [parcel, tracking number], label: shipping}\n"
                             "    - {label: other, score: 0}\n");
    const struct rules *r = rules_of(&l, STR("r"));

    cr_assert(answers(r, "{\"text\":\"my Money back\"}", "\"label\":\"refund\""));
    cr_assert(answers(r, "{\"text\":\"the tracking number\"}", "\"label\":\"shipping\""));
    cr_assert(answers(r, "{\"text\":\"hello\"}", "\"label\":\"other\""));
    unload(&l);
}

Test(config_rules, an_answer_is_given_byte_for_byte, .timeout = 10)
{
    struct loaded l = load(U "rules: {r: [{answer: '{\"x\": 1}'}]}\n");

    cr_assert(answers(rules_of(&l, STR("r")), "{}", "{\"x\": 1}"));
    unload(&l);
}

Test(config_rules, a_field_is_looked_at_alone, .timeout = 10)
{
    struct loaded l = load(U "rules: {r: {field: /text, list: [\n"
                             "  {match: refund, label: a}, {label: b}]}}\n");
    const struct rules *r = rules_of(&l, STR("r"));

    cr_assert(answers(r, "{\"text\":\"refund\"}", "\"label\":\"a\""));
    cr_assert(answers(r, "{\"text\":\"\",\"note\":\"refund\"}", "\"label\":\"b\""));
    unload(&l);
}

Test(config_rules, a_reply_may_have_several_lines, .timeout = 10)
{
    expect_good(U "rules: {r: [{match: a, reply: \"one\\ntwo\"}]}\n");
    expect_fault(U "rules: {r: [{match: a, reply: \"\\e[31m\"}]}\n",
                 "3: rules.r[0].reply: ", "control");
}

Test(config_rules, what_is_wrong_is_told_on_its_line, .timeout = 10)
{
    expect_fault(U "rules: [a]\n", "3: rules: ", "expected a mapping");
    expect_fault(U "rules: {r: []}\n", "3: rules.r: ", "is empty");
    expect_fault(U "rules: {r: word}\n", "3: rules.r: ", "expected a mapping");
    expect_fault(U "rules: {r: [word]}\n", "3: rules.r[0]: ", "expected a mapping");
    expect_fault(U "rules:\n  r:\n    - {mach: a, label: b}\n",
                 "5: rules.r[0].mach: ", "mean \"match\"?");
    expect_fault(U "rules:\n  r:\n    - {match: \"(\", label: b}\n",
                 "5: rules.r[0].match: ", "at character");
    expect_fault(U "rules: {r: [{match: a}]}\n", "3: rules.r[0]: ", "says nothing");
    expect_fault(U "rules: {r: [{match: a, label: b, score: high}]}\n",
                 "3: rules.r[0].score: ", "a number");
    expect_fault(U "rules: {r: [{match: a, answer: \"{\"}]}\n",
                 "3: rules.r[0].answer: ", "no JSON");
    expect_fault(U "rules: {r: [{match: a, answer: {b: c}}]}\n",
                 "3: rules.r[0].answer: ", "not a mapping");
    expect_fault(U "rules: {r: [{match: a, keywords: [b], label: c}]}\n",
                 "3: rules.r[0].match: ", "one of them");
    expect_fault(U "rules: {r: [{keywords: b, label: c}]}\n",
                 "3: rules.r[0].keywords: ", "expected a list");
}

Test(config_rules, a_set_has_either_a_file_or_a_list, .timeout = 10)
{
    expect_fault(U "rules: {r: {field: /text}}\n", "3: rules.r: ", "either");
    expect_fault(U "rules: {r: {file: x, list: [{label: a}]}}\n", "3: rules.r: ", "either");
    expect_fault(U "rules: {r: {fiel: x, list: [{label: a}]}}\n",
                 "3: rules.r.fiel: ", "did you mean");
    expect_fault(U "rules: {r: {field: text, list: [{label: a}]}}\n",
                 "3: rules.r.field: ", "JSON Pointer");
}

Test(config_rules, a_rule_behind_one_that_always_fits_is_a_warning, .timeout = 10)
{
    expect_warning(U "rules:\n  r:\n    - {label: a}\n    - {match: b, label: b}\n",
                   "6: rules.r[1]: ", "never reached");
}

Test(config_rules, keywords_are_bounded, .timeout = 10)
{
    struct buf text = { 0 };
    struct loaded l;

    buf_put_text(&text, U "rules: {r: [{label: a, keywords: [w");
    for (int i = 0; i < 256; i++)
        buf_put_printf(&text, ", w%d", i);
    buf_put_text(&text, "]}]}\n");
    l = load_bytes(buf_str(&text), NULL);
    cr_assert(has_line(&l.faults, "weir.yaml:3: rules.r[0].keywords: ", "256"));
    unload(&l);
    buf_deinit(&text);
}

/* ---- in a file -------------------------------------------------------------------------- */

Test(config_rules, a_file_lies_beside_the_configuration, .init = make_folder,
     .fini = drop_folder, .timeout = 10)
{
    struct loaded l = load_with("- {match: refund, label: refund}\n- {label: other}\n");

    cr_assert(answers(rules_of(&l, STR("r")), "{\"t\":\"refund\"}", "\"label\":\"refund\""));
    unload(&l);
}

Test(config_rules, a_file_may_say_its_field, .init = make_folder, .fini = drop_folder,
     .timeout = 10)
{
    struct loaded l = load_with("field: /text\nlist: [{match: a, label: a}, {label: b}]\n");

    cr_assert(answers(rules_of(&l, STR("r")), "{\"note\":\"a\"}", "\"label\":\"b\""));
    unload(&l);
}

Test(config_rules, every_fault_in_a_file_has_its_line, .init = make_folder, .fini = drop_folder,
     .timeout = 10)
{
    expect_file_fault("- {match: a, label: a}\n- {match: \"(\", label: b}\n", 2, "[1].match: ");
    expect_file_fault("- {mach: a, label: a}\n- {match: b}\n", 2, "says nothing");
    expect_file_fault("- {mach: a, label: a}\n- {match: b}\n", 1, "\"match\"?");
    expect_file_fault("list: [{match: a}]\n", 1, "list[0]: says nothing");
    expect_file_fault("field: /a\n", 1, "list: is missing");
    expect_file_fault("file: other.yaml\n", 1, "leads to no other");
    expect_file_fault("word\n", 1, "expected a mapping");
    expect_file_fault("", 1, "nothing");
    expect_file_fault("- {\n", 2, "YAML");
}

Test(config_rules, a_file_that_is_not_there_is_a_fault, .timeout = 10)
{
    expect_fault(U "rules: {r: {file: /nowhere/at/all}}\n",
                 "3: rules.r.file: ", "No such file");
}
