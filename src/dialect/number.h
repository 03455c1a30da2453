/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

/*
 * A JSON number's exact value from its source text, without a double in between: 1, 1.0, 10e-1
 * are one, 0.1000000000000000055 stays what it is, and 1e400 is no infinity.
 */
struct number {
    bool negative;
    bool
        huge_exponent; /* beyond any sense: the text stands for itself, other fields are unset */
    struct str head;   /* the significant digits lie in these two runs, ... */
    struct str tail;
    size_t digits;      /* ... this many of them, first and last not 0; none: it is zero */
    long point;         /* value = 0.DIGITS * 10^point */
    bool plain_integer; /* written without fraction and exponent */
};

void number_read(struct number *n, struct str text);

/* Is the value exactly this digit (0 to 9)? */
bool number_is(struct str text, unsigned digit);

/* Is it an integer, however it is written: 1, 1.0, 10e-1? */
bool number_is_whole(struct str text);

/* By their exact values: below 0, 0, or above it. */
int number_compare(struct str a, struct str b);

/* An integer, as written, that no 64-bit signed integer holds. */
bool number_is_big(const struct number *n);

/* The longest text that number_put can make of `text`. */
size_t number_room(struct str text);

/* Writes the one form of its value and returns the length. */
size_t number_put(char *out, struct str text);
