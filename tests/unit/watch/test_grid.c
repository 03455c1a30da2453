/* SPDX-License-Identifier: Apache-2.0 */
#include "grid.h"
#include "weir/watch/prediction.h"

#include <criterion/criterion.h>
#include <math.h>

TestSuite(grid, .timeout = 30);

Test(grid, its_words_are_64_at_most)
{
    cr_assert_leq(GRID_COUNT + 1, 64);
}

Test(grid, its_edges_rise_and_its_words_say_them)
{
    double edge;

    for (size_t i = 0; i < GRID_COUNT; i++) {
        cr_assert(grid_reads(grid_words[i], &edge));
        cr_assert_eq(edge, grid_edges[i]);
        cr_assert(i == 0 || edge > grid_edges[i - 1]);
    }
    cr_assert(grid_reads(grid_words[GRID_COUNT], &edge));
    cr_assert_eq(edge, HUGE_VAL);
}

Test(grid, other_words_are_none_of_it)
{
    double edge;

    cr_assert_not(grid_reads(STR("le_0.5"), &edge));
    cr_assert_not(grid_reads(STR("upto_now"), &edge));
    cr_assert_not(grid_reads(STR("upto_"), &edge));
}

Test(grid, the_edge_below_is_told_as_it_is_written)
{
    struct str text;

    cr_assert(grid_below(.5, &text) && str_eq(text, STR("0.45")));
    cr_assert(grid_below(HUGE_VAL, &text) && str_eq(text, STR("1000000")));
    cr_assert_not(grid_below(-1000000, &text));
}

Test(grid, a_number_without_bins_is_counted_by_it)
{
    struct prediction p = { .kind = PREDICTION_NUMBER, .from = STR("/score") };

    prediction_complete(&p);
    cr_assert(str_eq(prediction_value(&p, STR("{\"score\":0.42}")), STR("upto_0.45")));
    cr_assert(str_eq(prediction_value(&p, STR("{\"score\":-3e9}")), STR("upto_-1000000")));
    cr_assert(str_eq(prediction_value(&p, STR("{\"score\":1e7}")), STR("above_1000000")));
    cr_assert(str_eq(prediction_value(&p, STR("{}")), STR("missing")));
}
