/* SPDX-License-Identifier: Apache-2.0 */
#include "histogram.h"

#include <criterion/criterion.h>
#include <string.h>

static struct baseline *b, *other;
static struct counts c;
static struct buf text;

static void stop(void)
{
    baseline_free(b);
    baseline_free(other);
    counts_deinit(&c);
    buf_deinit(&text);
}

TestSuite(baseline, .fini = stop, .timeout = 30);

static struct baseline *make(const struct counts *total)
{
    return baseline_new(&(struct baseline_origin){
        .of = refusal(), .total = total, .tolerance = 1.2, .alpha = .01, .from = STR("file") });
}

Test(baseline, the_same_ticks_make_the_same_id)
{
    b = refusal_baseline(60);
    other = refusal_baseline(60);
    cr_assert_str_eq(b->id, other->id);
    cr_assert_eq(strlen(b->id), 16);
}

Test(baseline, another_count_makes_another_id)
{
    b = refusal_baseline(60);
    other = refusal_baseline(61);
    cr_assert_str_neq(b->id, other->id);
}

Test(baseline, its_bounds_are_those_of_the_reference)
{
    counts_read(&c, STR("a=8200 b=1200 c=450 d=100 other=50"));
    b = make(&c);
    cr_assert_eq(b->bins, 5);
    cr_assert_float_eq(b->bounds[0].upper, .855706495, 1e-8);
    cr_assert_float_eq(b->bounds[0].lower, .777969087, 1e-8);
    cr_assert_float_eq(b->bounds[4].lower, .002583580, 1e-8);
}

Test(baseline, it_comes_back_from_its_json)
{
    b = refusal_baseline(60);
    baseline_put(b, &text);
    other = baseline_read(buf_str(&text));
    cr_assert(other);
    cr_assert_str_eq(other->id, b->id);
    cr_assert_eq(other->bins, b->bins);
    cr_assert_eq(memcmp(other->counts, b->counts, sizeof(b->counts)), 0);
    cr_assert_eq(memcmp(other->bounds, b->bounds, sizeof(b->bounds)), 0);
    cr_assert_eq(other->phi, b->phi);
}

Test(baseline, whatever_byte_is_changed_it_is_not_read)
{
    b = refusal_baseline(60);
    baseline_put(b, &text);
    for (size_t i = 0; i < text.len; i++) {
        char kept = text.at[i];

        text.at[i] = kept == '7' ? '8' : '7';
        other = baseline_read(buf_str(&text));
        cr_assert_not(other, "read with byte %zu changed: %.*s", i, (int)text.len, text.at);
        text.at[i] = kept;
    }
}

Test(baseline, cut_off_it_is_not_read)
{
    b = refusal_baseline(60);
    baseline_put(b, &text);
    for (size_t n = 0; n < text.len; n += 7)
        cr_assert_not(baseline_read(str_head(buf_str(&text), n)));
}

Test(baseline, unknown_values_are_sorted_into_other)
{
    uint64_t bins[ECUSUM_BINS];
    struct counts now = { 0 };

    b = refusal_baseline(60);
    counts_read(&now, STR("yes=3 no=4 maybe=5"));
    baseline_sort_in(b, &now, bins);
    cr_assert(str_eq(b->values[1], STR("other")));
    cr_assert_eq(bins[0], 4);
    cr_assert_eq(bins[1], 5);
    cr_assert_eq(bins[2], 3);
    counts_deinit(&now);
}

Test(baseline, bins_of_numbers_stand_in_their_order)
{
    counts_read(&c, STR("gt_100=1 le_4=1 le_16=1 le_100=1 missing=1"));
    b = make(&c);
    cr_assert_eq(b->ordered, 4);
    cr_assert(str_eq(b->values[0], STR("le_4")));
    cr_assert(str_eq(b->values[1], STR("le_16")));
    cr_assert(str_eq(b->values[3], STR("gt_100")));
    cr_assert(str_eq(b->values[4], STR("missing")));
}

Test(baseline, steady_ticks_have_no_excess_of_variance)
{
    b = refusal_baseline(60);
    cr_assert_geq(b->phi, 1);
    cr_assert_lt(b->phi, 2);
}

Test(baseline, of_few_ticks_the_variance_is_not_known)
{
    b = refusal_baseline(5);
    cr_assert_eq(b->phi, 0);
}

Test(baseline, it_has_room_for_as_many_values_as_the_detector)
{
    for (char i = 0; i < 100; i++)
        counts_add(&c, (struct str){ (char[]){ (char)(' ' + i) }, 1 }, 10);
    b = make(&c);
    cr_assert_eq(b->bins, ECUSUM_BINS);
    cr_assert_eq(b->n, 1000);
}

/* ---- deciles ------------------------------------------------------------------------------- */

static void expect_values(const char *wanted)
{
    struct buf said = { 0 };

    for (size_t k = 0; k < b->bins; k++)
        buf_put_printf(&said, "%s%.*s=%llu", k > 0 ? " " : "", STR_ARG(b->values[k]),
                       (unsigned long long)b->counts[k]);
    cr_assert(str_eq(buf_str(&said), str_of(wanted)), "%.*s", STR_ARG(buf_str(&said)));
    buf_deinit(&said);
}

Test(baseline, words_of_the_grid_become_deciles)
{
    for (unsigned i = 0; i < 20; i++) {
        struct str word = { NULL, 0 };
        struct buf name = { 0 };

        buf_put_printf(&name, "upto_%g", 5 * (i + 1) / 100.);
        word = buf_str(&name);
        counts_add(&c, word, 50);
        buf_deinit(&name);
    }
    b = make(&c);
    expect_values("le_0.02=0 le_0.1=100 le_0.2=100 le_0.3=100 le_0.4=100 le_0.5=100 le_0.6=100 "
                  "le_0.7=100 le_0.8=100 le_0.9=100 le_1=100 gt_1=0 other=0");
    cr_assert_eq(b->ordered, 12);
}

Test(baseline, a_word_of_the_grid_that_has_much_is_a_bin_alone)
{
    counts_read(&c, STR("upto_0.5=10 upto_0.9=900 upto_1=80 above_1000000=10 missing=7"));
    b = make(&c);
    expect_values("le_0.45=0 le_0.5=10 le_0.85=0 le_0.9=900 le_0.995=0 gt_0.995=90 missing=7 "
                  "other=0");
}

Test(baseline, a_number_that_never_moved_has_a_bin_on_each_side)
{
    counts_read(&c, STR("upto_0.5=1000"));
    b = make(&c);
    expect_values("le_0.45=0 le_0.5=1000 gt_0.5=0 other=0");
    counts_deinit(&c);
    counts_read(&c, STR("above_1000000=1000"));
    other = make(&c);
    cr_assert(str_eq(other->values[0], STR("le_1000000")));
    cr_assert_eq(other->counts[1], 1000);
}

Test(baseline, what_lies_between_two_numbers_has_a_bin_though_nobody_said_it)
{
    uint64_t bins[ECUSUM_BINS];
    struct counts now = { 0 };

    counts_read(&c, STR("upto_0=500 upto_1=500"));
    b = make(&c);
    expect_values("le_-0.01=0 le_0=500 le_0.995=0 le_1=500 gt_1=0 other=0");
    counts_read(&now, STR("upto_0=1 upto_0.5=2 upto_1=4"));
    baseline_sort_in(b, &now, bins);
    cr_assert_eq(bins[1], 1);
    cr_assert_eq(bins[2], 2);
    cr_assert_eq(bins[3], 4);
    counts_deinit(&now);
}

Test(baseline, later_words_of_the_grid_find_their_bin)
{
    uint64_t bins[ECUSUM_BINS];
    struct counts now = { 0 };

    counts_read(&c, STR("upto_0.5=10 upto_0.9=900 upto_1=80 above_1000000=10"));
    b = make(&c);
    counts_read(&now, STR("upto_-5=1 upto_0.45=2 upto_0.7=4 upto_0.9=8 upto_1.5=16 le_7=32"));
    baseline_sort_in(b, &now, bins);
    expect_values("le_0.45=0 le_0.5=10 le_0.85=0 le_0.9=900 le_0.995=0 gt_0.995=90 other=0");
    cr_assert_eq(bins[0], 3);
    cr_assert_eq(bins[2], 4);
    cr_assert_eq(bins[3], 8);
    cr_assert_eq(bins[5], 16);
    cr_assert_eq(bins[6], 32);
    counts_deinit(&now);
}

Test(baseline, deciles_come_back_from_their_json)
{
    counts_read(&c, STR("upto_0.5=10 upto_0.9=900 upto_1=80 above_1000000=10"));
    b = make(&c);
    baseline_put(b, &text);
    other = baseline_read(buf_str(&text));
    cr_assert(other);
    cr_assert_eq(other->ordered, b->ordered);
    cr_assert_str_eq(other->id, b->id);
}

Test(baseline, its_control_comes_back_from_its_json)
{
    counts_read(&c, STR("yes=100 no=1900"));
    b = baseline_new(&(struct baseline_origin){ .of = refusal(),
                                                .total = &c,
                                                .control = STR("old \"one\""),
                                                .tolerance = 1.2,
                                                .alpha = .01,
                                                .from = STR("control") });
    baseline_put(b, &text);
    other = baseline_read(buf_str(&text));
    cr_assert(other);
    cr_assert(str_eq(other->control, STR("old \"one\"")));
    cr_assert_str_eq(other->id, b->id);
}

/* ---- words that look like numbers ---- */

static struct baseline *make_of_words(const struct counts *total)
{
    return baseline_new(&(struct baseline_origin){ .of = refusal(),
                                                   .total = total,
                                                   .tolerance = 1.2,
                                                   .alpha = .01,
                                                   .from = STR("file"),
                                                   .worded = true });
}

Test(baseline, labels_that_look_like_words_of_the_grid_are_not_merged)
{
    counts_read(&c, STR("upto_5=500 upto_10=300 above_10=200 le_3=9"));
    b = make_of_words(&c);
    expect_values("above_10=200 le_3=9 other=0 upto_10=300 upto_5=500");
    cr_assert_eq(b->ordered, 0);
}

Test(baseline, a_new_label_that_looks_like_a_number_is_another_value)
{
    size_t bin;

    counts_read(&c, STR("upto_5=500 upto_10=300"));
    b = make_of_words(&c);
    cr_assert_not(baseline_find(b, STR("upto_7"), &bin));
    cr_assert(str_eq(b->values[bin], STR("other")));
}

Test(baseline, that_they_are_labels_comes_back_from_its_json)
{
    size_t bin;

    counts_read(&c, STR("upto_5=500 upto_10=300"));
    b = make_of_words(&c);
    baseline_put(b, &text);
    other = baseline_read(buf_str(&text));
    cr_assert(other);
    cr_assert_str_eq(other->id, b->id);
    cr_assert_eq(other->ordered, 0);
    cr_assert_not(baseline_find(other, STR("upto_7"), &bin));
}

Test(baseline, of_other_labels_nothing_more_is_said)
{
    counts_read(&c, STR("yes=100 no=1900"));
    b = make(&c);
    other = make_of_words(&c);
    cr_assert_str_eq(other->id, b->id);
}
