/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/baseline.h"

#include <criterion/criterion.h>
#include <string.h>

enum { HOUR = 3600 * 1000, TICK = 60 * 1000 };
static const uint64_t monday = 1767571200000; /* 2026-01-05T00:00Z */

static struct baseline *b, *again;
static struct week *w;
static struct buf text;

static void start(void)
{
    w = week_new();
}

static void stop(void)
{
    week_free(w);
    baseline_free(b);
    baseline_free(again);
    buf_deinit(&text);
}

TestSuite(season, .init = start, .fini = stop, .timeout = 60);

/* By day 5 in a hundred refuse, at night 40. */
static void add_hour(uint64_t hour, uint64_t n)
{
    bool night = hour % 24 < 8;
    struct counts c = { 0 };

    counts_add(&c, STR("yes"), night ? n * 4 / 10 : n / 20);
    counts_add(&c, STR("no"), night ? n * 6 / 10 : n - n / 20);
    week_add(w, monday + hour * HOUR, &c);
    counts_deinit(&c);
}

static void make(uint64_t weeks, uint64_t n)
{
    struct counts total = { 0 };

    for (uint64_t h = 0; h < weeks * WEEK_HOURS; h++)
        add_hour(h, n);
    for (unsigned h = 0; h < WEEK_HOURS; h++)
        counts_merge(&total, &w->at[h].counts);
    b = baseline_new(
        &(struct baseline_origin){ .of = { STR("chat"), STR("one"), STR("refusal"), STR("") },
                                   .total = &total,
                                   .week = w,
                                   .tick_ms = TICK,
                                   .tolerance = 1.2,
                                   .alpha = .01,
                                   .from = STR("ticks") });
    counts_deinit(&total);
}

static const struct season_slot *slot_at(uint64_t hour)
{
    return season_at(b->season, (monday + hour * HOUR) / TICK);
}

enum { NO, OTHER, YES };

Test(season, of_two_weeks_hours_share_with_the_same_hour_of_other_days)
{
    make(2, 600);
    cr_assert_eq(b->season->count, 48);
    cr_assert_eq(season_feet(b->season).shared, 168);
    cr_assert_eq(slot_at(3), slot_at(27));
    cr_assert_neq(slot_at(3), slot_at(4));
    cr_assert_neq(slot_at(3), slot_at(5 * 24 + 3));
    cr_assert_eq(slot_at(3)->n, 6000);
    cr_assert_eq(slot_at(5 * 24 + 3)->n, 2400);
}

Test(season, of_three_weeks_hours_stand_alone)
{
    make(3, 600);
    cr_assert_eq(season_feet(b->season).alone, 168);
    cr_assert_neq(slot_at(3), slot_at(27));
    cr_assert_eq(slot_at(3)->n, 1800);
}

Test(season, an_hour_of_few_answers_is_held_against_the_whole)
{
    for (uint64_t h = 24; h < 5 * 24; h += 24)
        add_hour(h + 3, 10);
    make(0, 0);
    cr_assert_eq(b->season->count, 0);
    cr_assert_eq(season_feet(b->season).whole, 168);
    cr_assert_null(slot_at(3));
}

Test(season, night_has_the_bounds_of_the_night)
{
    make(2, 600);
    cr_assert_gt(slot_at(3)->bounds[YES].lower, .3);
    cr_assert_lt(slot_at(12)->bounds[YES].upper, .1);
    cr_assert_lt(b->bounds[YES].lower, slot_at(3)->bounds[YES].lower);
}

Test(season, its_alpha_is_shared_by_all_slots_and_the_whole)
{
    struct bound alone[ECUSUM_BINS];

    make(2, 600);
    bound_find(alone, slot_at(3)->counts, b->bins, .01 / 49, 1.2);
    cr_assert_eq(memcmp(alone, slot_at(3)->bounds, b->bins * sizeof(alone[0])), 0);
    bound_find(alone, b->counts, b->bins, .01 / 49, 1.2);
    cr_assert_eq(memcmp(alone, b->bounds, b->bins * sizeof(alone[0])), 0);
}

Test(season, it_comes_back_from_its_json)
{
    make(2, 600);
    baseline_put(b, &text);
    again = baseline_read(buf_str(&text));
    cr_assert(again && again->season);
    cr_assert_str_eq(again->id, b->id);
    cr_assert_eq(again->season->count, b->season->count);
    cr_assert_eq(again->season->shared, b->season->shared);
    cr_assert_eq(memcmp(again->season->slot_of, b->season->slot_of, WEEK_HOURS), 0);
    for (size_t i = 0; i < b->season->count; i++)
        cr_assert_eq(memcmp(again->season->slots[i].bounds, b->season->slots[i].bounds,
                            b->bins * sizeof(struct bound)),
                     0);
}

Test(season, it_is_read_of_its_own_text_alone)
{
    struct arena arena;
    struct str part;

    make(2, 600);
    season_put(b->season, b->bins, &text);
    part = buf_str(&text);
    arena_init(&arena, 0);
    cr_assert(season_read(part, b->bins, &arena));
    cr_assert_null(season_read(part, b->bins - 1, &arena));
    cr_assert_null(season_read(STR("{}"), b->bins, &arena));
    arena_deinit(&arena);
}
