/* SPDX-License-Identifier: Apache-2.0 */
#include "effect.h"
#include "histogram.h"

#include <criterion/criterion.h>
#include <jansson.h>

static struct baseline *b;
static struct buf text;
static json_t *json;
static struct counts names;

static void stop(void)
{
    baseline_free(b);
    buf_deinit(&text);
    json_decref(json);
    counts_deinit(&names);
}

TestSuite(effect, .fini = stop, .timeout = 30);

static void read_effect(const uint64_t *after)
{
    buf_put(&text, STR("{"));
    effect_put(&(struct effect){ b, b->counts, after }, &text);
    buf_put(&text, STR("}"));
    json = json_loadb(text.at, text.len, 0, NULL);
    cr_assert(json, "%.*s", (int)text.len, text.at);
}

Test(effect, the_sentence_says_what_moved_most)
{
    uint64_t after[ECUSUM_BINS] = { 160, 0, 41 };

    b = refusal_baseline(60);
    effect_put_sentence(&(struct effect){ b, b->counts, after }, &names, &text);
    cr_assert(str_eq(buf_str(&text), STR("refusal=yes 5.0 % \u2192 20.4 %")), "%.*s",
              (int)text.len, text.at);
}

Test(effect, each_value_is_told_before_and_after)
{
    uint64_t after[ECUSUM_BINS] = { 80, 0, 20 };
    json_t *yes;

    b = refusal_baseline(60);
    read_effect(after);
    cr_assert_eq(json_array_size(json_object_get(json, "values")), 3);
    yes = json_array_get(json_object_get(json, "values"), 2);
    cr_assert_str_eq(json_string_value(json_object_get(yes, "value")), "yes");
    cr_assert_eq(json_integer_value(json_object_get(yes, "before_count")), 300);
    cr_assert_eq(json_integer_value(json_object_get(yes, "after_count")), 20);
    cr_assert_float_eq(json_real_value(json_object_get(yes, "after")), .2, 1e-9);
}

Test(effect, a_distance_stands_beside_its_floor)
{
    uint64_t after[ECUSUM_BINS] = { 80, 0, 20 };
    json_t *distances;

    b = refusal_baseline(60);
    read_effect(after);
    distances = json_object_get(json, "distances");
    cr_assert_gt(json_number_value(json_object_get(distances, "psi")),
                 json_number_value(json_object_get(distances, "psi_floor")));
    cr_assert(json_is_null(json_object_get(distances, "ks")));
}

Test(effect, of_nothing_nothing_has_moved)
{
    uint64_t after[ECUSUM_BINS] = { 0 };

    b = refusal_baseline(60);
    read_effect(after);
    effect_put_sentence(
        &(struct effect){ b, b->counts, (uint64_t[ECUSUM_BINS]){ 5700, 0, 300 } }, &names,
        &text);
    cr_assert_eq(text.at[text.len - 1], '}');
}

Test(effect, a_value_that_the_baseline_lacks_is_named)
{
    uint64_t after[ECUSUM_BINS] = { 60, 35, 5 };

    b = refusal_baseline(60);
    cr_assert(counts_read(&names, STR("maybe=30 no=60 never=5 yes=5")));
    effect_put_sentence(&(struct effect){ b, b->counts, after }, &names, &text);
    cr_assert(str_eq(buf_str(&text), STR("refusal=other (maybe) 0.0 % \u2192 35.0 %")), "%.*s",
              (int)text.len, text.at);
    buf_reset(&text);
    effect_put_unseen(b, &names, &text);
    cr_assert(str_eq(buf_str(&text), STR("\"unseen\":[{\"value\":\"maybe\",\"count\":30},"
                                         "{\"value\":\"never\",\"count\":5}]")));
}

static double distance(const char *of, const char *name)
{
    json_t *distances = json_object_get(json, "distances");

    return json_real_value(
        json_object_get(of ? json_object_get(distances, of) : distances, name));
}

Test(effect, of_numbers_it_says_how_far_they_moved_and_how_far_chance_would)
{
    struct counts total = { 0 };
    uint64_t after[ECUSUM_BINS] = { 0, 100, 900 }; /* le_1, le_3, gt_3, other */

    counts_read(&total, STR("le_1=500 le_3=500 gt_3=0"));
    counts_add(&total, STR("gt_3"), 1);
    b = baseline_new(&(struct baseline_origin){ .of = refusal(),
                                                .total = &total,
                                                .tolerance = 1.2,
                                                .alpha = .01,
                                                .from = STR("file") });
    counts_deinit(&total);
    read_effect(after);
    /* From 1 to 3 half of them, from 3 to 5 nine of ten, by the edges. */
    cr_assert_float_eq(distance(NULL, "wasserstein"), 2 * (.5 + .9), .01);
    cr_assert_gt(distance("floors", "wasserstein"), .01);
    cr_assert_lt(distance("floors", "wasserstein"), .3);
    cr_assert_gt(distance(NULL, "ks"), distance("floors", "ks"));
    cr_assert_gt(distance(NULL, "hellinger"), distance("floors", "hellinger"));
}

Test(effect, of_words_there_is_no_way)
{
    uint64_t after[ECUSUM_BINS] = { 80, 0, 20 };

    b = refusal_baseline(60);
    read_effect(after);
    cr_assert(json_is_null(json_object_get(json_object_get(json, "distances"), "wasserstein")));
}
