/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/digest.h"
#include "weir/base/own.h"
#include "weir/base/str.h"

/*
 * Who may ask. A caller's key is known by its SHA-256 alone, so neither a dump of our memory
 * nor a log gives it away, and comparing digests in constant time tells nothing about it.
 * Built once with a configuration, then only read.
 */

struct tenant;
struct tenants;

struct tenants *tenants_new(void);
void tenants_free(struct tenants *all);
DEFINE_AUTO(struct tenants, tenants_free)

/* `name` is copied. The name is the cache's scope, so it can be given once only: else NULL. */
struct tenant *tenants_add(struct tenants *all, struct str name);
const struct tenant *tenants_named(const struct tenants *all, struct str name); /* or NULL */
bool tenants_any(const struct tenants *all);

/* A key as it is ("sk-...") or as "sha256:<64 hex digits>"; false when the digits are not that,
   or the key is another tenant's. */
bool tenant_add_key(struct tenants *all, struct tenant *t, struct str key);
void tenant_add_model(struct tenant *t,
                      struct str model); /* the first one makes a list; none: all */

/* NULL: no such key. All keys are compared, whatever the first difference. */
const struct tenant *tenants_find(const struct tenants *all, struct str key);

struct str tenant_name(const struct tenant *t);
bool tenant_may_ask(const struct tenant *t,
                    struct str model); /* NULL tenant: open access, yes */
