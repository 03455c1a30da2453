/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who is told of alarms. A webhook's secret becomes the bytes that sign: libraries that check
 * such signatures take what stands behind "whsec_" for base64.
 */

#include "config_build.h"
#include "value.h"

#include "weir/base/base64.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_RECEIVERS = 16 };

/* The members of a list that are worth looking at; a list of too many is told. */
static size_t count_of(struct config_build *b, const struct yaml_node *list)
{
    if (!list || list->kind != YAML_LIST)
        return 0;
    if (list->count > MOST_RECEIVERS)
        config_fault(b->report, list, "has more than %d members", MOST_RECEIVERS);
    return list->count;
}

static bool is_url(const struct yaml_node *n)
{
    return n && n->kind == YAML_TEXT && !n->broken && value_is_url(n->text);
}

static void read_alertmanagers(struct config_build *b, const struct yaml_node *list)
{
    struct alert_settings *s = &b->config->settings.alerts;
    size_t count = count_of(b, list);

    s->alertmanagers = arena_take(&b->config->arena, (count + 1) * sizeof(struct str));
    yaml_each(member, count > 0 ? list : NULL)
    {
        if (is_url(member))
            s->alertmanagers[s->alertmanager_count++] = arena_copy(&b->config->arena,
                                                                   member->text);
    }
}

static struct str read_key(struct config_build *b, const struct yaml_node *secret)
{
    static const struct str mark = { "whsec_", 6 };
    struct buf bytes = { 0 };
    struct str key = { 0 };

    if (!secret || secret->kind != YAML_TEXT || secret->broken)
        return key;
    if (!str_starts(secret->text, mark))
        return arena_copy(&b->config->arena, secret->text);
    if (base64_read(&bytes, str_cut(secret->text, mark.len, secret->text.len)) && bytes.len > 0)
        key = arena_copy(&b->config->arena, buf_str(&bytes));
    else
        config_fault(b->report, secret, "expected base64 behind whsec_");
    buf_deinit(&bytes);
    return key;
}

static void read_webhooks(struct config_build *b, const struct yaml_node *list)
{
    struct alert_settings *s = &b->config->settings.alerts;
    size_t count = count_of(b, list);

    s->webhooks = arena_take(&b->config->arena, (count + 1) * sizeof(struct alert_webhook));
    yaml_each(member, count > 0 ? list : NULL)
    {
        bool whole = member->kind == YAML_MAP;
        const struct yaml_node *url = whole ? yaml_at(member, STR("url")) : member;

        if (!is_url(url))
            continue;
        s->webhooks[s->webhook_count++] = (struct alert_webhook){
            .url = arena_copy(&b->config->arena, url->text),
            .key = read_key(b, whole ? yaml_at(member, STR("secret")) : NULL),
        };
    }
}

static bool is_program(const char *path)
{
    struct stat about;

    return stat(path, &about) == 0 && S_ISREG(about.st_mode) && access(path, X_OK) == 0;
}

static void read_exec(struct config_build *b, const struct yaml_node *list)
{
    struct arena *arena = &b->config->arena;
    const char **argv;
    size_t count = 0;

    if (!list || list->kind != YAML_LIST || list->count == 0)
        return;
    argv = arena_take(arena, (list->count + 1) * sizeof(*argv));
    yaml_each(word, list)
    {
        if (word->kind == YAML_TEXT)
            argv[count++] = arena_copy(arena, word->text).at;
    }
    if (count == 0)
        return;
    if (strchr(argv[0], '/') && !is_program(argv[0]))
        config_fault(b->report, list->first, "there is no such program that can be run");
    b->config->settings.alerts.exec = argv;
}

void config_alerts(struct config_build *b)
{
    const struct yaml_node *alerts = yaml_at(b->root, STR("alerts"));
    const struct yaml_node *link = yaml_at(alerts, STR("link"));

    read_alertmanagers(b, yaml_at(alerts, STR("alertmanager")));
    read_webhooks(b, yaml_at(alerts, STR("webhooks")));
    read_exec(b, yaml_at(alerts, STR("exec")));
    if (is_url(link))
        b->config->settings.alerts.link = arena_copy(&b->config->arena, link->text);
}
