/* SPDX-License-Identifier: Apache-2.0 */
#include "entry.h"

#include <criterion/criterion.h>
#include <math.h>

/* In JSON infinity is written null. */
static double as_number(const json_t *value)
{
    return json_is_null(value) ? HUGE_VAL : json_number_value(value);
}

double entry_take(json_t *entry, const char *key)
{
    json_t *value = json_object_get(entry, key);
    double number;

    cr_assert(value, "%s is missing", key);
    number = as_number(value);
    json_object_del(entry, key);
    return number;
}

size_t entry_take_numbers(json_t *entry, const char *key, double out[ENTRY_MOST])
{
    json_t *list = json_object_get(entry, key);
    size_t count = json_array_size(list);

    cr_assert(count > 0 && count <= ENTRY_MOST, "%s", key);
    for (size_t i = 0; i < count; i++)
        out[i] = as_number(json_array_get(list, i));
    json_object_del(entry, key);
    return count;
}

size_t entry_take_counts(json_t *entry, const char *key, uint64_t out[ENTRY_MOST])
{
    double numbers[ENTRY_MOST];
    size_t count = entry_take_numbers(entry, key, numbers);

    for (size_t i = 0; i < count; i++)
        out[i] = (uint64_t)numbers[i];
    return count;
}

/* A list of [count, n]. */
size_t entry_take_ticks(json_t *entry, uint64_t ticks[ENTRY_MOST][2])
{
    json_t *list = json_object_get(entry, "ticks");
    size_t count = json_array_size(list);

    cr_assert(count > 0 && count <= ENTRY_MOST);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < 2; j++)
            ticks[i][j] = (uint64_t)json_integer_value(
                json_array_get(json_array_get(list, i), j));
    json_object_del(entry, "ticks");
    return count;
}

void entry_is(json_t *entry, const char *key, double got)
{
    double want = entry_take(entry, key);

    if (isinf(want))
        cr_assert(isinf(got), "%s: %.17g", key, got);
    else
        cr_assert_float_eq(got, want, 1e-9, "%s: %.17g is not %.17g", key, got, want);
}

void entry_are(json_t *entry, const char *key, const double *got, size_t count)
{
    double want[ENTRY_MOST];

    cr_assert_eq(entry_take_numbers(entry, key, want), count, "%s", key);
    for (size_t i = 0; i < count; i++)
        cr_assert_float_eq(got[i], want[i], 1e-9, "%s[%zu]: %.17g", key, i, got[i]);
}
