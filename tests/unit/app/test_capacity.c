/* SPDX-License-Identifier: Apache-2.0 */
#include "capacity.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(capacity, .timeout = 20);

static struct capacity_files share(unsigned connections, unsigned in_flight, unsigned limit)
{
    struct settings s = { .max_connections = connections, .max_in_flight = in_flight };
    struct capacity_files f;

    capacity_share_files(&f, &s, limit);
    return f;
}

/* All that may be open at once. */
static unsigned used(const struct capacity_files *f)
{
    unsigned calls = f->in_flight < f->connections ? f->in_flight : f->connections;

    return f->connections + calls + f->background;
}

Test(capacity, where_there_are_enough_files_all_is_as_configured)
{
    struct capacity_files f = share(10000, 10000, 65536);

    cr_assert_eq(f.connections, 10000);
    cr_assert_eq(f.in_flight, 10000);
    cr_assert_eq(f.background, 2500);
}

Test(capacity, clients_and_the_calls_for_them_stay_below_any_limit)
{
    for (unsigned limit = 16; limit < 30000; limit += 7) {
        struct capacity_files f = share(10000, 10000, limit);

        cr_assert_lt(used(&f), limit);
        cr_assert(f.connections > 0 && f.in_flight > 0);
    }
}

Test(capacity, clients_get_what_the_calls_do_not_need)
{
    struct capacity_files f = share(10000, 40, 1024);

    cr_assert_eq(f.in_flight, 40);
    cr_assert_eq(f.connections, 1024 - 256 - 50);
}

Test(capacity, ten_thousand_clients_fit_in_twenty_thousand_files)
{
    struct capacity_files f = share(10000, 10000, 20000);

    cr_assert_eq(f.connections, 10000);
    cr_assert_geq(f.in_flight, 7000);
}

Test(capacity, calls_get_what_the_clients_do_not_need)
{
    struct capacity_files f = share(100, 5000, 512 + 1);

    cr_assert_eq(f.connections, 100);
    cr_assert_eq(f.in_flight, 5000); /* of which as many at once as there are connections */
}

Test(capacity, a_limit_that_is_too_low_is_told_with_what_to_write)
{
    struct settings s = { .max_connections = 10000, .max_in_flight = 10000 };
    struct capacity_files f = share(10000, 10000, 1024);
    struct buf out = { 0 };

    capacity_put_warning(&out, &f, &s);
    buf_put(&out, (struct str){ "", 1 });
    cr_assert(strstr(out.at, "need 22756 open files, and the limit here is 1024"));
    cr_assert(strstr(out.at, "LimitNOFILE=22756"));
    buf_deinit(&out);
}

Test(capacity, a_limit_that_is_high_enough_is_not_told)
{
    struct settings s = { .max_connections = 10000, .max_in_flight = 10000 };
    struct capacity_files f = share(10000, 10000, 20000);
    struct buf out = { 0 };

    capacity_put_warning(&out, &f, &s);
    cr_assert_eq(out.len, 0);
}
