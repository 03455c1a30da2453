/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/net/resolve.h"

#include "weir/net/loop.h"

#include <criterion/criterion.h>
#include <string.h>

static struct loop *loop;
static struct resolver *resolver;
static unsigned dones;
static enum err ended;
static char answer[256];

static void on_done(struct resolve *op, enum err err, const char *addresses)
{
    (void)op;
    dones++;
    ended = err;
    answer[0] = '\0';
    if (addresses)
        strncpy(answer, addresses, sizeof(answer) - 1);
    loop_stop(loop);
}

static void begin(void)
{
    loop = loop_new(NULL);
    resolver = resolver_new(loop);
}

static void finish(void)
{
    resolver_free(resolver);
    loop_free(loop);
}

TestSuite(resolve, .init = begin, .fini = finish, .timeout = 60);

static void resolve(const char *host)
{
    struct resolve op;

    resolve_start(resolver, &op, str_of(host), on_done);
    cr_assert_eq(dones, 0);
    loop_run(loop);
    cr_assert_eq(dones, 1);
    dones = 0;
}

Test(resolve, numeric_hosts_are_told_from_names)
{
    cr_assert(resolve_is_numeric(STR("127.0.0.1")));
    cr_assert(resolve_is_numeric(STR("::1")));
    cr_assert(resolve_is_numeric(STR("[::1]")));
    cr_assert_not(resolve_is_numeric(STR("localhost")));
    cr_assert_not(resolve_is_numeric(STR("")));
    cr_assert_not(resolve_is_numeric(STR("1.2.3")));
}

Test(resolve, an_address_resolves_to_itself)
{
    resolve("127.0.0.1");
    cr_assert_str_eq(answer, "127.0.0.1");
    resolve("[::1]");
    cr_assert_str_eq(answer, "[::1]");
}

Test(resolve, a_name_resolves_to_its_addresses_again_and_again)
{
    for (unsigned i = 0; i < 3; i++) {
        resolve("localhost");
        cr_assert_eq(ended, OK);
        cr_assert(strstr(answer, "127.0.0.1") || strstr(answer, "[::1]"));
    }
}

Test(resolve, an_unknown_name_is_unreachable)
{
    resolve("no-such-host.invalid");
    cr_assert_eq(ended, ERR_UPSTREAM_UNREACHABLE);
}

Test(resolve, those_who_wait_for_one_name_all_hear)
{
    struct resolve ops[3];

    for (unsigned i = 0; i < 3; i++)
        resolve_start(resolver, &ops[i], STR("localhost"), on_done);
    while (dones < 3)
        loop_run(loop);
    cr_assert_eq(dones, 3);
}

Test(resolve, a_cancelled_one_hears_only_that)
{
    struct resolve op;

    resolve_start(resolver, &op, STR("localhost"), on_done);
    resolve_cancel(&op);
    resolve_cancel(&op);
    cr_assert_eq(dones, 0);
    loop_run(loop);
    cr_assert_eq(dones, 1);
    cr_assert_eq(ended, ERR_CANCELLED);
}

Test(resolve, a_resolver_may_go_while_a_look_up_is_under_way)
{
    struct resolve op;

    resolve_start(resolver, &op, STR("no-such-host.invalid"), on_done);
    resolve_cancel(&op);
    loop_run(loop);
    resolver_free(resolver);
    resolver = NULL;
}
