/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/policy/tenant.h"

#include "weir/base/mem.h"

#include <stdlib.h>

struct tenant {
    char *name;
    struct str *models;
    size_t model_count;
};

struct key {
    struct digest digest;
    const struct tenant *owner;
};

struct tenants {
    struct tenant **rows;
    size_t count;
    struct key *keys;
    size_t key_count;
};

struct tenants *tenants_new(void)
{
    return MEM_NEW(struct tenants);
}

static void free_tenant(struct tenant *t)
{
    for (size_t i = 0; i < t->model_count; i++)
        free((char *)(uintptr_t)t->models[i].at);
    free(t->models);
    free(t->name);
    free(t);
}

void tenants_free(struct tenants *all)
{
    if (!all)
        return;
    for (size_t i = 0; i < all->count; i++)
        free_tenant(all->rows[i]);
    free(all->rows);
    free(all->keys);
    free(all);
}

static char *copy(struct str s)
{
    char *at = mem_new(s.len + 1);

    memcpy(at, s.at, s.len);
    return at;
}

const struct tenant *tenants_named(const struct tenants *all, struct str name)
{
    for (size_t i = 0; i < all->count; i++)
        if (str_eq(str_of(all->rows[i]->name), name))
            return all->rows[i];
    return NULL;
}

struct tenant *tenants_add(struct tenants *all, struct str name)
{
    struct tenant *t;

    if (tenants_named(all, name))
        return NULL;
    t = MEM_NEW(struct tenant);
    t->name = copy(name);
    all->rows = mem_grow(all->rows, (all->count + 1) * sizeof(struct tenant *));
    all->rows[all->count++] = t;
    return t;
}

bool tenants_any(const struct tenants *all)
{
    return all->count > 0;
}

bool tenant_add_key(struct tenants *all, struct tenant *t, struct str key)
{
    struct key *row;
    struct digest digest;

    if (str_starts(key, STR("sha256:"))) {
        if (!digest_from_hex(&digest, str_cut(key, sizeof("sha256:") - 1, key.len)))
            return false;
    } else {
        digest_of(&digest, key);
    }
    for (size_t i = 0; i < all->key_count; i++)
        if (digest_eq(&all->keys[i].digest, &digest))
            return all->keys[i].owner == t;
    all->keys = mem_grow(all->keys, (all->key_count + 1) * sizeof(struct key));
    row = &all->keys[all->key_count++];
    *row = (struct key){ .digest = digest, .owner = t };
    return true;
}

void tenant_add_model(struct tenant *t, struct str model)
{
    t->models = mem_grow(t->models, (t->model_count + 1) * sizeof(struct str));
    t->models[t->model_count++] = (struct str){ copy(model), model.len };
}

const struct tenant *tenants_find(const struct tenants *all, struct str key)
{
    const struct tenant *found = NULL;
    struct digest digest;

    digest_of(&digest, key);
    for (size_t i = 0; i < all->key_count; i++)
        if (digest_eq(&all->keys[i].digest, &digest))
            found = all->keys[i].owner;
    return found;
}

struct str tenant_name(const struct tenant *t)
{
    return str_of(t->name);
}

bool tenant_may_ask(const struct tenant *t, struct str model)
{
    if (!t || t->model_count == 0)
        return true;
    for (size_t i = 0; i < t->model_count; i++)
        if (str_eq(t->models[i], model))
            return true;
    return false;
}
