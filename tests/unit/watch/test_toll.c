/* SPDX-License-Identifier: Apache-2.0 */
#include "toll.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static struct toll *toll;
static struct watchlist *list;
static uint64_t minute;
static uint64_t outcomes, timed, spent, saved;
static unsigned lines;

static void see(void *ctx, const struct toll_line *line, struct str name, struct str word,
                uint64_t count)
{
    (void)ctx;
    minute = line->minute;
    if (str_eq(name, COURSE_OUTCOME)) {
        outcomes += count;
        lines++;
    } else if (str_eq(name, COURSE_SECONDS)) {
        timed += count;
    } else if (str_eq(word, STR("spent"))) {
        spent += count;
    } else {
        saved += count;
    }
}

static void start(void)
{
    toll = calloc(1, sizeof(*toll));
    toll_init(toll, see, NULL);
    list = watchlist_new(STR("m"));
    outcomes = timed = spent = saved = lines = 0;
}

static void stop(void)
{
    toll_deinit(toll);
    free(toll);
    watchlist_unref(list);
}

TestSuite(toll, .init = start, .fini = stop, .timeout = 20);

static const uint8_t nowhere[SEGMENT_MOST];

static struct watch_end end(const char *version)
{
    return (struct watch_end){ .list = list,
                               .version = str_of(version),
                               .segments = nowhere,
                               .outcome = WATCH_OK,
                               .total_us = 5000 };
}

static void add(struct watch_end e)
{
    toll_add(toll, &e, 7);
}

static void tell(void)
{
    cr_assert(toll_tell(toll, TOLL_SETS, 7));
}

Test(toll, requests_of_one_series_are_told_as_one)
{
    add(end("v"));
    add(end("v"));
    tell();
    cr_assert_eq(outcomes, 2);
    cr_assert_eq(timed, 2);
    cr_assert_eq(lines, 1);
}

Test(toll, what_was_told_is_not_told_again)
{
    add(end("v"));
    tell();
    tell();
    cr_assert_eq(outcomes, 1);
}

Test(toll, another_minute_tells_the_one_before)
{
    struct watch_end e = end("v");

    add(e);
    toll_add(toll, &e, 8);
    cr_assert_eq(outcomes, 1);
    cr_assert_eq(minute, 7);
}

Test(toll, who_was_refused_or_left_was_not_timed)
{
    struct watch_end e = end("");

    e.outcome = WATCH_REJECTED;
    add(e);
    e.outcome = WATCH_CLIENT_CANCEL;
    add(e);
    tell();
    cr_assert_eq(outcomes, 2);
    cr_assert_eq(timed, 0);
}

Test(toll, fractions_of_a_microdollar_add_up)
{
    struct watch_end e = end("v");

    e.cost_usd = 0.0000004;
    for (unsigned i = 0; i < 5; i++) {
        add(e);
        tell();
    }
    cr_assert_eq(spent, 2);
}

Test(toll, what_was_saved_is_told)
{
    struct watch_end e = end("v");

    e.saved_microusd = 12;
    add(e);
    add(e);
    tell();
    cr_assert_eq(saved, 24);
}

Test(toll, nothing_is_lost_when_there_are_more_series_than_lines)
{
    for (unsigned i = 0; i < 3000; i++) {
        char version[16];

        (void)snprintf(version, sizeof(version), "v%u", i);
        add(end(version));
    }
    tell();
    cr_assert_eq(outcomes, 3000);
}

Test(toll, it_may_be_told_piece_by_piece)
{
    add(end("v"));
    cr_assert_not(toll_tell(toll, TOLL_SETS / 2, 7));
    cr_assert(toll_tell(toll, TOLL_SETS / 2, 7));
    cr_assert_eq(outcomes, 1);
}
