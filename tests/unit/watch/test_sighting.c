/* SPDX-License-Identifier: Apache-2.0 */
#include "sighting.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct sightings s;

static void stop(void)
{
    sightings_deinit(&s);
}

TestSuite(sighting, .fini = stop, .timeout = 10);

static struct str see(uint64_t minute, uint64_t histogram, unsigned name)
{
    static char text[32];

    (void)snprintf(text, sizeof(text), "fp_%u", name);
    return sighting_word(&s, minute, histogram, str_of(text));
}

Test(sighting, a_name_counts_as_itself)
{
    cr_assert(str_eq(see(1, 7, 1), STR("fp_1")));
    cr_assert(str_eq(see(1, 7, 1), STR("fp_1")));
}

Test(sighting, beyond_so_many_names_of_a_minute_they_are_others)
{
    for (unsigned k = 0; k < SIGHTING_NAMES; k++)
        (void)see(1, 7, k);
    cr_assert(str_eq(see(1, 7, 1000), STR("other")));
    cr_assert(str_eq(see(1, 7, 3), STR("fp_3")));
    cr_assert(str_eq(see(1, 8, 1000), STR("fp_1000")));
    cr_assert(str_eq(see(2, 7, 1000), STR("fp_1000")));
}

Test(sighting, beyond_so_many_histograms_nothing_is_counted)
{
    for (uint64_t k = 0; k < SIGHTING_HISTOGRAMS; k++)
        cr_assert(see(1, k, 1).at);
    cr_assert_not(see(1, SIGHTING_HISTOGRAMS, 1).at);
}
