/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"

/*
 * How models' rates went at the last looks of `weir top`, drawn as a small picture. It knows so
 * many models, and of one that comes later nothing. A zeroed one knows none.
 */

enum { TOP_PAST_LOOKS = 40, TOP_PAST_MODELS = 64 };

struct top_past {
    struct top_past_model {
        char name[64];
        double rates[TOP_PAST_LOOKS]; /* one for each look, the latest last */
        unsigned count;
    } models[TOP_PAST_MODELS];
    size_t count;
};

void top_past_note(struct top_past *p, struct str model, double rate);

/* As bars, of which the highest is as high as a letter. */
void top_past_put(struct buf *out, const struct top_past *p, struct str model);
