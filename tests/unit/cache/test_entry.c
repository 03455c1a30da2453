/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/cache/entry.h"

#include <criterion/criterion.h>

static struct entry *made_at(uint64_t created_ms, uint64_t fresh_ms, uint64_t stale_ms)
{
    struct entry_facts facts = {
        .body = STR("{}"), .created_ms = created_ms, .fresh_ms = fresh_ms, .stale_ms = stale_ms
    };

    return entry_new(&facts);
}

Test(entry, copies_every_text, .timeout = 10)
{
    char body[] = "{\"a\":1}";
    struct entry_facts facts = { .body = { body, 7 },
                                 .scope = STR("acme"),
                                 .model = STR("chat"),
                                 .upstream = STR("up"),
                                 .content_type = STR("application/json") };
    AUTO(entry_unref) struct entry *e = entry_new(&facts);

    body[0] = 'x';
    cr_assert(str_eq(e->facts.body, STR("{\"a\":1}")));
    cr_assert(str_eq(e->facts.scope, STR("acme")));
    cr_assert(str_eq(e->facts.model, STR("chat")));
    cr_assert(str_eq(e->facts.upstream, STR("up")));
    cr_assert(str_eq(e->facts.content_type, STR("application/json")));
    cr_assert_eq(e->facts.request.len, 0);
}

Test(entry, costs_more_than_its_bytes, .timeout = 10)
{
    struct entry_facts facts = { .body = STR("0123456789"), .request = STR("01234567") };
    AUTO(entry_unref) struct entry *e = entry_new(&facts);

    cr_assert_gt(e->cost_bytes, sizeof(struct entry) + 18);
}

Test(entry, lives_until_its_last_reference_is_dropped, .timeout = 10)
{
    struct entry *e = made_at(0, 0, 0);
    struct entry *other = entry_ref(e);

    entry_unref(e);
    cr_assert(str_eq(other->facts.body, STR("{}")));
    entry_unref(other);
    entry_unref(NULL);
}

Test(entry, is_fresh_and_then_stale_and_then_not_kept, .timeout = 10)
{
    AUTO(entry_unref) struct entry *e = made_at(1000, 500, 200);

    cr_assert_eq(entry_ttl_ms(e, 1000), 500);
    cr_assert_eq(entry_ttl_ms(e, 1600), -100);
    cr_assert_eq(entry_age_ms(e, 1600), 600);
    cr_assert(entry_is_kept(e, 1699));
    cr_assert_not(entry_is_kept(e, 1700));
}

Test(entry, made_in_the_future_has_no_age, .timeout = 10)
{
    AUTO(entry_unref) struct entry *e = made_at(2000, 500, 0);

    cr_assert_eq(entry_age_ms(e, 1000), 0);
    cr_assert_eq(entry_ttl_ms(e, 1000), 500);
}
