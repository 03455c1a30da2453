/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/stats/ecusum.h"
#include "weir/watch/baseline.h"

#include "window.h"

/*
 * Has this histogram left its baseline? A pure fold over ticks in their order: whoever folds
 * the same ticks, at once or after a restart from the text of a state, has the same state, and
 * finds the same tick to alarm at.
 *
 * Two kinds of evidence run side by side (ecusum.h):
 *   confirmed  by tick means, which holds the promise however answers within a tick hang together
 *   suspected  by answers, tempered by the variance that the baseline's ticks showed: quicker,
 *              and without a promise; not there when the baseline had too few ticks to say
 *
 * Against a control (baseline.h) the same two, by contrast.h, of ticks in which both answered.
 *
 * Crossing the threshold latches: the evidence begins anew at 1, and nothing more is raised
 * until it has stayed below a third of the threshold for as many steps as the change took to
 * be noticed, sixty at least. A step is a tick, or as many ticks as it takes to have step_n
 * answers. A tick without answers is no step: an idle model neither alarms nor recovers.
 */

enum drift_verdict {
    DRIFT_NO_BASELINE,
    DRIFT_INSUFFICIENT_DATA,
    DRIFT_OK,
    DRIFT_SUSPECTED,
    DRIFT_CONFIRMED
};

enum drift_turn { DRIFT_STAYED, DRIFT_SUSPICION, DRIFT_ALARM, DRIFT_OVER };

enum {
    DRIFT_STEP_N = 50,     /* answers that one step has at least */
    DRIFT_DAY = 1440,      /* ticks that a verdict looks back */
    DRIFT_LEAST_N = 200,   /* answers in them, or ten a bin, below which nothing is said */
    DRIFT_LEAST_HOLD = 60, /* steps */
    DRIFT_MOST_HOLD = 1440,
};

enum drift_latched { LATCHED_NOT, LATCHED_SUSPECTED, LATCHED_CONFIRMED };

struct drift_latch {
    enum drift_latched on;
    uint64_t tick;  /* of the crossing that raised it */
    uint64_t since; /* the tick where the change began, as far as can be told */
    uint64_t hold;  /* calm steps until it is over */
    uint64_t calm;  /* of which so many have passed */
};

struct drift {
    const struct baseline *baseline; /* lent */
    struct ecusum confirmed;
    struct ecusum suspected;
    struct window window;
    struct window against; /* of the control, in the same ticks; else empty */
    struct drift_latch latch;
    uint64_t held_from; /* by the hour: the first tick that is not yet part of a step */
};

void drift_init(struct drift *d, const struct baseline *baseline);
void drift_deinit(struct drift *d);

/* Ticks rise; `threshold` is ln c. *score: the evidence over it that this tick was judged by. */
struct drift_tick {
    uint64_t tick;
    const struct counts *counts;
    const struct counts *control; /* what the control said meanwhile; NULL: there is none */
    uint32_t meaning;             /* of the counts (meaning.h); 0: not known */
    bool mixed;                   /* some of them have another one: no evidence of anything */
};
enum drift_turn drift_fold(struct drift *d, double threshold, const struct drift_tick *t,
                           double *score);

double drift_score(const struct drift *d, double threshold); /* of confirmed; at least 0 */
enum drift_verdict drift_verdict(const struct drift *d, uint64_t now_tick);
const char *drift_word(enum drift_verdict v); /* "insufficient_data" */

/* What stood before, by bins: of the hours, or of the control, from `from` on. */
void drift_before(const struct drift *d, uint64_t from, uint64_t before[ECUSUM_BINS]);

/* Five lines, one more by the hour, two more against a control; reading refuses what drift_put() cannot have written for this baseline. */
void drift_put(const struct drift *d, struct buf *out);
bool drift_read(struct drift *d, const struct baseline *baseline, struct str *lines);
