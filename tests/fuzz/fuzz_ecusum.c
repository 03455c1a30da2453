/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text of a detector's state. Behind a '+' it lacks its checksum, which is put there, so that
 * the fuzzer comes past it; behind anything else it is read as it is. What is refused leaves
 * the state alone. What is read is written again as the same text, and can be folded on: a
 * state from a store must not make evidence out of nothing, or a number that is none.
 */
#include "weir/base/buf.h"
#include "weir/base/ensure.h"
#include "weir/stats/ecusum.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ANSWERS = 100 };

static uint64_t checksum(struct str text)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < text.len; i++)
        sum = (sum ^ (unsigned char)text.at[i]) * UINT64_C(0x100000001b3);
    return sum;
}

static void check_refused(const struct ecusum *e)
{
    struct ecusum untouched;

    ecusum_init(&untouched, 2);
    ensure(ecusum_equal(e, &untouched));
}

static void fold_on(struct ecusum *e)
{
    struct bound bounds[ECUSUM_BINS];
    uint64_t counts[ECUSUM_BINS] = { 0 };
    struct ecusum_rule rule = { .bounds = bounds, .bins = e->bins, .n_min = 50 };

    for (size_t k = 0; k < e->bins; k++)
        bounds[k] = (struct bound){ .lower = .25, .upper = .5 };
    counts[0] = ANSWERS;
    (void)!ecusum_fold(e, &rule, ANSWERS, counts);
    ensure(!isnan(ecusum_ln_m(e, &rule)));
    ensure(ecusum_driver(e, &rule).bin < e->bins);
}

static void check_read(struct ecusum *e, struct str text)
{
    struct buf again = { 0 };

    ensure(e->bins >= 1 && e->bins <= ECUSUM_BINS);
    ecusum_put(e, &again);
    ensure(str_eq(buf_str(&again), text));
    buf_deinit(&again);
    fold_on(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf text = { 0 };
    struct ecusum e;

    if (size == 0)
        return 0;
    buf_put(&text, (struct str){ (const char *)data + 1, size - 1 });
    if (data[0] == '+')
        buf_put_printf(&text, "%016" PRIx64, checksum(buf_str(&text)));
    ecusum_init(&e, 2);
    if (ecusum_read(&e, buf_str(&text)))
        check_read(&e, buf_str(&text));
    else
        check_refused(&e);
    buf_deinit(&text);
    return 0;
}
