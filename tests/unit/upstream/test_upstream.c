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

static struct upstream_site *add(const char *url)
{
    cr_assert(upstream_add_site(u, str_of(url), 0), "%s", url);
    return &u->sites[u->site_count - 1];
}

static void assert_site(const char *url, const char *host, const char *label, bool numeric)
{
    const struct upstream_site *e = add(url);

    cr_assert(str_eq(e->host, str_of(host)), "%s has host %.*s", url, STR_ARG(e->host));
    cr_assert(str_eq(e->label, str_of(label)), "%s has label %.*s", url, STR_ARG(e->label));
    cr_assert_eq(e->numeric, numeric, "%s", url);
}

Test(upstream, a_url_tells_host_and_label)
{
    assert_site("http://127.0.0.1:8001/v1", "127.0.0.1", "127.0.0.1:8001", true);
    assert_site("https://api.openai.com/v1", "api.openai.com", "api.openai.com", false);
    assert_site("http://models", "models", "models", false);
    assert_site("http://models:80", "models", "models:80", false);
    assert_site("http://[::1]:8001/v1", "::1", "[::1]:8001", true);
    assert_site("http://[::1]", "::1", "[::1]", true);
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
        cr_expect_not(upstream_add_site(u, str_of(urls[i]), 1), "%s", urls[i]);
    cr_assert_eq(u->site_count, 0);
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
        cr_assert(str_eq(u->sites[i].host, str_of(url)));
    }
}

Test(upstream, a_site_without_a_weight_has_one)
{
    cr_assert_eq(add("http://a")->weight, 1);
    cr_assert(upstream_add_site(u, STR("http://b"), 3));
    cr_assert_eq(u->sites[1].weight, 3);
}

Test(upstream, auth_lines_are_kept_in_their_order)
{
    upstream_add_auth(u, STR("Authorization: Bearer a"));
    upstream_add_auth(u, STR("Authorization: Bearer b"));
    cr_assert_eq(u->auth_count, 2);
    cr_assert_str_eq(u->auth[1], "Authorization: Bearer b");
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
