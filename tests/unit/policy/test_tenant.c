/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/policy/tenant.h"

#include <criterion/criterion.h>

static struct tenants *all;
static struct tenant *acme;
static struct tenant *zeta;

static void start(void)
{
    all = tenants_new();
    acme = tenants_add(all, STR("acme"));
    zeta = tenants_add(all, STR("zeta"));
}

static void stop(void)
{
    tenants_free(all);
}

TestSuite(tenant, .init = start, .fini = stop, .timeout = 20);

/* printf abc | sha256sum */
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

Test(tenant, a_key_finds_its_owner)
{
    cr_assert(tenant_add_key(all, acme, STR("sk-a")));
    cr_assert(tenant_add_key(all, zeta, STR("sk-z")));
    cr_assert_eq(tenants_find(all, STR("sk-a")), acme);
    cr_assert_eq(tenants_find(all, STR("sk-z")), zeta);
}

Test(tenant, another_key_finds_nobody)
{
    cr_assert(tenant_add_key(all, acme, STR("sk-a")));
    cr_assert_null(tenants_find(all, STR("sk-b")));
    cr_assert_null(tenants_find(all, STR("sk-")));
    cr_assert_null(tenants_find(all, STR("sk-aa")));
    cr_assert_null(tenants_find(all, STR("SK-A")));
    cr_assert_null(tenants_find(all, STR("")));
    cr_assert_null(tenants_find(all, (struct str){ NULL, 0 }));
}

Test(tenant, a_digest_stands_for_its_key)
{
    cr_assert(tenant_add_key(all, acme, STR("sha256:" ABC)));
    cr_assert_eq(tenants_find(all, STR("abc")), acme);
}

Test(tenant, a_digest_is_no_key_itself)
{
    cr_assert(tenant_add_key(all, acme, STR("sha256:" ABC)));
    cr_assert_null(tenants_find(all, STR("sha256:" ABC)));
    cr_assert_null(tenants_find(all, STR(ABC)));
}

Test(tenant, a_digest_of_another_length_is_refused)
{
    cr_assert_not(tenant_add_key(all, acme, STR("sha256:")));
    cr_assert_not(tenant_add_key(all, acme, STR("sha256:ba78")));
    cr_assert_not(tenant_add_key(all, acme, STR("sha256:" ABC "00")));
}

Test(tenant, a_digest_with_another_letter_is_refused)
{
    cr_assert_not(tenant_add_key(
        all, acme,
        STR("sha256:xa7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")));
}

Test(tenant, a_key_belongs_to_one_tenant)
{
    cr_assert(tenant_add_key(all, acme, STR("abc")));
    cr_assert_not(tenant_add_key(all, zeta, STR("abc")));
    cr_assert_not(tenant_add_key(all, zeta, STR("sha256:" ABC)));
    cr_assert_eq(tenants_find(all, STR("abc")), acme);
}

Test(tenant, its_own_key_may_be_given_twice)
{
    cr_assert(tenant_add_key(all, acme, STR("abc")));
    cr_assert(tenant_add_key(all, acme, STR("sha256:" ABC)));
    cr_assert_eq(tenants_find(all, STR("abc")), acme);
}

Test(tenant, a_tenant_may_have_several_keys)
{
    cr_assert(tenant_add_key(all, acme, STR("one")));
    cr_assert(tenant_add_key(all, acme, STR("two")));
    cr_assert_eq(tenants_find(all, STR("one")), acme);
    cr_assert_eq(tenants_find(all, STR("two")), acme);
}

Test(tenant, a_name_can_be_given_once)
{
    cr_assert_null(tenants_add(all, STR("acme")));
    cr_assert_not_null(tenants_add(all, STR("acm")));
}

Test(tenant, a_name_is_kept_as_it_was_given)
{
    char name[] = "later";
    struct tenant *t = tenants_add(all, str_of(name));

    name[0] = 'L';
    cr_assert(str_eq(tenant_name(t), STR("later")));
}

Test(tenant, without_a_list_every_model_may_be_asked)
{
    cr_assert(tenant_may_ask(acme, STR("anything")));
}

Test(tenant, with_a_list_only_its_models_may_be_asked)
{
    tenant_add_model(acme, STR("chat"));
    tenant_add_model(acme, STR("embed"));
    cr_assert(tenant_may_ask(acme, STR("chat")));
    cr_assert(tenant_may_ask(acme, STR("embed")));
    cr_assert_not(tenant_may_ask(acme, STR("cha")));
    cr_assert_not(tenant_may_ask(acme, STR("chat2")));
    cr_assert_not(tenant_may_ask(acme, STR("")));
    cr_assert(tenant_may_ask(zeta, STR("chat2")));
}

Test(tenant, open_access_asks_any_model)
{
    cr_assert(tenant_may_ask(NULL, STR("chat")));
}

Test(tenant, a_table_without_tenants_says_so)
{
    struct tenants *none = tenants_new();

    cr_assert_not(tenants_any(none));
    cr_assert_null(tenants_find(none, STR("abc")));
    tenants_free(none);
    cr_assert(tenants_any(all));
}
