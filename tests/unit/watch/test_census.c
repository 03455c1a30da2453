/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/census.h"

#include "stage.h"
#include "weir/base/clock.h"
#include "weir/watch/variety.h"

#include <criterion/criterion.h>

/* Two gateways that watch the same, beside one Redis; a round every twentieth of a second. */

enum { EVERY_MS = 50, DAY_MS = 24 * 60 * 60 * 1000, LONG_MS = 10 * 1000 };

static struct stage stage;
static struct census *one, *two;
static struct watchlist *here, *there;
static struct prediction predictions[2];

static struct watchlist *list_of(struct prediction *p)
{
    struct watchlist *l = watchlist_new(STR("a:b"));

    *p = (struct prediction){ .name = STR("intent"), .kind = PREDICTION_NUMBER };
    prediction_complete(p);
    l->predictions = p;
    l->prediction_count = 1;
    watchlist_seal(l);
    return l;
}

static void start(void)
{
    struct remote_settings settings = { .prefix = STR("weir:"),
                                        .most_bytes = REMOTE_ENTRY_BYTES };

    stage_open(&stage, &settings);
    here = list_of(&predictions[0]);
    there = list_of(&predictions[1]);
    one = census_new(stage.loop, stage.link, STR("weir:"), EVERY_MS);
    two = census_new(stage.loop, stage.link, STR("weir:"), EVERY_MS);
    census_watch(one, &here, 1);
    census_watch(two, &there, 1);
    census_start(one);
    census_start(two);
}

static void stop(void)
{
    census_stop(one);
    census_stop(two);
    stage_run_for(&stage, EVERY_MS * 4000);
    census_free(one);
    census_free(two);
    watchlist_unref(here);
    watchlist_unref(there);
    stage_close(&stage);
}

TestSuite(census, .init = start, .fini = stop, .timeout = 60);

static uint64_t today(void)
{
    return clock_wall_ms() / DAY_MS;
}

static void see(struct watchlist *l, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++)
        variety_add(l->predictions[0].variety, today(), i * 77777);
}

static uint64_t seen(const struct watchlist *l)
{
    struct variety_counts counts;

    variety_read(l->predictions[0].variety, today(), &counts);
    return counts.today;
}

static void await(const struct watchlist *l, uint64_t n)
{
    for (unsigned ms = 0; seen(l) != n && ms < LONG_MS; ms += EVERY_MS)
        stage_run_for(&stage, EVERY_MS * 1000);
    cr_assert_eq(seen(l), n, "%lu", (unsigned long)seen(l));
}

Test(census, what_one_has_seen_the_other_knows)
{
    see(here, 0, 20);
    see(there, 15, 30);
    await(here, 30);
    await(there, 30);
}

Test(census, who_comes_later_knows_what_was_seen_today)
{
    struct prediction p;
    struct watchlist *late = list_of(&p);
    struct census *third = census_new(stage.loop, stage.link, STR("weir:"), EVERY_MS);

    see(here, 0, 20);
    await(there, 20);
    census_watch(third, &late, 1);
    census_start(third);
    await(late, 20);
    census_stop(third);
    stage_run_for(&stage, EVERY_MS * 4000);
    census_free(third);
    watchlist_unref(late);
}

Test(census, what_is_watched_may_change_at_any_time)
{
    see(here, 0, 20);
    for (unsigned i = 0; i < 50; i++) {
        stage_run_for(&stage, EVERY_MS * 100);
        census_watch(one, &here, i % 2);
    }
    await(there, 20);
}

Test(census, what_is_no_sketch_is_none)
{
    struct buf key = { 0 };

    see(here, 0, 20);
    await(there, 20);
    stage_ask(&stage, &key, "RANDOMKEY");
    cr_assert(str_starts(buf_str(&key), STR("weir:v1:distinct:a%3Ab:intent:")));
    stage_do_words(&stage, (struct str[]){ STR("SET"), buf_str(&key), STR("nonsense") }, 3);
    see(there, 20, 30);
    await(here, 30);
    buf_deinit(&key);
}

Test(census, without_a_redis_each_counts_alone)
{
    struct census *alone = census_new(stage.loop, NULL, STR("weir:"), EVERY_MS);

    census_watch(alone, &here, 1);
    census_start(alone);
    census_stop(alone);
    census_free(alone);
}
