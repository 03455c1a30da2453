/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Noticing drift: a promise must be for longer than what is judged at once, and where Redis
 * keeps what was judged a file does not. What changes with load gets no baseline by itself,
 * or a busy noon would be an alarm about the model.
 */

#include "config_build.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_MOST = 4095 }; /* what the row takes */

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

/* NULL: it can be written beside itself and renamed into its place, and be read again. */
static const char *find_fault(const char *path)
{
    char folder[PATH_MOST + 1] = ".";
    const char *slash = strrchr(path, '/');
    struct stat found;

    if (stat(path, &found) == 0 && S_ISDIR(found.st_mode))
        return "is a folder (name a file in it)";
    if (stat(path, &found) == 0 && !S_ISREG(found.st_mode))
        return "is there already, and is no ordinary file";
    if (stat(path, &found) == 0 && access(path, R_OK) != 0)
        return "cannot be read by this user";
    if (slash)
        (void)snprintf(folder, sizeof(folder), "%.*s", slash > path ? (int)(slash - path) : 1,
                       path);
    if (stat(folder, &found) != 0 || !S_ISDIR(found.st_mode))
        return "lies in a folder that does not exist (make it first)";
    if (access(folder, W_OK | X_OK) != 0)
        return "lies in a folder that this user cannot write to";
    return NULL;
}

static void check_state_file(struct config_build *b, const struct yaml_node *file)
{
    struct str path = b->config->settings.drift.state_file;
    char shown[CONFIG_WORDS];
    const char *fault;

    if (path.len == 0 || !file || file->broken)
        return;
    if (b->config->settings.redis_on) {
        config_warn(b->report, file, "has no effect: with cache.redis all of it is kept there");
        return;
    }
    fault = path.len <= PATH_MOST ? find_fault(path.at) : NULL;
    if (fault)
        config_fault(b->report, file, "%s %s", config_shown(file, shown), fault);
}

void config_drift(struct config_build *b)
{
    const struct drift_settings *s = &b->config->settings.drift;
    const struct yaml_node *drift = yaml_at(b->root, STR("drift"));

    set_by_hand(b, yaml_at(drift, STR("by_hand")));
    if (s->per_ms < s->tick_ms)
        config_fault_key(b->report, yaml_at(drift, STR("promise")), "per",
                         "is shorter than drift.tick");
    check_state_file(b, yaml_at(drift, STR("state_file")));
}
