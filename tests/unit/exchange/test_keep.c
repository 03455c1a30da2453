/* SPDX-License-Identifier: Apache-2.0 */

/* Which answers may be kept, and under whose name. What is kept is seen in test_exchange.c. */

#include "keep.h"

#include <criterion/criterion.h>

static struct model model;
static struct ask ask;
static struct request request;
static struct fingerprint print;

static void start(void)
{
    model.cache.ttl_ms = 1000;
    ask.scope = STR("acme");
    request.deterministic = true;
}

TestSuite(keep, .init = start, .timeout = 20);

static const char *reason(void)
{
    const char *why_not = "unset";
    bool allowed = keep_allows(&model, &ask, &request, &print, &why_not);

    cr_assert_eq(allowed, why_not == NULL, "a reason is given exactly where it is not kept");
    return why_not ? why_not : "";
}

Test(keep, a_deterministic_request_is_kept)
{
    cr_assert_str_eq(reason(), "");
}

Test(keep, another_is_not)
{
    request.deterministic = false;
    cr_assert(strstr(reason(), "not deterministic"));
}

Test(keep, another_is_kept_where_the_model_says_always)
{
    request.deterministic = false;
    model.cache.when = CACHE_ALWAYS;
    cr_assert_str_eq(reason(), "");
}

Test(keep, nothing_is_kept_where_the_model_says_never)
{
    model.cache.when = CACHE_NEVER;
    cr_assert(strstr(reason(), "never"));
}

Test(keep, nothing_is_kept_without_a_time_to_keep_it)
{
    model.cache.ttl_ms = 0;
    cr_assert(strstr(reason(), "never"));
}

Test(keep, a_caller_may_forbid_it)
{
    ask.cache.no_store = true;
    cr_assert(strstr(reason(), "no-store"));
}

Test(keep, always_does_not_mean_what_must_never_be_kept)
{
    model.cache.when = CACHE_ALWAYS;
    request.never_cached = "its answer lives upstream";
    cr_assert_str_eq(reason(), "its answer lives upstream");
    request.never_cached = NULL;
    print.never_cached = "a lone surrogate";
    cr_assert_str_eq(reason(), "a lone surrogate");
}

Test(keep, a_callers_no_cache_forbids_reading_only)
{
    ask.cache.no_cache = true;
    cr_assert_str_eq(reason(), "");
}

Test(keep, answers_are_the_tenants_own)
{
    cr_assert(str_eq(keep_scope(&model, &ask), STR("acme")));
}

Test(keep, a_model_may_share_its_answers)
{
    model.cache.scope = SCOPE_SHARED;
    cr_assert(str_eq(keep_scope(&model, &ask), STR("shared")));
}
