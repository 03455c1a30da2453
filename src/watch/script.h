/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

/*
 * In which script a text is written, as far as that tells languages apart: whichever most of
 * the letters among its first 256 characters are of. Japanese is told by its kana, however few
 * they are: half a Japanese text is han, and no Chinese one has any.
 */

/* clang-format off */
#define SCRIPTS(S)                                                                    \
    S(latin) S(cyrillic) S(greek) S(arabic) S(hebrew) S(devanagari) S(han)            \
    S(hiragana_katakana) S(hangul) S(thai) S(other) S(none)
/* clang-format on */

enum script {
#define S(name) SCRIPT_##name,
    SCRIPTS(S)
#undef S
        SCRIPT_COUNT
};

enum script script_of(struct str text); /* none: it has no letters */
