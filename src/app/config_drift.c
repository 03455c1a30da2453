/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Noticing drift: a promise must be for longer than what is judged at once, and where Redis
 * keeps what was judged a file does not. What changes with load gets no baseline by itself,
 * or a busy noon would be an alarm about the model.
 */

#include "config_build.h"

static void set_by_hand(struct config_build *b, const struct yaml_node *list)
{
    static const struct str usual[] = { { "latency", 7 }, { "cost", 4 } };
    struct drift_settings *s = &b->config->settings.drift;
    struct str *names;

    s->by_hand = usual;
    s->by_hand_count = sizeof(usual) / sizeof(usual[0]);
    if (!list || list->kind != YAML_LIST)
        return;
    names = arena_take(&b->config->arena, (list->count + 1) * sizeof(*names));
    s->by_hand = names;
    s->by_hand_count = 0;
    yaml_each(member, list)
    {
        names[s->by_hand_count++] = arena_copy(&b->config->arena, member->text);
    }
}

void config_drift(struct config_build *b)
{
    const struct drift_settings *s = &b->config->settings.drift;
    const struct yaml_node *drift = yaml_at(b->root, STR("drift"));
    const struct yaml_node *file = yaml_at(drift, STR("state_file"));

    set_by_hand(b, yaml_at(drift, STR("by_hand")));
    if (s->per_ms < s->tick_ms)
        config_fault_key(b->report, yaml_at(drift, STR("promise")), "per",
                         "is shorter than drift.tick");
    if (s->state_file.len > 0 && file && b->config->settings.redis_on)
        config_warn(b->report, file, "has no effect: with cache.redis all of it is kept there");
}
