/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/watch/baseline.h"

/*
 * How much has changed, in words and numbers: what stands beside a verdict and never is one.
 *
 * Members of a JSON object, without its braces:
 *     "values":[{"value":"yes","before":0.045,"after":0.203,"before_count":90,"after_count":41}],
 *     "moved":[... at most three of those, the strongest first],
 *     "distances":{"psi":..,"psi_floor":..,"psi_excess":..,"js_divergence_bits":..,...}
 * psi_floor is the PSI that chance alone exceeds in one of twenty comparisons of this size.
 * "ks" and "wasserstein" (in the numbers' own unit, bins taken at their upper edges) are null
 * where the values have no order; "floors" has for each what chance exceeds in one of twenty.
 */
struct effect {
    const struct baseline *baseline;
    const uint64_t *before, *after; /* by its bins */
};

void effect_put(const struct effect *e, struct buf *out);

/*
 * "refusal=yes 4.5 % → 20.3 %": what moved most; nothing where nothing moved. `names` has
 * counts by name of about the same time, which say what is behind an `other`: "intent=other
 * (complaint) 0.0 % → 31.2 %".
 */
void effect_put_sentence(const struct effect *e, const struct counts *names, struct buf *out);

/* "unseen":[{"value":"complaint","count":12}]: at most three values that the baseline lacks. */
void effect_put_unseen(const struct baseline *b, const struct counts *names, struct buf *out);
