/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dice.h"

#include <stddef.h>
#include <stdint.h>

/*
 * A law of whole numbers 0, 1, 2 and so on, drawn from by one throw and one look into a table
 * (Walker's alias method), true to 2^-64 of a cell. This is what makes a month of 43,200
 * minutes cost a few milliseconds: no minute is left out and none is approximated.
 */
struct law;

struct law *law_poisson(double mean);
/* Of n things, each of a kind whose share is itself drawn from Beta(a, b) for all n together. */
struct law *law_beta_binomial(uint32_t n, double a, double b);
void law_free(struct law *law);

uint32_t law_draw(const struct law *law, struct dice *dice);
uint32_t law_most(const struct law *law); /* the greatest number it gives */
