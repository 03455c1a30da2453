/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/route/plan.h"

/* A plan of one model `chat` with a label `intent`, in segments by plan and by country. */
static inline struct plan *chat_plan(void)
{
    static const struct str labels[] = { { "refund", 6 }, { "shipping", 8 } };
    struct plan *plan = plan_new();
    struct model *m = ARENA_NEW(&plan->arena, struct model);
    struct watchlist *l = watchlist_new(STR("chat"));

    l->predictions = ARENA_NEW(&l->arena, struct prediction);
    l->predictions[0] = (struct prediction){
        .name = STR("intent"), .kind = PREDICTION_LABEL, .labels = labels, .label_count = 2
    };
    l->prediction_count = 1;
    l->segments = arena_take(&l->arena, 3 * sizeof(*l->segments));
    l->segments[0] = (struct segment){ .name = STR("plan"), .kind = SEGMENT_TENANT };
    l->segments[1] = (struct segment){ .name = STR("country"), .kind = SEGMENT_TENANT };
    l->segments[2] = (struct segment){ .kind = SEGMENT_TOGETHER,
                                       .parts = { 0, 1 },
                                       .part_count = 2 };
    for (; l->segment_count < 3; l->segment_count++)
        segment_open(&l->segments[l->segment_count], l->segments);
    m->name = STR("chat");
    m->watch = l;
    (void)map_put(plan->models, m->name, m);
    return plan;
}
