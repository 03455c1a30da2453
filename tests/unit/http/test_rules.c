/* SPDX-License-Identifier: Apache-2.0 */
#include "rules.h"

#include <criterion/criterion.h>

#define HOST                             \
    {                                    \
        STR("Host"), STR("weir.test:80") \
    }

static struct rules apply(const char *method, const char *target, unsigned version,
                          const struct http_field *fields, size_t count)
{
    struct http_request r = { .method_text = str_of(method),
                              .target = str_of(target),
                              .fields = fields,
                              .field_count = count };
    struct rules out;

    rules_apply(&out, &r, version);
    return out;
}

static struct rules of_field(const char *name, const char *value, unsigned version)
{
    struct http_field fields[] = { HOST, { str_of(name), str_of(value) } };

    return apply("POST", "/", version, fields, 2);
}

static int status_of_target(const char *method, const char *target)
{
    struct http_field host = HOST;

    return apply(method, target, 11, &host, 1).status;
}

Test(rules, http11_needs_one_host, .timeout = 5)
{
    struct http_field two[] = { HOST, HOST };

    cr_assert_eq(apply("GET", "/", 11, NULL, 0).status, 400);
    cr_assert_eq(apply("GET", "/", 11, two, 1).status, 0);
    cr_assert_eq(apply("GET", "/", 11, two, 2).status, 400);
}

Test(rules, http10_needs_no_host, .timeout = 5)
{
    cr_assert_eq(apply("GET", "/", 10, NULL, 0).status, 0);
}

Test(rules, a_host_is_no_list_and_no_path, .timeout = 5)
{
    cr_assert_eq(of_field("host", "a, b", 10).status, 400);
    cr_assert_eq(
        apply("GET", "/", 11, &(struct http_field){ STR("Host"), STR("a/b") }, 1).status, 400);
    cr_assert_eq(
        apply("GET", "/", 11, &(struct http_field){ STR("Host"), STR("[::1]:80") }, 1).status,
        0);
}

Test(rules, chunked_is_the_only_coding, .timeout = 5)
{
    cr_assert(of_field("Transfer-Encoding", "Chunked", 11).is_chunked);
    cr_assert_eq(of_field("Transfer-Encoding", "gzip, chunked", 11).status, 400);
    cr_assert_eq(of_field("Transfer-Encoding", "", 11).status, 400);
}

Test(rules, http10_has_no_codings, .timeout = 5)
{
    cr_assert_eq(of_field("Transfer-Encoding", "chunked", 10).status, 400);
}

Test(rules, a_length_and_a_coding_do_not_go_together, .timeout = 5)
{
    struct http_field fields[] = { HOST,
                                   { STR("Content-Length"), STR("3") },
                                   { STR("Transfer-Encoding"), STR("chunked") } };

    cr_assert_eq(apply("POST", "/", 11, fields, 3).status, 400);
}

Test(rules, a_length_is_given_once_and_in_digits, .timeout = 5)
{
    struct http_field twice[] = { HOST,
                                  { STR("Content-Length"), STR("3") },
                                  { STR("content-length"), STR("3") } };

    cr_assert_eq(apply("POST", "/", 11, twice, 3).status, 400);
    cr_assert_eq(of_field("Content-Length", "+3", 11).status, 400);
    cr_assert_eq(of_field("Content-Length", "3", 11).content_length, 3);
}

Test(rules, connections_are_kept_by_default_in_http11_only, .timeout = 5)
{
    cr_assert(of_field("X", "", 11).is_kept_alive);
    cr_assert_not(of_field("X", "", 10).is_kept_alive);
    cr_assert_not(of_field("Connection", "TE, close", 11).is_kept_alive);
    cr_assert(of_field("Connection", "Keep-Alive", 10).is_kept_alive);
}

Test(rules, only_100_continue_can_be_expected, .timeout = 5)
{
    cr_assert(of_field("Expect", "100-Continue", 11).expects_continue);
    cr_assert_eq(of_field("Expect", "a miracle", 11).status, 417);
    cr_assert_not(of_field("Expect", "100-continue", 10).expects_continue);
}

Test(rules, other_protocols_are_turned_away, .timeout = 5)
{
    cr_assert_eq(of_field("Upgrade", "h2c", 11).status, 400);
    cr_assert_eq(status_of_target("CONNECT", "weir.test:443"), 501);
    cr_assert_eq(apply("GET", "/", 20, NULL, 0).status, 505);
}

Test(rules, a_target_is_a_path, .timeout = 5)
{
    cr_assert_eq(status_of_target("GET", "/a?b"), 0);
    cr_assert_eq(status_of_target("OPTIONS", "*"), 0);
    cr_assert_eq(status_of_target("GET", "*"), 400);
    cr_assert_eq(status_of_target("GET", "http://weir.test/"), 400);
    cr_assert_eq(status_of_target("GET", "/a#b"), 400);
}
