/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/net/redis.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(redis_settings, .timeout = 10);

static struct redis_settings read(const char *url)
{
    struct redis_settings s = { 0 };
    struct fault why = { 0 };

    cr_assert_eq(redis_settings_read(&s, str_of(url), &why), OK, "%s: %s", url, why.text);
    return s;
}

Test(redis_settings, a_host_alone_means_the_usual_port_and_database)
{
    struct redis_settings s = read("redis://cache.internal");

    cr_assert_str_eq(s.host, "cache.internal");
    cr_assert_eq(s.port, 6379);
    cr_assert_eq(s.database, 0);
    cr_assert_eq(s.timeout_us, 50000);
}

Test(redis_settings, everything_may_be_given)
{
    struct redis_settings s = read("redis://me:p%40ss%3Aw:d@10.0.0.7:7000/12");

    cr_assert_str_eq(s.user, "me");
    cr_assert_str_eq(s.password, "p@ss:w:d");
    cr_assert_str_eq(s.host, "10.0.0.7");
    cr_assert_eq(s.port, 7000);
    cr_assert_eq(s.database, 12);
}

Test(redis_settings, a_password_needs_no_user)
{
    struct redis_settings s = read("redis://:secret@h/");

    cr_assert_str_eq(s.user, "");
    cr_assert_str_eq(s.password, "secret");
}

Test(redis_settings, an_ipv6_address_stands_in_brackets)
{
    struct redis_settings s = read("redis://[::1]:7001/3");

    cr_assert_str_eq(s.host, "::1");
    cr_assert_eq(s.port, 7001);
    cr_assert_str_eq(read("redis://[fe80::2]").host, "fe80::2");
}

Test(redis_settings, what_is_no_such_url_is_a_fault)
{
    static const char *const wrong[] = { "",
                                         "localhost:6379",
                                         "http://h",
                                         "rediss://h",
                                         "redis://",
                                         "redis://:6379",
                                         "redis://h:0",
                                         "redis://h:65536",
                                         "redis://h:x",
                                         "redis://::1",
                                         "redis://[::1",
                                         "redis://a b",
                                         "redis://h#1",
                                         "redis://h/x",
                                         "redis://h/1/2",
                                         "redis://h/99999999",
                                         "redis://a%2@h",
                                         "redis://a%00b@h",
                                         "redis://a%zz@h" };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct redis_settings s = { 0 };
        struct fault why = { 0 };

        cr_assert_eq(redis_settings_read(&s, str_of(wrong[i]), &why), ERR_CONFIG, "%s",
                     wrong[i]);
        cr_assert_neq(why.text[0], '\0');
        cr_assert_eq(s.port, 0);
    }
}

/* ---- sentinels ---- */

Test(redis_settings, a_sentinel_has_a_usual_port)
{
    struct redis_settings s = { 0 };

    cr_assert_eq(redis_settings_add_sentinel(&s, STR("one"), NULL), OK);
    cr_assert_eq(redis_settings_add_sentinel(&s, STR("10.0.0.2:7000"), NULL), OK);
    cr_assert_eq(redis_settings_add_sentinel(&s, STR("[::1]:7001"), NULL), OK);
    cr_assert_eq(s.sentinel_count, 3);
    cr_assert_str_eq(s.sentinels[0].host, "one");
    cr_assert_eq(s.sentinels[0].port, 26379);
    cr_assert_eq(s.sentinels[1].port, 7000);
    cr_assert_str_eq(s.sentinels[2].host, "::1");
}

Test(redis_settings, what_is_no_sentinel_is_a_fault)
{
    static const char *const wrong[] = { "", ":1", "h:0", "h:x", "::1", "redis://h:1", "a b" };
    struct redis_settings s = { 0 };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct fault why = { 0 };

        cr_assert_eq(redis_settings_add_sentinel(&s, str_of(wrong[i]), &why), ERR_CONFIG, "%s",
                     wrong[i]);
        cr_assert_neq(why.text[0], '\0');
        cr_assert_eq(s.sentinel_count, 0);
    }
}

Test(redis_settings, there_is_room_for_eight_sentinels)
{
    struct redis_settings s = { 0 };
    struct fault why = { 0 };

    for (unsigned i = 0; i < REDIS_SENTINELS; i++)
        cr_assert_eq(redis_settings_add_sentinel(&s, STR("h"), &why), OK);
    cr_assert_eq(redis_settings_add_sentinel(&s, STR("h"), &why), ERR_CONFIG);
    cr_assert_eq(s.sentinel_count, REDIS_SENTINELS);
}

Test(redis_settings, a_master_has_a_name_without_spaces)
{
    struct redis_settings s = { 0 };
    struct fault why = { 0 };

    cr_assert_eq(redis_settings_set_master(&s, STR("my-master"), &why), OK);
    cr_assert_str_eq(s.master, "my-master");
    cr_assert_eq(redis_settings_set_master(&s, STR(""), &why), ERR_CONFIG);
    cr_assert_eq(redis_settings_set_master(&s, STR("a b"), &why), ERR_CONFIG);
    cr_assert_eq(
        redis_settings_set_master(
            &s, STR("0123456789012345678901234567890123456789012345678901234567890123"), &why),
        ERR_CONFIG);
    cr_assert_str_eq(s.master, "my-master");
}

Test(redis_settings, tls_is_refused_with_a_way_out)
{
    struct redis_settings s = { 0 };
    struct fault why = { 0 };

    cr_assert_eq(redis_settings_read(&s, STR("rediss://h"), &why), ERR_CONFIG);
    cr_assert(strstr(why.text, "stunnel"), "%s", why.text);
}
