/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/upstream/upstream.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct upstream *u;

static void start(void)
{
    u = upstream_new(STR("local"), NULL);
}

static void stop(void)
{
    upstream_free(u);
}

TestSuite(upstream, .init = start, .fini = stop, .timeout = 20);

static struct upstream_endpoint *add(const char *url)
{
    cr_assert(upstream_add_endpoint(u, str_of(url)), "%s", url);
    return &u->endpoints[u->endpoint_count - 1];
}

static void assert_endpoint(const char *url, const char *host, const char *label, bool numeric)
{
    const struct upstream_endpoint *e = add(url);

    cr_assert(str_eq(e->host, str_of(host)), "%s has host %.*s", url, STR_ARG(e->host));
    cr_assert(str_eq(e->label, str_of(label)), "%s has label %.*s", url, STR_ARG(e->label));
    cr_assert_eq(e->numeric, numeric, "%s", url);
}

Test(upstream, a_url_tells_host_and_label)
{
    assert_endpoint("http://127.0.0.1:8001/v1", "127.0.0.1", "127.0.0.1:8001", true);
    assert_endpoint("https://api.openai.com/v1", "api.openai.com", "api.openai.com", false);
    assert_endpoint("http://models", "models", "models", false);
    assert_endpoint("http://models:80", "models", "models:80", false);
    assert_endpoint("http://[::1]:8001/v1", "::1", "[::1]:8001", true);
    assert_endpoint("http://[::1]", "::1", "[::1]", true);
}

Test(upstream, slashes_at_the_end_are_taken_off)
{
    cr_assert_str_eq(add("http://a/v1//")->url, "http://a/v1");
    cr_assert_str_eq(add("http://a/")->url, "http://a");
}

Test(upstream, what_is_no_url_of_ours_is_refused)
{
    static const char *const urls[] = {
        "",
        "a",
        "ftp://a",
        "http:/a",
        "http://",
        "https:///",
        "http:///v1",
        "http://:80/v1",
        "http://u:p@a/v1",
        "http://[::1/v1",
        "http://[]/",
        "http://a b/",
        "http://a/v1#x",
        "http://a/\r\nx",
        "//a",
        "http://a:port/v1",
        "http://a:/v1",
        "http://a:0/v1",
        "http://a:65536/v1",
        "http://[::1]x/v1",
        "http://[::1]:x/v1",
        "http://::1/v1",
        "http://a/v1?key=x",
        "http://a?key=x",
    };

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
        cr_expect_not(upstream_add_endpoint(u, str_of(urls[i])), "%s", urls[i]);
    cr_assert_eq(u->endpoint_count, 0);
}

Test(upstream, endpoints_keep_their_texts_when_more_come)
{
    char url[64];

    for (unsigned i = 0; i < 100; i++) {
        (void)snprintf(url, sizeof(url), "http://host%u:80/v1", i);
        (void)add(url);
    }
    for (unsigned i = 0; i < 100; i++) {
        (void)snprintf(url, sizeof(url), "host%u", i);
        cr_assert(str_eq(u->endpoints[i].host, str_of(url)));
        cr_assert_eq(u->endpoints[i].upstream, u);
    }
}

Test(upstream, a_pool_without_endpoints_offers_none)
{
    cr_assert_null(upstream_choose(u, 0));
}

Test(upstream, a_tried_endpoint_is_not_offered_again)
{
    struct upstream_endpoint *first, *second;
    uint64_t tried;

    (void)add("http://a");
    (void)add("http://b");
    first = upstream_choose(u, 0);
    tried = upstream_bit(u, first);
    second = upstream_choose(u, tried);
    cr_assert_not_null(second);
    cr_assert_neq(first, second);
    cr_assert_null(upstream_choose(u, tried | upstream_bit(u, second)));
}

Test(upstream, round_robin_takes_turns_whatever_the_load)
{
    unsigned met[3] = { 0 };

    u->balance = BALANCE_ROUND_ROBIN;
    for (unsigned i = 0; i < 3; i++)
        (void)add("http://a");
    u->endpoints[1].in_flight = 100;
    for (unsigned i = 0; i < 30; i++)
        met[upstream_choose(u, 0) - u->endpoints]++;
    cr_assert(met[0] == 10 && met[1] == 10 && met[2] == 10);
}

Test(upstream, the_least_loaded_endpoint_is_offered)
{
    for (unsigned i = 0; i < 3; i++)
        (void)add("http://a");
    u->endpoints[0].in_flight = 2;
    u->endpoints[1].in_flight = 1;
    u->endpoints[2].in_flight = 3;
    for (unsigned i = 0; i < 6; i++)
        cr_assert_eq(upstream_choose(u, 0), &u->endpoints[1]);
    cr_assert_eq(upstream_choose(u, upstream_bit(u, &u->endpoints[1])), &u->endpoints[0]);
}

Test(upstream, equally_loaded_endpoints_take_turns)
{
    unsigned met[3] = { 0 };

    for (unsigned i = 0; i < 3; i++)
        (void)add("http://a");
    for (unsigned i = 0; i < 30; i++)
        met[upstream_choose(u, 0) - u->endpoints]++;
    cr_assert(met[0] == 10 && met[1] == 10 && met[2] == 10);
}

Test(upstream, turns_go_on_when_their_counter_wraps)
{
    for (unsigned i = 0; i < 3; i++)
        (void)add("http://a");
    u->turn = UINT32_MAX - 1;
    for (unsigned i = 0; i < 6; i++)
        cr_assert_not_null(upstream_choose(u, 0));
}

Test(upstream, endpoints_from_64_on_share_a_bit)
{
    for (unsigned i = 0; i < 66; i++)
        (void)add("http://a");
    cr_assert_eq(upstream_bit(u, &u->endpoints[62]), UINT64_C(1) << 62);
    cr_assert_eq(upstream_bit(u, &u->endpoints[63]), UINT64_C(1) << 63);
    cr_assert_eq(upstream_bit(u, &u->endpoints[65]), UINT64_C(1) << 63);
}

Test(upstream, only_named_headers_travel)
{
    static const char name[] = "x-team";

    u->forward = calloc(1, sizeof(struct str));
    u->forward[0] = (struct str){ strdup(name), sizeof(name) - 1 };
    u->forward_count = 1;
    cr_assert(upstream_forwards(u, STR("X-Team")));
    cr_assert_not(upstream_forwards(u, STR("X-Tea")));
    cr_assert_not(upstream_forwards(u, STR("authorization")));
}

Test(upstream, freeing_nothing_is_fine)
{
    upstream_free(NULL);
}
