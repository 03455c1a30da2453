/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Noticing drift: a promise must be for longer than what is judged at once, and where Redis
 * keeps what was judged a file does not.
 */

#include "config_build.h"

void config_drift(struct config_build *b)
{
    const struct drift_settings *s = &b->config->settings.drift;
    const struct yaml_node *drift = yaml_at(b->root, STR("drift"));
    const struct yaml_node *file = yaml_at(drift, STR("state_file"));

    if (s->per_ms < s->tick_ms)
        config_fault_key(b->report, yaml_at(drift, STR("promise")), "per",
                         "is shorter than drift.tick");
    if (s->state_file.len > 0 && file && b->config->settings.redis_on)
        config_warn(b->report, file, "has no effect: with cache.redis all of it is kept there");
}
