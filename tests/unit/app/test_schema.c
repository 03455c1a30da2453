/* SPDX-License-Identifier: Apache-2.0 */
#include "schema.h"

#include "weir/app/config.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct schema_row *row_of(const char *prefix, const char *key)
{
    const struct schema_row *row = schema_child(prefix, str_of(key));

    cr_assert(row, "%s.%s", prefix, key);
    return row;
}

Test(schema, every_row_is_found_from_the_row_that_it_stands_in, .timeout = 10)
{
    for (const struct schema_row *row = config_rows(); row->path; row++) {
        const char *dot = strrchr(row->path, '.');
        char parent[SCHEMA_PATH] = "";

        if (dot)
            memcpy(parent, row->path, (size_t)(dot - row->path));
        cr_assert_eq(schema_child(parent, schema_key(row)), row, "%s", row->path);
    }
}

Test(schema, a_key_is_found_whole_and_below_its_own_prefix_alone, .timeout = 10)
{
    cr_assert_null(schema_child("server", STR("liste")));
    cr_assert_null(schema_child("server", STR("listen2")));
    cr_assert_null(schema_child("server", STR("Listen")));
    cr_assert_null(schema_child("server", STR("")));
    cr_assert_null(schema_child("serve", STR("listen")));
    cr_assert_null(schema_child("", STR("listen")));
    cr_assert_null(schema_child("", STR("server.listen")));
    cr_assert_null(schema_child("models", STR("routes")));
}

Test(schema, children_stand_right_below_and_end, .timeout = 10)
{
    const struct schema_row *row = NULL;
    unsigned count = 0;

    while ((row = schema_next("server", row))) {
        cr_assert_null(strchr(row->path + strlen("server."), '.'), "%s", row->path);
        count++;
    }
    cr_assert_gt(count, 5);
    cr_assert_null(schema_next("server.listen", NULL));
}

Test(schema, what_is_inside_depends_on_the_shape, .timeout = 10)
{
    char inside[SCHEMA_PATH];

    cr_assert_str_eq(schema_inside(row_of("", "models"), inside), "models.<name>");
    cr_assert_str_eq(schema_inside(row_of("models.<name>", "routes"), inside),
                     "models.<name>.routes[]");
    cr_assert_str_eq(schema_inside(row_of("", "server"), inside), "server");
    cr_assert(schema_has_inside(row_of("", "models")));
    cr_assert_not(schema_has_inside(row_of("server", "listen")));
}

Test(schema, bounds_belong_to_what_is_good, .timeout = 10)
{
    const struct schema_row *size = row_of("server", "max_body");
    const struct schema_row *time = row_of("server", "idle_timeout");
    const struct schema_row *count = row_of("server", "max_connections");

    cr_assert_eq(schema_verdict(size, STR("1KiB")), SCHEMA_GOOD);
    cr_assert_eq(schema_verdict(size, STR("1023B")), SCHEMA_OUT_OF_BOUNDS);
    cr_assert_eq(schema_verdict(size, STR("1GiB")), SCHEMA_GOOD);
    cr_assert_eq(schema_verdict(size, STR("1025MiB")), SCHEMA_OUT_OF_BOUNDS);
    cr_assert_eq(schema_verdict(size, STR("0")), SCHEMA_OUT_OF_BOUNDS);
    cr_assert_eq(schema_verdict(time, STR("99ms")), SCHEMA_OUT_OF_BOUNDS);
    cr_assert_eq(schema_verdict(time, STR("24h")), SCHEMA_GOOD);
    cr_assert_eq(schema_verdict(time, STR("25h")), SCHEMA_OUT_OF_BOUNDS);
    cr_assert_eq(schema_verdict(count, STR("18446744073709551615")), SCHEMA_OUT_OF_BOUNDS);
    cr_assert_eq(schema_verdict(count, STR("18446744073709551616")), SCHEMA_OTHER_KIND);
}

Test(schema, auto_is_a_number_of_workers_and_of_nothing_else, .timeout = 10)
{
    const struct schema_row *workers = row_of("server", "workers");

    cr_assert_eq(schema_verdict(workers, STR("auto")), SCHEMA_GOOD);
    cr_assert_eq(schema_verdict(workers, STR("256")), SCHEMA_GOOD);
    cr_assert_eq(schema_verdict(workers, STR("0")), SCHEMA_OUT_OF_BOUNDS);
    cr_assert_eq(schema_verdict(workers, STR("257")), SCHEMA_OUT_OF_BOUNDS);
    cr_assert_eq(schema_verdict(workers, STR("Auto")), SCHEMA_OTHER_KIND);
    cr_assert_eq(schema_verdict(row_of("server", "max_connections"), STR("auto")),
                 SCHEMA_OTHER_KIND);
}

Test(schema, a_choice_is_one_whole_word, .timeout = 10)
{
    const struct schema_row *format = row_of("log", "format");
    static const char *const wrong[] = {
        "", "jso", "jsonl", "JSON", "json|logfmt", "|", " json"
    };

    cr_assert_eq(schema_verdict(format, STR("json")), SCHEMA_GOOD);
    cr_assert_eq(schema_verdict(format, STR("logfmt")), SCHEMA_GOOD);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        cr_assert_eq(schema_verdict(format, str_of(wrong[i])), SCHEMA_OTHER_KIND, "%s",
                     wrong[i]);
}

Test(schema, a_group_is_no_text_and_every_kind_has_words, .timeout = 10)
{
    cr_assert_eq(schema_verdict(row_of("", "server"), STR("x")), SCHEMA_OTHER_KIND);
    for (const struct schema_row *row = config_rows(); row->path; row++) {
        cr_assert(schema_kind_words(row), "%s", row->path);
        cr_assert(schema_kind_example(row), "%s", row->path);
    }
}

Test(schema, without_a_document_all_defaults_are_stored, .timeout = 10)
{
    struct arena arena = { 0 };
    struct settings s;

    memset(&s, 0xff, sizeof(s));
    schema_store("server", NULL, &s, &arena);
    cr_assert(str_eq(s.listen, STR("127.0.0.1:8080")));
    cr_assert_eq(s.workers, 0);
    cr_assert_eq(s.max_body_bytes, (size_t)32 << 20);
    cr_assert_eq(s.drain_timeout_us, 30 * 1000 * 1000, "groups inside are read as well");
    cr_assert_eq(s.cache_memory_bytes, SIZE_MAX, "what stands elsewhere is left alone");
    arena_deinit(&arena);
}

Test(schema, a_value_at_fault_leaves_the_default_and_its_neighbour_alone, .timeout = 10)
{
    struct yaml_node bad = { .kind = YAML_TEXT, .text = STR("many"), .key = STR("workers") };
    struct yaml_node good = { .kind = YAML_TEXT,
                              .text = STR("7"),
                              .key = STR("max_connections") };
    struct yaml_node shape = { .kind = YAML_LIST, .key = STR("listen") };
    struct yaml_node root = { .kind = YAML_MAP, .first = &bad };
    struct arena arena = { 0 };
    struct settings s = { 0 };

    bad.next = &good;
    good.next = &shape;
    schema_store("server", &root, &s, &arena);
    cr_assert_eq(s.workers, 0);
    cr_assert_eq(s.max_connections, 7);
    cr_assert(str_eq(s.listen, STR("127.0.0.1:8080")));
    arena_deinit(&arena);
}
