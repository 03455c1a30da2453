/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

/* What is made of each kind of entry: it takes all numbers out and compares them with ours. */
typedef void vectors_fn(json_t *entry);

/* Distances, their tests and their noise. */
vectors_fn vectors_distances, vectors_smoothing, vectors_ks_of_values, vectors_wasserstein,
    vectors_noise, vectors_chi2, vectors_kolmogorov;

/* Detectors: ours, and what others use. */
vectors_fn vectors_page_hinkley, vectors_adwin, vectors_bernoulli, vectors_e_process,
    vectors_sr, vectors_up, vectors_down, vectors_tempered, vectors_tick_mean, vectors_factor,
    vectors_merge;

/* Bounds, intervals, thresholds, buckets. */
vectors_fn vectors_bounds, vectors_tolerance, vectors_delay, vectors_intervals,
    vectors_threshold, vectors_bucket, vectors_quantile;
