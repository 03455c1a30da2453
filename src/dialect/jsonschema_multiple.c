/* SPDX-License-Identifier: Apache-2.0 */
#include "jsonschema_check.h"

#include "number.h"

/*
 * Is a number a multiple of another? By their exact decimal values: 19.99 is one of 0.01, which
 * it is not for doubles. With both as whole digits and a power of ten, and no zeros at the end,
 *
 *     A * 10^a / (B * 10^b)
 *
 * is whole if a >= b and B divides A * 10^(a-b); with a < b it cannot be, since 10 does not
 * divide A.
 */

enum { STEP_DIGITS = 9 }; /* so that the product of two remainders fits */

static uint64_t digit_at(const struct number *n, size_t i)
{
    char c = i < n->head.len ? n->head.at[i] : n->tail.at[i - n->head.len];

    return (uint64_t)(c - '0');
}

static uint64_t digits_rest(const struct number *n, uint64_t of)
{
    uint64_t rest = 0;

    for (size_t i = 0; i < n->digits; i++)
        rest = (rest * 10 + digit_at(n, i)) % of;
    return rest;
}

static uint64_t power_rest(long exponent, uint64_t of)
{
    uint64_t rest = 1 % of, square = 10 % of;

    for (; exponent > 0; exponent /= 2) {
        if (exponent % 2 == 1)
            rest = rest * square % of;
        square = square * square % of;
    }
    return rest;
}

static long exponent_of(const struct number *n)
{
    return n->point - (long)n->digits;
}

bool jsonschema_multiple_is_step(struct str text)
{
    struct number n;

    number_read(&n, text);
    return !n.huge_exponent && !n.negative && n.digits > 0 && n.digits <= STEP_DIGITS;
}

bool jsonschema_multiple_is_known(struct str text)
{
    struct number n;

    number_read(&n, text);
    return !n.huge_exponent;
}

bool jsonschema_multiple(struct str text, struct str step)
{
    struct number value, by;
    uint64_t of = 0;
    long exponent;

    number_read(&value, text);
    number_read(&by, step);
    if (value.digits == 0)
        return true;
    exponent = exponent_of(&value) - exponent_of(&by);
    if (exponent < 0)
        return false;
    for (size_t i = 0; i < by.digits; i++)
        of = of * 10 + digit_at(&by, i);
    return digits_rest(&value, of) * power_rest(exponent, of) % of == 0;
}
