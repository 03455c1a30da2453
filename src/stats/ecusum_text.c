/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/stats/ecusum.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/*
 * A state as text: `ecusum1:`, then words of sixteen hexadecimal digits, without anything
 * between them: bins, ticks, held_n, held[bins], ln_m[bins][12] as the bits of doubles, and a
 * checksum of the text before it. The number in front changes with the meaning of any word.
 */

#define MARK "ecusum1:"
enum { WORD_DIGITS = 16, FIXED_WORDS = 3, MARK_BYTES = sizeof(MARK) - 1 };

static size_t words_of(uint64_t bins)
{
    return FIXED_WORDS + bins * (1 + ECUSUM_PER_BIN);
}

/* FNV-1a, 64 bits: its text must be the same in each version that reads it. */
static uint64_t checksum(struct str text)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < text.len; i++)
        sum = (sum ^ (unsigned char)text.at[i]) * UINT64_C(0x100000001b3);
    return sum;
}

static void put_word(struct buf *into, uint64_t word)
{
    buf_put_printf(into, "%016" PRIx64, word);
}

static uint64_t bits_of(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

void ecusum_put(const struct ecusum *e, struct buf *into)
{
    size_t from = into->len;

    buf_put(into, STR(MARK));
    put_word(into, e->bins);
    put_word(into, e->ticks);
    put_word(into, e->held_n);
    for (size_t k = 0; k < e->bins; k++)
        put_word(into, e->held[k]);
    for (size_t k = 0; k < e->bins; k++)
        for (unsigned j = 0; j < ECUSUM_PER_BIN; j++)
            put_word(into, bits_of(e->ln_m[k][j]));
    put_word(into, checksum(str_cut(buf_str(into), from, into->len)));
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes a word off the front of the text. */
static bool take_word(struct str *rest, uint64_t *word)
{
    uint64_t value = 0;

    if (rest->len < WORD_DIGITS)
        return false;
    for (size_t i = 0; i < WORD_DIGITS; i++) {
        int digit = digit_of(rest->at[i]);

        if (digit < 0)
            return false;
        value = value << 4 | (unsigned)digit;
    }
    *rest = str_cut(*rest, WORD_DIGITS, rest->len);
    *word = value;
    return true;
}

static bool take_double(struct str *rest, double *value)
{
    uint64_t bits;

    if (!take_word(rest, &bits))
        return false;
    memcpy(value, &bits, sizeof(bits));
    return isfinite(*value);
}

static bool take_counts(struct str *rest, struct ecusum *e)
{
    for (size_t k = 0; k < e->bins; k++)
        if (!take_word(rest, &e->held[k]) || e->held[k] > e->held_n)
            return false;
    return true;
}

static bool take_components(struct str *rest, struct ecusum *e)
{
    for (size_t k = 0; k < e->bins; k++)
        for (unsigned j = 0; j < ECUSUM_PER_BIN; j++)
            if (!take_double(rest, &e->ln_m[k][j]))
                return false;
    return true;
}

bool ecusum_read(struct ecusum *e, struct str text)
{
    struct ecusum found = { .bins = 0 };
    struct str rest;
    uint64_t sum;

    if (!str_starts(text, STR(MARK)))
        return false;
    rest = str_cut(text, MARK_BYTES, text.len);
    if (!take_word(&rest, &found.bins) || found.bins < 1 || found.bins > ECUSUM_BINS ||
        text.len != MARK_BYTES + (words_of(found.bins) + 1) * WORD_DIGITS)
        return false;
    if (!take_word(&rest, &found.ticks) || !take_word(&rest, &found.held_n) ||
        !take_counts(&rest, &found) || !take_components(&rest, &found))
        return false;
    if (!take_word(&rest, &sum) || sum != checksum(str_cut(text, 0, text.len - WORD_DIGITS)))
        return false;
    *e = found;
    return true;
}
