/* SPDX-License-Identifier: Apache-2.0 */
#include "sprint.h"

#include <criterion/criterion.h>
#include <math.h>

static const struct stream_kind kind = { .bins = 5,
                                         .shares = { .82, .12, .045, .01, .005 },
                                         .rate = 60,
                                         .diurnal = true,
                                         .rho = .01 };

/* Compares with ecusum.h after each of many ticks, evidence and verdict. */
static void same_as_ecusum(const struct ecusum_rule *rule, double threshold)
{
    struct stream *stream = stream_new(&kind);
    struct sprint quick;
    struct ecusum e;
    struct dice dice;
    unsigned alarms = 0;

    ecusum_init(&e, rule->bins);
    sprint_init(&quick, rule, threshold);
    dice_init(&dice, 11, rule->unit);
    for (unsigned t = 0; t < 20000; t++) {
        uint64_t counts[STREAM_BINS], n = stream_tick(stream, &dice, t, counts);
        bool said = sprint_fold(&quick, n, counts);

        if (ecusum_fold(&e, rule, n, counts)) {
            double ln_m = ecusum_ln_m(&e, rule);

            cr_assert_float_eq(sprint_ln_m(&quick), ln_m, 1e-9);
            cr_assert_eq(said, ln_m >= threshold, "tick %u", t);
            alarms += said;
        } else {
            cr_assert_not(said);
        }
    }
    cr_assert_gt(alarms, 0, "a threshold so low that both sides of it are seen");
    stream_free(stream);
}

Test(sprint, it_says_what_ecusum_says, .timeout = 60)
{
    static const struct bound bounds[] = {
        { .8, .83 }, { .1, .13 }, { .04, .05 }, { 0, .011 }, { .004, .005 }
    };
    static const double thresholds[] = { 1.5, 3, 2 };
    struct ecusum_rule rule = { .bounds = bounds, .bins = 5, .phi = 1.7, .n_min = 50 };

    for (int unit = ECUSUM_TICK; unit <= ECUSUM_TEMPERED; unit++) {
        rule.unit = (enum ecusum_unit)unit;
        same_as_ecusum(&rule, thresholds[unit]);
    }
}
