/* SPDX-License-Identifier: Apache-2.0 */
#include "tally.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct tally tally;

static void start(void)
{
    tally_init(&tally);
}

static void stop(void)
{
    tally_deinit(&tally);
}

TestSuite(tally, .init = start, .fini = stop, .timeout = 20);

static struct tally_key key(const char *value, uint64_t minute)
{
    return (struct tally_key){ .model = STR("m"),
                               .version = STR("v"),
                               .prediction = STR("p"),
                               .value = str_of(value),
                               .source = WATCH_FRESH,
                               .minute = minute };
}

static bool add(const char *value, uint64_t minute)
{
    struct tally_key k = key(value, minute);

    return tally_add(&tally, &k, 1);
}

/* Cells by their number. */
static bool add_number(unsigned n)
{
    char value[16];

    (void)snprintf(value, sizeof(value), "%u", n);
    return add(value, n % 3);
}

Test(tally, what_is_counted_again_has_one_cell)
{
    cr_assert(add("yes", 1));
    cr_assert(add("yes", 1));
    cr_assert(add("no", 1));
    cr_assert_eq(tally.count, 2);
    cr_assert_eq(tally.cells[0].count, 2);
    cr_assert_eq(tally.cells[1].count, 1);
}

Test(tally, every_part_of_a_key_makes_another_cell)
{
    struct tally_key k = key("yes", 1), other;

    cr_assert(tally_add(&tally, &k, 1));
    cr_assert((other = k, other.minute = 2, tally_add(&tally, &other, 1)));
    cr_assert((other = k, other.source = WATCH_CACHED, tally_add(&tally, &other, 1)));
    cr_assert((other = k, other.model = STR("n"), tally_add(&tally, &other, 1)));
    cr_assert((other = k, other.version = STR("n"), tally_add(&tally, &other, 1)));
    cr_assert((other = k, other.prediction = STR("n"), tally_add(&tally, &other, 1)));
    cr_assert((other = k, other.value = STR("n"), tally_add(&tally, &other, 1)));
    cr_assert((other = k, other.segment = STR("n"), tally_add(&tally, &other, 1)));
    cr_assert_eq(tally.count, 8);
}

Test(tally, names_that_run_together_are_different_cells)
{
    struct tally_key k = key("", 1);

    k.model = STR("ab");
    k.version = STR("");
    cr_assert(tally_add(&tally, &k, 1));
    k.model = STR("a");
    k.version = STR("b");
    cr_assert(tally_add(&tally, &k, 1));
    k.model = STR("");
    k.version = STR("ab");
    cr_assert(tally_add(&tally, &k, 1));
    cr_assert_eq(tally.count, 3);
}

Test(tally, names_are_copied_with_all_their_bytes)
{
    char value[] = "a\0b";
    struct tally_key k = key("", 1);

    k.value = (struct str){ value, 3 };
    cr_assert(tally_add(&tally, &k, 1));
    memset(value, '#', sizeof(value));
    cr_assert(str_eq(tally.cells[0].key.value, STR("a\0b")));
}

Test(tally, cells_are_bounded_and_what_is_known_still_counts)
{
    for (unsigned n = 0; n < TALLY_CELLS; n++)
        cr_assert(add_number(n));
    cr_assert_not(add_number(TALLY_CELLS));
    cr_assert_not(add_number(TALLY_CELLS));
    cr_assert_eq(tally.count, TALLY_CELLS);
    for (unsigned n = 0; n < TALLY_CELLS; n++) {
        cr_assert(add_number(n));
        cr_assert_eq(tally.cells[n].count, 2);
    }
}

Test(tally, bytes_are_bounded_and_what_fits_still_comes_in)
{
    char *large = malloc(TALLY_TEXT_BYTES);
    struct tally_key k = key("", 1);

    memset(large, 'x', TALLY_TEXT_BYTES);
    k.value = (struct str){ large, TALLY_TEXT_BYTES };
    cr_assert_not(tally_add(&tally, &k, 1));
    cr_assert_not(tally_add(&tally, &k, 1));
    cr_assert_eq(tally.count, 0);
    cr_assert(add("yes", 1));
    cr_assert_eq(tally.count, 1);
    free(large);
}

Test(tally, sorting_puts_the_cells_of_a_histogram_side_by_side)
{
    unsigned parts = 1;

    for (unsigned n = 0; n < 300; n++)
        cr_assert(add_number(n));
    tally_sort(&tally);
    for (size_t i = 1; i < tally.count; i++)
        parts += !tally_same_histogram(&tally.cells[i - 1].key, &tally.cells[i].key);
    cr_assert_eq(parts, 3);
}

Test(tally, grouping_does_so_too)
{
    unsigned parts = 1;

    for (unsigned n = 0; n < 300; n++)
        cr_assert(add_number(n));
    tally_group(&tally);
    for (size_t i = 1; i < tally.count; i++)
        parts += !tally_same_histogram(&tally.cells[i - 1].key, &tally.cells[i].key);
    cr_assert_eq(parts, 3);
}

Test(tally, sources_of_a_minute_are_histograms_of_their_own)
{
    struct tally_key a = key("yes", 1), b = key("no", 1);

    cr_assert(tally_same_histogram(&a, &b));
    b.source = WATCH_COALESCED;
    cr_assert_not(tally_same_histogram(&a, &b));
}

Test(tally, nothing_can_be_sorted_and_reset)
{
    tally_sort(&tally);
    tally_reset(&tally);
    cr_assert_eq(tally.count, 0);
    cr_assert(add("yes", 1));
}

Test(tally, after_a_reset_all_its_room_is_there_again)
{
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned n = 0; n < TALLY_CELLS; n++)
            cr_assert(add_number(n));
        cr_assert_not(add_number(TALLY_CELLS));
        tally_sort(&tally);
        tally_reset(&tally);
    }
    cr_assert(add_number(0));
    cr_assert_eq(tally.cells[0].count, 1);
}
