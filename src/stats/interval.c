/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/stats/interval.h"

#include "weir/base/ensure.h"
#include "weir/stats/special.h"

#include <math.h>

static const struct interval nothing_known = { .low = 0, .high = 1 };

struct interval interval_of_parts(double count, double n, double alpha)
{
    double without = n - count;
    struct interval i = nothing_known;

    ensure(count >= 0 && without >= 0 && alpha > 0 && alpha < 1);
    if (count > 0)
        i.low = special_beta_point(count, without + 1, alpha / 2);
    if (without > 0)
        i.high = 1 - special_beta_point(without, count + 1, alpha / 2);
    return i;
}

struct interval interval_clopper_pearson(uint64_t count, uint64_t n, double alpha)
{
    ensure(count <= n);
    return interval_of_parts((double)count, (double)n, alpha);
}

struct interval interval_wilson(uint64_t count, uint64_t n, double alpha)
{
    double z, share, divisor, middle, half;

    ensure(count <= n && alpha > 0 && alpha < 1);
    if (n == 0)
        return nothing_known;
    z = special_normal_point(1 - alpha / 2);
    share = (double)count / (double)n;
    divisor = 1 + z * z / (double)n;
    middle = (share + z * z / (2 * (double)n)) / divisor;
    half = z / divisor *
           sqrt(share * (1 - share) / (double)n + z * z / (4 * (double)n * (double)n));
    return (struct interval){ .low = fmax(0, middle - half), .high = fmin(1, middle + half) };
}
