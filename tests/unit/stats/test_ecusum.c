/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/stats/ecusum.h"

#include <criterion/criterion.h>
#include <math.h>

static const struct bound up_8_percent = { .lower = 0, .upper = .08 };
static const struct bound down_62_percent = { .lower = .62, .upper = 1 };

/* One bin, watched in one direction. */
static struct ecusum_rule rule_of(const struct bound *bound, enum ecusum_unit unit)
{
    return (struct ecusum_rule){ .bounds = bound, .bins = 1, .unit = unit, .phi = 2 };
}

/* Folds ticks of 100 and compares ln M after each. */
static void folds_to(const struct ecusum_rule *rule, const uint64_t *counts, const double *ln_m,
                     size_t ticks)
{
    struct ecusum e;

    ecusum_init(&e, 1);
    for (size_t t = 0; t < ticks; t++) {
        cr_assert(ecusum_fold(&e, rule, 100, &counts[t]));
        cr_assert_float_eq(ecusum_ln_m(&e, rule), ln_m[t], 1e-9, "tick %zu: %.12g", t,
                           ecusum_ln_m(&e, rule));
    }
    cr_assert_eq(e.ticks, ticks);
}

static const uint64_t rising[] = { 5, 6, 12, 15, 14 };

Test(ecusum, per_answer_it_gives_the_vectors, .timeout = 5)
{
    static const double ln_m[] = { -2.3257960036, -2.0383711713, .0998839705, 2.3523024109,
                                   4.1187148044 };
    struct ecusum_rule rule = rule_of(&up_8_percent, ECUSUM_REQUEST);

    folds_to(&rule, rising, ln_m, 5);
}

Test(ecusum, downwards_it_gives_the_vectors, .timeout = 5)
{
    static const uint64_t falling[] = { 70, 66, 50, 48 };
    static const double ln_m[] = { -4.1160657436, -3.1656170715, 1.8339858476, 5.4140391811 };
    struct ecusum_rule rule = rule_of(&down_62_percent, ECUSUM_REQUEST);

    folds_to(&rule, falling, ln_m, 4);
}

Test(ecusum, tempered_it_gives_the_vectors, .timeout = 5)
{
    static const double ln_m[] = { -1.637507576, -1.4643329052, -.2157541879, .9311239943,
                                   1.7267493687 };
    struct ecusum_rule rule = rule_of(&up_8_percent, ECUSUM_TEMPERED);

    folds_to(&rule, rising, ln_m, 5);
}

Test(ecusum, by_ticks_it_gives_the_vectors, .timeout = 5)
{
    static const double ln_m[] = { -.1032793495, -.0676544818, .1229548241, .3520518782,
                                   .5860206287 };
    struct ecusum_rule rule = rule_of(&up_8_percent, ECUSUM_TICK);

    folds_to(&rule, rising, ln_m, 5);
}

Test(ecusum, one_factor_is_that_of_the_vectors, .timeout = 5)
{
    cr_assert_float_eq(ecusum_likelihood(1, 1, .08, 2), .616186139424, 1e-12);
    cr_assert_float_eq(ecusum_likelihood(0, 1, .08, 2), -.0769610411361, 1e-12);
}

Test(ecusum, thresholds_are_those_of_the_vectors, .timeout = 5)
{
    cr_assert_float_eq(ecusum_threshold(43200, 1, .05), 13.669328047786193, 1e-9);
    cr_assert_float_eq(ecusum_threshold(43200, 50, .05), 17.581351053214338, 1e-9);
    cr_assert_float_eq(ecusum_threshold(43200, 2000, .05), 21.270230507328275, 1e-9);
    cr_assert_float_eq(ecusum_threshold(129600, 2000, .01), 23.978280708430486, 1e-9);
}

static const struct bound five_bounds[] = { { .777969087, .855706495 },
                                            { .093521421, .152442819 },
                                            { .032585686, .061483205 },
                                            { .006008805, .016119187 },
                                            { .002583580, .009087418 } };

static struct ecusum_rule five_bins(enum ecusum_unit unit)
{
    return (struct ecusum_rule){ .bounds = five_bounds, .bins = 5, .unit = unit, .phi = 1.5 };
}

Test(ecusum, two_replicas_of_a_tick_are_one, .timeout = 5)
{
    static const uint64_t halves[][5] = { { 82, 11, 5, 1, 1 }, { 79, 13, 6, 1, 1 } };
    uint64_t whole[5];

    for (size_t k = 0; k < 5; k++)
        whole[k] = halves[0][k] + halves[1][k];
    for (enum ecusum_unit unit = ECUSUM_TICK; unit <= ECUSUM_TEMPERED; unit++) {
        struct ecusum_rule rule = five_bins(unit);
        struct ecusum one, two;

        rule.n_min = 200;
        ecusum_init(&one, 5);
        ecusum_init(&two, 5);
        cr_assert(ecusum_fold(&one, &rule, 200, whole));
        cr_assert_not(ecusum_fold(&two, &rule, 100, halves[1]));
        cr_assert(ecusum_fold(&two, &rule, 100, halves[0]));
        cr_assert(ecusum_equal(&one, &two));
    }
}

Test(ecusum, likelihoods_of_parts_add_up, .timeout = 5)
{
    cr_assert_float_eq(ecusum_likelihood(11, 200, .08, 3),
                       ecusum_likelihood(5, 100, .08, 3) + ecusum_likelihood(6, 100, .08, 3),
                       1e-12);
}

Test(ecusum, an_idle_stream_never_alarms, .timeout = 10)
{
    static const uint64_t none[5];
    struct ecusum_rule rule = five_bins(ECUSUM_TICK);
    struct ecusum e, fresh;

    ecusum_init(&e, 5);
    ecusum_init(&fresh, 5);
    for (int t = 0; t < 100000; t++)
        cr_assert_not(ecusum_fold(&e, &rule, 0, none));
    cr_assert(ecusum_equal(&e, &fresh));
    cr_assert_eq(ecusum_ln_m(&e, &rule), 0);
}

Test(ecusum, few_answers_wait_for_the_next_tick, .timeout = 5)
{
    static const uint64_t seven[] = { 6, 1, 0, 0, 0 }, rest[] = { 40, 3, 0, 0, 0 };
    struct ecusum_rule rule = five_bins(ECUSUM_TICK);
    struct ecusum e;

    rule.n_min = 50;
    ecusum_init(&e, 5);
    cr_assert_not(ecusum_fold(&e, &rule, 7, seven));
    cr_assert_eq(e.held_n, 7);
    cr_assert_eq(e.held[0], 6);
    cr_assert_eq(ecusum_ln_m(&e, &rule), 0);
    cr_assert(ecusum_fold(&e, &rule, 43, rest));
    cr_assert_eq(e.held_n, 0);
    cr_assert_eq(e.held[0], 0);
    cr_assert_eq(e.ticks, 1);
}

Test(ecusum, after_a_reset_the_evidence_is_gone_and_what_waits_is_not, .timeout = 5)
{
    static const uint64_t many[] = { 10, 10, 60, 10, 10 }, few[] = { 1, 0, 0, 0, 0 };
    struct ecusum_rule rule = five_bins(ECUSUM_TICK);
    struct ecusum e;

    rule.n_min = 50;
    ecusum_init(&e, 5);
    cr_assert(ecusum_fold(&e, &rule, 100, many));
    cr_assert_not(ecusum_fold(&e, &rule, 1, few));
    cr_assert_gt(ecusum_ln_m(&e, &rule), 0);
    ecusum_reset(&e);
    cr_assert_eq(ecusum_ln_m(&e, &rule), 0);
    cr_assert_eq(e.ticks, 0);
    cr_assert_eq(e.held_n, 1);
}

Test(ecusum, what_was_never_seen_is_noticed_when_it_comes, .timeout = 5)
{
    static const uint64_t reference[] = { 6000, 4000, 0 }, after[] = { 30, 24, 6 };
    double threshold = ecusum_threshold(43200, 50, .05);
    struct bound bounds[3];
    struct ecusum_rule rule = { .bounds = bounds, .bins = 3, .unit = ECUSUM_TICK };
    struct ecusum e;
    int ticks = 0;

    bound_find(bounds, reference, 3, .01, 1.2);
    ecusum_init(&e, 3);
    while (ecusum_ln_m(&e, &rule) < threshold && ++ticks < 100)
        cr_assert(ecusum_fold(&e, &rule, 60, after));
    cr_assert_leq(ticks, 6);
    cr_assert_eq(ecusum_driver(&e, &rule).bin, 2);
    cr_assert(ecusum_driver(&e, &rule).up);
}

Test(ecusum, what_was_never_seen_and_stays_away_is_no_evidence, .timeout = 10)
{
    static const uint64_t reference[] = { 6000, 4000, 0 }, after[] = { 36, 24, 0 };
    struct bound bounds[3];
    struct ecusum_rule rule = { .bounds = bounds, .bins = 3, .unit = ECUSUM_TICK };
    struct ecusum e;

    bound_find(bounds, reference, 3, .01, 1.2);
    ecusum_init(&e, 3);
    for (int t = 0; t < 43200; t++)
        cr_assert(ecusum_fold(&e, &rule, 60, after));
    cr_assert_lt(ecusum_ln_m(&e, &rule), 0);
    for (unsigned j = ECUSUM_STAKES; j < ECUSUM_PER_BIN; j++)
        cr_assert_eq(e.ln_m[2][j], 0, "below nothing there is nothing");
}

Test(ecusum, bounds_that_allow_everything_never_alarm, .timeout = 5)
{
    static const struct bound all = { .lower = 0, .upper = 1 };
    static const uint64_t counts[] = { 0, 100, 3 };
    struct ecusum_rule rule = rule_of(&all, ECUSUM_TICK);
    struct ecusum e;

    ecusum_init(&e, 1);
    for (size_t t = 0; t < 3; t++)
        cr_assert(ecusum_fold(&e, &rule, 100, &counts[t]));
    cr_assert_eq(ecusum_ln_m(&e, &rule), 0);
    cr_assert_eq(ecusum_driver(&e, &rule).weight, 0);
}

Test(ecusum, the_driver_names_bin_and_direction, .timeout = 5)
{
    static const uint64_t more[] = { 66, 12, 20, 1, 1 }, less[] = { 81, 3, 14, 1, 1 };
    struct ecusum_rule rule = five_bins(ECUSUM_REQUEST);
    struct ecusum_driver driver;
    struct ecusum e;

    ecusum_init(&e, 5);
    cr_assert(ecusum_fold(&e, &rule, 100, more));
    driver = ecusum_driver(&e, &rule);
    cr_assert_eq(driver.bin, 2);
    cr_assert(driver.up);
    cr_assert_gt(driver.weight, .9);
    cr_assert_leq(driver.weight, 1);
    ecusum_reset(&e);
    rule.bounds = (const struct bound[]){
        five_bounds[0], five_bounds[1], { 0, .5 }, five_bounds[3], five_bounds[4]
    };
    cr_assert(ecusum_fold(&e, &rule, 100, less));
    driver = ecusum_driver(&e, &rule);
    cr_assert_eq(driver.bin, 1);
    cr_assert_not(driver.up);
}

Test(ecusum, huge_evidence_stays_finite, .timeout = 5)
{
    static const uint64_t all[] = { 0, 0, 0, 0, 1000000 };
    struct ecusum_rule rule = five_bins(ECUSUM_REQUEST);
    struct ecusum e;

    ecusum_init(&e, 5);
    for (int t = 0; t < 1000; t++)
        cr_assert(ecusum_fold(&e, &rule, 1000000, all));
    cr_assert(isfinite(ecusum_ln_m(&e, &rule)));
    cr_assert_gt(ecusum_ln_m(&e, &rule), 1e9);
}

/* By hand: M <- max(M, 1) * (1 + (f/U)(x - U)), without logarithms. */
Test(ecusum, logarithms_are_those_of_plain_products, .timeout = 5)
{
    static const double stakes[] = { .02, .05, .1, .2, .4, .8 };
    struct ecusum_rule rule = rule_of(&up_8_percent, ECUSUM_TICK);
    struct ecusum e;
    double m[6] = { 1, 1, 1, 1, 1, 1 };
    uint64_t seed = 1;

    ecusum_init(&e, 1);
    for (int t = 0; t < 1000; t++) {
        uint64_t count = (seed = seed * UINT64_C(6364136223846793005) + 1) >> 60;
        double sum = 0;

        for (int j = 0; j < 6; j++) {
            m[j] = fmax(m[j], 1) * (1 + stakes[j] / .08 * ((double)count / 90 - .08));
            sum += m[j];
        }
        cr_assert(ecusum_fold(&e, &rule, 90, &count));
        cr_assert_float_eq(ecusum_ln_m(&e, &rule), log(sum / 6), 1e-9);
    }
}

Test(ecusum, a_larger_shift_is_noticed_sooner, .timeout = 5)
{
    double small = ecusum_delay(log(1e9), .1, .061169949519944575);

    cr_assert_float_eq(small, 1860.9, .2);
    cr_assert_lt(ecusum_delay(log(1e9), .2, .061169949519944575), small);
    cr_assert(isinf(ecusum_delay(10, .1, .1)));
    cr_assert_float_eq(ecusum_delay(10, 0, .5), 10 / log(2), 1e-12);
    cr_assert_float_eq(ecusum_delay(10, 1, .5), 10 / log(2), 1e-12);
}
