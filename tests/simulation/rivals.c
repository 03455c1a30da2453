/* SPDX-License-Identifier: Apache-2.0 */
#include "rivals.h"

#include "weir/stats/distance.h"

#include <math.h>

bool rivals_psi(const uint64_t *reference, const uint64_t *window, size_t bins)
{
    return distance_psi(reference, window, bins, DISTANCE_HALF) > .1;
}

bool rivals_chi2(const uint64_t *reference, const uint64_t *window, size_t bins)
{
    return distance_chi2(reference, window, bins).p < .05;
}

double rivals_sigma_limit(const uint64_t *reference, const uint64_t *chunks, size_t count,
                          size_t bins)
{
    double sum = 0, squares = 0, mean;

    for (size_t i = 0; i < count; i++) {
        double d = distance_js_distance_bits(reference, chunks + i * bins, bins);

        sum += d;
        squares += d * d;
    }
    mean = sum / (double)count;
    return mean + 3 * sqrt(fmax(0, squares / (double)count - mean * mean));
}

bool rivals_sigma(const uint64_t *reference, const uint64_t *window, size_t bins, double limit)
{
    return distance_js_distance_bits(reference, window, bins) > limit;
}

bool rivals_page_hinkley(struct rivals_page_hinkley *p, double value)
{
    p->mean += (value - p->mean) / (double)(p->n + 1);
    p->sum = fmax(0, p->alpha * p->sum + value - p->mean - p->delta);
    p->n++;
    if (p->n + 1 < p->least || p->sum < p->lambda)
        return false;
    p->n = 0;
    p->mean = p->sum = 0;
    return true;
}

double rivals_adwin_cut(double n0, double n1, double variance, double width, double delta)
{
    const double least = 5;
    double parts = 1 / (n0 - least + 1) + 1 / (n1 - least + 1);
    double log_term = log(2 * log(width) / delta);

    return sqrt(2 * parts * variance * log_term) + 2. / 3 * parts * log_term;
}
