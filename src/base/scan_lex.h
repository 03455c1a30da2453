/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <string.h>

/*
 * What the check and the walk of scan.h share: where JSON's smallest pieces end. Strings make
 * up nearly all of a long body, so they are read eight bytes at a time.
 */

/* The end of the number that starts at `at`, or NULL if none does. */
const char *scan_lex_number(const char *at, const char *end);

/* The four hexadecimal digits at `at` as a number, or -1. */
int32_t scan_lex_hex(const char *at, const char *end);

static inline const char *scan_lex_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

#define SCAN_LEX_ONES UINT64_C(0x0101010101010101)
#define SCAN_LEX_TOPS UINT64_C(0x8080808080808080)

/* Not zero if a byte of `word` is `c`. */
static inline uint64_t scan_lex_has(uint64_t word, unsigned char c)
{
    uint64_t x = word ^ (SCAN_LEX_ONES * c);

    return (x - SCAN_LEX_ONES) & ~x & SCAN_LEX_TOPS;
}

/* Past every byte that is ASCII and stands for itself in a string: no control, no ", no \. */
static inline const char *scan_lex_plain(const char *at, const char *end)
{
    for (; end - at >= 8; at += 8) {
        uint64_t word;

        memcpy(&word, at, sizeof(word));
        if ((((word - SCAN_LEX_ONES * 0x20) | word) & SCAN_LEX_TOPS) | scan_lex_has(word, '"') |
            scan_lex_has(word, '\\'))
            break;
    }
    while (at < end && (signed char)*at >= 0x20 && *at != '"' && *at != '\\')
        at++;
    return at;
}

/* Behind the closing quote of a checked string, whose first byte behind the quote is `at`. */
static inline const char *scan_lex_string_end(const char *at, const char *end)
{
    for (;;) {
        for (; end - at >= 8; at += 8) {
            uint64_t word;

            memcpy(&word, at, sizeof(word));
            if (scan_lex_has(word, '"') | scan_lex_has(word, '\\'))
                break;
        }
        while (at < end && *at != '"' && *at != '\\')
            at++;
        if (at == end || *at == '"')
            return at == end ? end : at + 1;
        at += end - at >= 2 ? 2 : 1; /* a backslash and what it escapes */
    }
}
