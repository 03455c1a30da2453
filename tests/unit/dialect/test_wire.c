/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include "world.h"

static struct world w;

static void expect_wire(const char *body, const char *upstream_model, const char *wanted)
{
    struct splices splices = { .count = 0 };
    struct dialect_body out = { .count = 0 };
    struct buf sent = { 0 };

    memset(&w, 0, sizeof(w));
    cr_assert_eq(ask(&w, ENDPOINT_MODERATIONS, NULL, body), OK, "%s", w.why.text);
    cr_assert_eq(wire_splice_model(&w.request, str_of(upstream_model), &w.arena, &splices), OK);
    wire_put(&w.request, &splices, &out);
    for (size_t i = 0; i < out.count; i++)
        buf_put(&sent, out.parts[i]);
    expect_str(buf_str(&sent), wanted);
    buf_deinit(&sent);
    arena_deinit(&w.arena);
}

Test(wire, a_body_goes_as_it_came_but_for_the_models_name, .timeout = 5)
{
    expect_wire("{ \"a\":1e2,\"model\" : \"m\", \"b\":[] }\n", "up\"1",
                "{ \"a\":1e2,\"model\" : \"up\\\"1\", \"b\":[] }\n");
}

Test(wire, a_name_that_is_the_upstreams_own_stays_as_it_is_written, .timeout = 5)
{
    expect_wire("{\"model\":\"\\u006d\"}", "m", "{\"model\":\"\\u006d\"}");
}

Test(wire, a_name_that_nobody_wrote_becomes_the_first_member, .timeout = 5)
{
    expect_wire("{ \"input\":1}", "up", "{\"model\":\"up\", \"input\":1}");
    expect_wire("{ }", "up", "{\"model\":\"up\" }");
}

Test(wire, members_are_seen_through_space, .timeout = 5)
{
    cr_assert(wire_has_members(STR("{ \"a\" : 1 }")));
    cr_assert_not(wire_has_members(STR("{ }")));
}
