/* SPDX-License-Identifier: Apache-2.0 */
#include "loaded.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Schemas in files beside the configuration. */

#define M                                                                                  \
    "upstreams: {u: {endpoints: [\"http://h\"]}}\nmodels:\n  m:\n    routes: [{upstream: " \
    "u}]\n"

static char folder[] = "/tmp/weir-schemas-test-XXXXXX";
static char config_path[64], schema_path[64];

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    cr_assert_not_null(f);
    cr_assert_geq(fputs(text, f), 0);
    cr_assert_eq(fclose(f), 0);
}

static void start(void)
{
    cr_assert_not_null(mkdtemp(folder));
    (void)snprintf(config_path, sizeof(config_path), "%s/weir.yaml", folder);
    (void)snprintf(schema_path, sizeof(schema_path), "%s/s.json", folder);
}

static void stop(void)
{
    (void)unlink(config_path);
    (void)unlink(schema_path);
    (void)rmdir(folder);
}

TestSuite(config_schemas, .init = start, .fini = stop, .timeout = 10);

static struct loaded load_with(const char *config, const char *schema)
{
    struct loaded l = { 0 };

    write_file(config_path, config);
    write_file(schema_path, schema);
    l.err = config_read(&l.config, config_path, NULL, &l.faults, &l.warnings);
    return l;
}

static const struct model *model_of(const struct loaded *l)
{
    cr_assert_eq(l->err, OK, "%.*s", STR_ARG(buf_str(&l->faults)));
    return plan_model(l->config->plan, STR("m"));
}

Test(config_schemas, a_file_beside_the_configuration_is_read)
{
    struct loaded l = load_with(M "    schema: {request: s.json, mode: reject}\n",
                                "{\"properties\":{\"a\":true}}");
    const struct model *m = model_of(&l);

    cr_assert_not_null(m->watch->schemas[WATCH_REQUEST]);
    cr_assert_null(m->watch->schemas[WATCH_ANSWER]);
    cr_assert(m->rejects);
    cr_assert_eq(m->watch->prediction_count, 1);
    unload(&l);
}

Test(config_schemas, what_does_not_fit_is_only_observed_unless_it_says_otherwise)
{
    struct loaded l = load_with(M "    schema: {answer: s.json}\n", "true");
    const struct model *m = model_of(&l);

    cr_assert_not_null(m->watch->schemas[WATCH_ANSWER]);
    cr_assert_not(m->rejects);
    unload(&l);
}

Test(config_schemas, a_fault_is_told_with_the_line_and_the_place_in_its_file)
{
    struct loaded l = load_with(M "    schema: {answer: s.json}\n",
                                "{\n  \"items\": {\n    \"type\": \"text\"\n  }\n}\n");
    char start[96];

    (void)snprintf(start, sizeof(start), "%s:3: /items/type: ", schema_path);
    cr_assert_eq(l.err, ERR_CONFIG);
    cr_assert(has_line(&l.faults, start, "must be null, boolean"), "%.*s",
              STR_ARG(buf_str(&l.faults)));
    unload(&l);
}

Test(config_schemas, a_misspelt_keyword_is_warned_of)
{
    struct loaded l = load_with(M "    schema: {answer: s.json}\n", "{\n\"minimun\": 1}");
    char start[96];

    (void)snprintf(start, sizeof(start), "%s:2: /minimun: ", schema_path);
    cr_assert_eq(l.err, OK);
    cr_assert(has_line(&l.warnings, start, "no effect"), "%.*s", STR_ARG(buf_str(&l.warnings)));
    unload(&l);
}

Test(config_schemas, very_many_warnings_are_told_in_short)
{
    struct buf schema = { 0 };
    struct loaded l;
    char start[96];

    buf_put_text(&schema, "{\"a\":1");
    for (unsigned i = 0; i < 1000; i++)
        buf_put_printf(&schema, ",\"x%u\":1", i);
    buf_put(&schema, (struct str){ "}", 2 }); /* with its end */
    l = load_with(M "    schema: {answer: s.json}\n", schema.at);
    (void)snprintf(start, sizeof(start), "%s:1: ", schema_path);
    cr_assert_eq(l.err, OK);
    cr_assert(has_line(&l.warnings, start, "and 981 warnings more"));
    unload(&l);
    buf_deinit(&schema);
}

Test(config_schemas, what_is_no_file_of_json_is_a_fault)
{
    static const char *const texts[] = { "", "{", "\xff", "[]", "{\"a\":\"\xc3\"}" };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct loaded l = load_with(M "    schema: {answer: s.json}\n", texts[i]);

        cr_assert_eq(l.err, ERR_CONFIG);
        cr_assert(has_line(&l.faults, schema_path, ":1: the schema: "));
        unload(&l);
    }
}

Test(config_schemas, a_folder_is_no_schema)
{
    struct loaded l = load_with(M "    schema: {answer: .}\n", "true");

    cr_assert_eq(l.err, ERR_CONFIG);
    cr_assert(has_line(&l.faults, config_path, "cannot be read: Is a directory"));
    unload(&l);
}

Test(config_schemas, a_file_that_is_not_there_is_a_fault_of_the_configuration)
{
    struct loaded l = load_with(M "    schema: {answer: other.json}\n", "true");
    char start[96];

    (void)snprintf(start, sizeof(start), "%s:5: models.m.schema.answer: ", config_path);
    cr_assert(has_line(&l.faults, start, "cannot be read: No such file"), "%.*s",
              STR_ARG(buf_str(&l.faults)));
    unload(&l);
}

Test(config_schemas, a_mode_without_a_file_is_warned_of)
{
    struct loaded l = load_with(M "    schema: {mode: reject}\n", "true");

    cr_assert_eq(l.err, OK);
    cr_assert(has_line(&l.warnings, config_path, "checks nothing"));
    unload(&l);
}
