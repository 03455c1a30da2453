/* SPDX-License-Identifier: Apache-2.0 */
#include "meaning.h"

#include "weir/watch/prediction.h"
#include "weir/watch/segment.h"

#include <criterion/criterion.h>

TestSuite(meaning, .timeout = 10);

static const struct str labels[] = { { "refund", 6 }, { "shipping", 8 } };
static const struct str turned[] = { { "shipping", 8 }, { "refund", 6 } };
static const struct str others[] = { { "refund", 6 }, { "delivery", 8 } };
static const double edges[] = { 0.5 };
static const struct str words[] = { { "le_0.5", 6 }, { "gt_0.5", 6 } };
static const struct str finer[] = { { "le_0.6", 6 }, { "gt_0.6", 6 } };

static struct prediction intent(void)
{
    return (struct prediction){ .name = STR("intent"),
                                .from = STR("/intent"),
                                .kind = PREDICTION_LABEL,
                                .labels = labels,
                                .label_count = 2 };
}

static bool same(struct prediction a, struct prediction b)
{
    return meaning_of_prediction(&a) == meaning_of_prediction(&b);
}

Test(meaning, a_name_is_no_part_of_it)
{
    struct prediction p = intent();

    p.name = STR("topic");
    cr_assert(same(p, intent()));
}

Test(meaning, nor_is_the_order_of_labels)
{
    struct prediction p = intent();

    p.labels = turned;
    cr_assert(same(p, intent()));
}

Test(meaning, other_labels_are_another_one)
{
    struct prediction p = intent();

    p.labels = others;
    cr_assert_not(same(p, intent()));
    p.labels = labels;
    p.label_count = 1;
    cr_assert_not(same(p, intent()));
}

Test(meaning, so_are_another_place_kind_pattern_and_side)
{
    struct prediction p = intent();

    p.from = STR("/topic");
    cr_assert_not(same(p, intent()));
    p = intent();
    p.kind = PREDICTION_TOOL;
    cr_assert_not(same(p, intent()));
    p = intent();
    p.match_text = STR("intent: (\\w+)");
    cr_assert_not(same(p, intent()));
    p = intent();
    p.of_request = true;
    cr_assert_not(same(p, intent()));
}

Test(meaning, a_text_and_no_place_are_not_an_empty_place)
{
    struct prediction whole = intent(), empty = intent();

    whole.from = (struct str){ 0 };
    empty.from = STR("");
    cr_assert_not(same(whole, empty));
}

Test(meaning, other_edges_are_another_one)
{
    struct prediction p = { .kind = PREDICTION_NUMBER,
                            .from = STR("/score"),
                            .bounds = edges,
                            .bound_words = words,
                            .bound_count = 1 };
    struct prediction q = p;

    cr_assert(same(p, q));
    q.bound_words = finer;
    cr_assert_not(same(p, q));
}

/* Baselines live for a year: what they were counted by must read the same tomorrow. */
Test(meaning, it_is_the_same_in_every_process)
{
    struct prediction p = intent();
    struct buf text = { 0 };

    meaning_put(meaning_of_prediction(&p), &text);
    cr_assert(str_eq(buf_str(&text), STR("897a684b")), "%.*s", (int)text.len, text.at);
    buf_deinit(&text);
}

/* ---- segments ---- */

static struct segment plan(const char *header, const struct str *values, size_t count)
{
    struct segment s = { .name = STR("plan"),
                         .kind = SEGMENT_HEADER,
                         .from = str_of(header),
                         .values = values,
                         .value_count = count };

    segment_open(&s, NULL);
    return s;
}

Test(meaning, a_segment_from_another_header_is_another_one)
{
    struct segment a = plan("x-plan", labels, 2), b = plan("x-tier", labels, 2);

    cr_assert_neq(segment_meaning_of(&a, STR("plan=refund")),
                  segment_meaning_of(&b, STR("plan=refund")));
    segment_close(&a);
    segment_close(&b);
}

Test(meaning, a_listed_value_changes_who_is_other_and_nobody_else)
{
    struct segment a = plan("x-plan", labels, 1), b = plan("x-plan", labels, 2);

    cr_assert_eq(segment_meaning_of(&a, STR("plan=refund")),
                 segment_meaning_of(&b, STR("plan=refund")));
    cr_assert_neq(segment_meaning(&a, SEGMENT_OTHER), segment_meaning(&b, SEGMENT_OTHER));
    cr_assert_eq(segment_meaning(&a, SEGMENT_NONE), segment_meaning(&b, SEGMENT_NONE));
    segment_close(&a);
    segment_close(&b);
}

Test(meaning, together_they_mean_what_their_parts_do)
{
    struct segment all[2] = { plan("x-plan", labels, 1), { .kind = SEGMENT_TOGETHER } };
    uint32_t before;

    all[1].part_count = 1;
    segment_open(&all[1], all);
    before = segment_meaning_of(&all[1], STR("plan=refund"));
    segment_close(&all[0]);
    segment_close(&all[1]);
    all[0] = plan("x-tier", labels, 1);
    segment_open(&all[1], all);
    cr_assert_neq(before, segment_meaning_of(&all[1], STR("plan=refund")));
    segment_close(&all[0]);
    segment_close(&all[1]);
}

/* ---- both, and as text ---- */

Test(meaning, of_one_in_the_other_it_depends_on_both)
{
    cr_assert_eq(meaning_join(0, 0), 0);
    cr_assert_eq(meaning_join(7, 0), 7);
    cr_assert_eq(meaning_join(0, 7), 7);
    cr_assert_neq(meaning_join(7, 8), meaning_join(7, 9));
    cr_assert_neq(meaning_join(7, 8), meaning_join(8, 7));
}

Test(meaning, what_is_not_known_goes_with_any)
{
    cr_assert(meaning_differs(1, 2));
    cr_assert_not(meaning_differs(1, 1));
    cr_assert_not(meaning_differs(0, 2));
    cr_assert_not(meaning_differs(2, 0));
}

Test(meaning, only_its_own_text_is_read)
{
    struct buf text = { 0 };
    uint32_t read = 0;

    meaning_put(0x00c0ffee, &text);
    cr_assert(str_eq(buf_str(&text), STR("00c0ffee")));
    cr_assert(meaning_read(buf_str(&text), &read));
    cr_assert_eq(read, 0x00c0ffee);
    cr_assert_not(meaning_read(STR("00c0ffe"), &read));
    cr_assert_not(meaning_read(STR("00C0FFEE"), &read));
    cr_assert_not(meaning_read(STR(""), &read));
    buf_deinit(&text);
}
