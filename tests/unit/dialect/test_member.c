/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/dialect/fingerprint.h"

#include "world.h"

#include <stdlib.h>

static bool has_row(struct str endpoint, struct str name)
{
    const struct member_row *row;

    for (size_t i = 0; (row = member_row_at(i)); i++) {
        struct str rest = str_of(row->endpoints), piece;

        while (str_split(&rest, ',', &piece)) {
            if (str_eq(piece, endpoint) && str_eq(str_of(row->name), name))
                return true;
        }
    }
    return false;
}

static FILE *open_list(const char *name)
{
    char path[4096];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", getenv("WEIR_TEST_DATA"), name);
    file = fopen(path, "r");
    cr_assert(file, "%s", path);
    return file;
}

static size_t check_list(const char *list)
{
    FILE *file = open_list(list);
    char *line = NULL;
    size_t capacity = 0, seen = 0;
    ssize_t len;

    while ((len = getline(&line, &capacity, file)) > 0) {
        struct str rest = { line, (size_t)len - 1 }, endpoint, name;

        if (line[0] == '#' || !str_split(&rest, ' ', &endpoint))
            continue;
        while (str_split(&rest, ' ', &name)) {
            cr_expect(has_row(endpoint, name), "%.*s.%.*s has no row", STR_ARG(endpoint),
                      STR_ARG(name));
            seen++;
        }
    }
    free(line);
    (void)fclose(file);
    return seen;
}

Test(member, every_published_member_is_classified, .timeout = 5)
{
    cr_assert_gt(check_list("openai_members.txt"), 90);
    cr_assert_gt(check_list("anthropic_members.txt"), 30);
}

Test(member, what_one_dialect_leaves_out_another_may_mean, .timeout = 5)
{
    cr_assert_eq(member_class_of(ENDPOINT_MESSAGES, STR("cache_control")), MEMBER_QUIET);
    cr_assert_eq(member_class_of(ENDPOINT_CHAT, STR("cache_control")), MEMBER_ANSWER);
    cr_assert_eq(member_class_of(ENDPOINT_CHAT, STR("user")), MEMBER_QUIET);
    cr_assert_eq(member_class_of(ENDPOINT_MESSAGES, STR("user")), MEMBER_ANSWER);
}

Test(member, what_nobody_knows_is_part_of_the_key, .timeout = 5)
{
    cr_assert_eq(member_class_of(ENDPOINT_CHAT, STR("enable_thinking")), MEMBER_ANSWER);
}

Test(member, a_quiet_member_is_quiet_however_it_is_escaped, .timeout = 5)
{
    cr_assert_eq(member_class_of(ENDPOINT_CHAT, STR("us\\u0065r")), MEMBER_QUIET);
}

Test(member, prompt_is_state_for_responses_and_text_for_completions, .timeout = 5)
{
    cr_assert_eq(member_class_of(ENDPOINT_RESPONSES, STR("prompt")), MEMBER_STATE);
    cr_assert_eq(member_class_of(ENDPOINT_COMPLETIONS, STR("prompt")), MEMBER_ANSWER);
}

Test(member, a_prediction_has_no_quiet_members, .timeout = 5)
{
    cr_assert_eq(member_class_of(ENDPOINT_PREDICT, STR("user")), MEMBER_ANSWER);
    cr_assert_eq(member_class_of(ENDPOINT_PREDICT, STR("model")), MEMBER_ANSWER);
}

Test(member, no_member_is_listed_twice_for_an_endpoint, .timeout = 5)
{
    const struct member_row *a, *b;

    for (size_t i = 0; (a = member_row_at(i)); i++) {
        struct str rest = str_of(a->endpoints), piece;

        while (str_split(&rest, ',', &piece)) {
            for (size_t k = i + 1; (b = member_row_at(k)); k++) {
                struct str others = str_of(b->endpoints), other;

                while (strcmp(a->name, b->name) == 0 && str_split(&others, ',', &other))
                    cr_expect(!str_eq(piece, other), "%s", a->name);
            }
        }
    }
}
