/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"
#include "weir/watch/watch.h"

/* Where an answer came from, in a word: a metric's label and a part of a key in Redis. */

static inline struct str source_word(enum watch_source source)
{
    switch (source) {
    case WATCH_FRESH: return STR("fresh");
    case WATCH_CACHED: return STR("cached");
    case WATCH_COALESCED: return STR("coalesced");
    }
    return STR("fresh");
}
