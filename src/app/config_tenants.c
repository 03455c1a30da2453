/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Who may ask, by which keys, for which models. A key is handed to the plan's tenants and is
 * theirs as a digest alone; no message shows one. Models stand by now, so that a tenant's list
 * can be held against them: a name that nobody answers is a mistake, not a wish.
 */

#include "config_build.h"

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      (c >= '0' && c <= '9');

        if (!letter && c != '.' && c != '_' && c != '-')
            return false;
    }
    return s.len >= 1 && s.len <= 64;
}

static void add_key(struct config_build *b, struct tenant *t, const struct yaml_node *key)
{
    struct str mark = STR("sha256:");
    struct digest digest;

    if (key->kind != YAML_TEXT || key->broken || key->text.len == 0)
        return; /* told by the check */
    if (str_starts(key->text, mark) &&
        !digest_from_hex(&digest, str_cut(key->text, mark.len, key->text.len)))
        config_fault(b->report, key,
                     "expected sha256: and 64 hexadecimal digits "
                     "(printf %%s \"$KEY\" | sha256sum)");
    else if (!tenant_add_key(b->config->plan->tenants, t, key->text))
        config_fault(b->report, key, "another tenant has this key: each key names one tenant");
}

static void add_model(struct config_build *b, struct tenant *t, const struct yaml_node *n)
{
    const struct plan *plan = b->config->plan;
    char hint[CONFIG_WORDS], shown[CONFIG_WORDS];

    if (n->kind != YAML_TEXT || n->broken || n->text.len == 0)
        return;
    if (!plan_model(plan, n->text))
        config_fault(b->report, n, "no model named %s%s", config_shown(n, shown),
                     config_hint(plan->models, n->text, hint));
    tenant_add_model(t, n->text);
}

static void read_tenant(struct config_build *b, const struct yaml_node *node)
{
    struct tenant *t;

    /* A tenant's name is its cache's scope: those two are scopes of everybody's. */
    if (!is_name(node->key) || str_eq(node->key, STR("public")) ||
        str_eq(node->key, STR("shared")))
        config_fault(b->report, node,
                     "a tenant's name has 1 to 64 of A-Z a-z 0-9 . _ - and is "
                     "neither \"public\" nor \"shared\"");
    t = tenants_add(b->config->plan->tenants, node->key);
    if (!t)
        return;
    yaml_each(key, yaml_at(node, STR("keys")))
    {
        add_key(b, t, key);
    }
    yaml_each(model, yaml_at(node, STR("models")))
    {
        add_model(b, t, model);
    }
}

void config_tenants(struct config_build *b)
{
    const struct yaml_node *all = yaml_at(b->root, STR("tenants"));

    if (!all || all->kind != YAML_MAP)
        return;
    yaml_each(node, all)
    {
        read_tenant(b, node);
    }
}
