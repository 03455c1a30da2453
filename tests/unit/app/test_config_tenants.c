/* SPDX-License-Identifier: Apache-2.0 */
#include "loaded.h"

/* Tenants at their edges; the plain cases stand in test_config.c and test_config_check.c. */

#define HEX "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a0"
#define N32 "abcdefghijklmnopqrstuvwxyz012345"

Test(config_tenants, a_list_of_no_models_is_a_fault_and_not_all_models, .timeout = 10)
{
    expect_fault(BASE "tenants: {a: {keys: [k], models: []}}\n",
                 "6: tenants.a.models: ", "is empty");
    expect_fault(BASE "tenants: {a: {keys: [k], models: null}}\n",
                 "6: tenants.a.models: ", "list");
}

Test(config_tenants, a_tenant_without_a_key_is_a_fault, .timeout = 10)
{
    expect_fault(BASE "tenants: {a: {}}\n", "6: tenants.a", "keys");
    expect_fault(BASE "tenants: {a: {keys: []}}\n", "6: tenants.a.keys", "");
    expect_fault(BASE "tenants: {a: {keys: [\"\"]}}\n", "6: tenants.a.keys[0]: ", "");
    expect_fault(BASE "tenants: {a: {keys: k}}\n", "6: tenants.a.keys: ", "list");
}

Test(config_tenants, a_name_has_up_to_64_bytes, .timeout = 10)
{
    expect_good(BASE "tenants: {" N32 N32 ": {keys: [k]}}\n");
    expect_fault(BASE "tenants: {" N32 N32 "x: {keys: [k]}}\n", "6: tenants.", "64");
    expect_fault(BASE "tenants: {a/b: {keys: [k]}}\n", "6: tenants.a/b: ", "name");
    expect_fault(BASE "tenants: {\"a:b\": {keys: [k]}}\n", "6: tenants.a:b: ", "name");
}

Test(config_tenants, names_differ_by_case_and_public_is_one_word, .timeout = 10)
{
    expect_good(BASE "tenants: {a: {keys: [k]}, A: {keys: [l]}, Public: {keys: [m]}}\n");
}

Test(config_tenants, a_digest_is_read_in_either_case_and_a_digit_less_is_a_fault, .timeout = 10)
{
    struct loaded l = load(BASE "tenants: {a: {keys: [\"sha256:" HEX "8\"]}}\n");

    cr_assert_eq(l.err, OK);
    cr_assert(tenants_find(l.config->plan->tenants, STR("test")));
    cr_assert_null(tenants_find(l.config->plan->tenants, STR("sha256:" HEX "8")),
                   "its digest is no key");
    unload(&l);
    expect_fault(BASE "tenants: {a: {keys: [\"sha256:" HEX "\"]}}\n", "6: ", "64");
    expect_fault(BASE "tenants: {a: {keys: [\"sha256:" HEX "g\"]}}\n", "6: ", "64");
    expect_fault(BASE "tenants: {a: {keys: [\"sha256:" HEX "88\"]}}\n", "6: ", "64");
    expect_fault(BASE "tenants: {a: {keys: [\"sha256:\"]}}\n", "6: ", "64");
}

Test(config_tenants, no_fault_shows_a_key, .timeout = 10)
{
    struct loaded l = load(BASE
                           "tenants: {a: {keys: [tell-nobody]}, b: {keys: [tell-nobody]}}\n");

    cr_assert_eq(l.err, ERR_CONFIG);
    cr_assert_null(memmem(l.faults.at, l.faults.len, "tell-nobody", 11));
    unload(&l);
}

Test(config_tenants, an_unknown_model_comes_with_its_nearest_name, .timeout = 10)
{
    expect_fault(BASE "tenants: {a: {keys: [k], models: [caht]}}\n",
                 "6: tenants.a.models[0]: ", "mean \"chat\"?");
    expect_fault(BASE "tenants: {a: {keys: [k], models: [chat, \"\"]}}\n",
                 "6: tenants.a.models[1]: ", "");
}

Test(config_tenants, no_tenants_are_open_access, .timeout = 10)
{
    struct loaded l = load(BASE);

    cr_assert_not(tenants_any(l.config->plan->tenants));
    unload(&l);
}

Test(config_tenants, an_empty_mapping_is_a_fault_and_not_open_access, .timeout = 10)
{
    expect_fault(BASE "tenants: {}\n", "6: tenants: ", "is empty");
    expect_fault(BASE "tenants:\n", "6: tenants: ", "mapping");
}
