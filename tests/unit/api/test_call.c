/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/api/call.h"

#include "fake_conn.h"

static struct plan *plan;
static struct arena arena;
static struct call call;
static struct http_request asked;

static void start(void)
{
    plan = plan_new();
    asked = request("POST", "/v1/chat/completions");
}

static void stop(void)
{
    arena_deinit(&arena);
    plan_unref(plan);
}

TestSuite(call, .init = start, .fini = stop, .timeout = 20);

static struct cache_words words_of(const char *value)
{
    struct cache_words w = { .max_age_s = -1, .max_stale_s = -1, .stale_if_error_s = -1 };

    call_read_cache_words(&w, str_of(value));
    return w;
}

/* ---- Cache-Control --------------------------------------------------------------------- */

Test(call, the_words_of_cache_control_are_read)
{
    struct cache_words w = words_of(
        "no-cache, only-if-cached, max-age=5, max-stale=6, stale-if-error=7");

    cr_assert(w.no_cache && w.only_if_cached && !w.no_store);
    cr_assert_eq(w.max_age_s, 5);
    cr_assert_eq(w.max_stale_s, 6);
    cr_assert_eq(w.stale_if_error_s, 7);
}

Test(call, no_store_is_no_cache_as_well)
{
    cr_assert(words_of("no-store").no_store);
    cr_assert(words_of("no-store").no_cache);
}

Test(call, words_are_read_in_any_case_with_spaces_and_quotes)
{
    cr_assert(words_of("  No-Cache  ").no_cache);
    cr_assert_eq(words_of("MAX-AGE = \"9\"").max_age_s, 9);
    cr_assert_eq(words_of(",,max-age=9,").max_age_s, 9);
}

Test(call, max_stale_alone_takes_any_age)
{
    cr_assert_eq(words_of("max-stale").max_stale_s, INT64_MAX);
}

Test(call, unknown_words_and_no_numbers_are_passed_over)
{
    struct cache_words w = words_of("private, max-age=soon, max-stale=-1, no-cachet, =, \"");

    cr_assert_not(w.no_cache);
    cr_assert_eq(w.max_age_s, -1);
    cr_assert_eq(w.max_stale_s, -1);
}

Test(call, a_number_beyond_all_time_is_far_away)
{
    cr_assert_eq(words_of("max-age=99999999999").max_age_s, INT32_MAX);
    cr_assert_eq(words_of("max-age=99999999999999999999999999").max_age_s, -1);
}

/* ---- durations ------------------------------------------------------------------------- */

Test(call, a_timeout_has_a_unit_or_is_in_seconds)
{
    static const struct {
        const char *text;
        uint64_t us;
    } rows[] = {
        { "5s", 5000000 }, { "250ms", 250000 }, { "2m", 120000000 }, { "1h", 3600000000 },
        { "5", 5000000 },  { "0.5", 500000 },   { "1.5s", 1500000 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t us = 0;

        cr_expect(call_duration(str_of(rows[i].text), &us), "%s", rows[i].text);
        cr_expect_eq(us, rows[i].us, "%s is %llu", rows[i].text, (unsigned long long)us);
    }
}

Test(call, what_is_no_duration_is_refused)
{
    static const char *const texts[] = {
        "",    "s",    "-5",    "5 s", "5d", "0",  "0s",
        "nan", "infs", "1e999", "5sx", " 5", "+5", "00000000000000000000000000000000000000005"
    };
    uint64_t us;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        cr_expect_not(call_duration(str_of(texts[i]), &us), "%s", texts[i]);
    cr_expect_not(call_duration((struct str){ 0 }, &us));
}

/* ---- names in paths ---------------------------------------------------------------------- */

static void assert_unescaped(const char *from, const char *to)
{
    struct str got = call_unescape(str_of(from), &arena);

    cr_expect(str_eq(got, str_of(to)) && !got.at == !to, "%s is %.*s", from, STR_ARG(got));
}

Test(call, percent_escapes_are_undone)
{
    assert_unescaped("chat", "chat");
    assert_unescaped("org%2Fmodel", "org/model");
    assert_unescaped("%c3%A4", "\xc3\xa4");
    assert_unescaped("a%25", "a%");
}

Test(call, what_are_no_escapes_is_no_name)
{
    assert_unescaped("a%", NULL);
    assert_unescaped("a%2", NULL);
    assert_unescaped("a%zz", NULL);
    assert_unescaped("%%41", NULL);
}

/* ---- who asks ------------------------------------------------------------------------------ */

static void read_call(void)
{
    call_read(&call, &asked, plan);
}

Test(call, a_key_comes_in_any_of_three_headers)
{
    static const char *const rows[][2] = { { "Authorization", "Bearer k" },
                                           { "authorization", "bearer   k" },
                                           { "X-Api-Key", "k" },
                                           { "api-key", "k" } };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        asked.field_count = 0;
        with(&asked, rows[i][0], rows[i][1]);
        read_call();
        cr_expect(str_eq(call.key, STR("k")), "%s", rows[i][0]);
    }
}

Test(call, another_scheme_is_no_key)
{
    with(&asked, "Authorization", "Basic k");
    read_call();
    cr_assert_null(call.key.at);
}

Test(call, a_sane_request_id_is_kept)
{
    with(&asked, "X-Request-ID", "abc-123");
    read_call();
    cr_assert_str_eq(call.request_id, "abc-123");
}

Test(call, another_request_id_is_replaced_by_ours)
{
    static char endless[200];
    static const char *const ids[] = {
        "", "a b", "a\"b", "a\\b", "\xc3\xa4", "a\x7f", endless
    };

    memset(endless, 'a', sizeof(endless) - 1);
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        asked.field_count = 0;
        with(&asked, "x-request-id", ids[i]);
        read_call();
        cr_expect_eq(strlen(call.request_id), 36, "%s", call.request_id);
        cr_expect_eq(call.request_id[14], '7', "%s", call.request_id);
    }
}

Test(call, the_longest_sane_request_id_fits)
{
    static char id[CALL_ID_BYTES];

    memset(id, 'a', sizeof(id) - 1);
    with(&asked, "x-request-id", id);
    read_call();
    cr_assert_str_eq(call.request_id, id);
}

Test(call, the_shorter_timeout_counts)
{
    with(&asked, "x-weir-timeout", "9s");
    with(&asked, "x-weir-timeout", "5s");
    with(&asked, "x-weir-timeout", "7s");
    read_call();
    cr_assert_eq(call.timeout_us, 5000000);
}

Test(call, what_an_sdk_says_is_its_patience_not_a_deadline)
{
    with(&asked, "x-stainless-timeout", "3");
    read_call();
    cr_assert_eq(call.timeout_us, 0);
    cr_assert_eq(call.patience_us, 3000000);
}

/* ---- what travels ---------------------------------------------------------------------------- */

static bool travels(const char *name)
{
    const char *const *lines;

    asked.field_count = 0;
    with(&asked, name, "v");
    read_call();
    lines = call_headers(&asked, &arena);
    return lines[0] != NULL;
}

Test(call, what_must_never_travel_does_not)
{
    static const char *const names[] = { "Authorization",
                                         "x-api-key",
                                         "API-Key",
                                         "x-goog-api-key",
                                         "Cookie",
                                         "Proxy-Authorization",
                                         "proxy-anything",
                                         "Host",
                                         "Connection",
                                         "Content-Length",
                                         "Keep-Alive",
                                         "Transfer-Encoding",
                                         "TE",
                                         "Upgrade",
                                         "Expect",
                                         "X-Weir-Timeout",
                                         "x-weir-user",
                                         "Accept-Encoding",
                                         "Cache-Control",
                                         "Content-Type" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        cr_expect_not(travels(names[i]), "%s", names[i]);
}

Test(call, a_configuration_cannot_make_credentials_travel)
{
    struct upstream *u = upstream_new(STR("one"), NULL);

    u->forward = calloc(1, sizeof(struct str));
    u->forward[0] = (struct str){ strdup("cookie"), 6 };
    u->forward_count = 1;
    cr_assert(map_put(plan->upstreams, STR("one"), u));
    cr_assert_not(travels("Cookie"));
}

Test(call, others_are_handed_on_as_they_came)
{
    const char *const *lines;

    with(&asked, "TraceParent", "00-1");
    with(&asked, "Cookie", "a=b");
    with(&asked, "OpenAI-Beta", "x");
    read_call();
    lines = call_headers(&asked, &arena);
    cr_assert_str_eq(lines[0], "TraceParent: 00-1");
    cr_assert_str_eq(lines[1], "OpenAI-Beta: x");
    cr_assert_null(lines[2]);
}

Test(call, what_the_connection_names_stays)
{
    const char *const *lines;

    with(&asked, "x-one", "1");
    with(&asked, "Connection", "close, X-One");
    read_call();
    lines = call_headers(&asked, &arena);
    cr_assert_null(lines[0]);
}

/* ---- what is part of the key ------------------------------------------------------------------ */

static struct str key_headers(void)
{
    read_call();
    return call_key_headers(&call, &arena);
}

Test(call, most_requests_have_no_altering_headers)
{
    with(&asked, "user-agent", "x");
    with(&asked, "traceparent", "y");
    cr_assert(str_eq(key_headers(), STR("")));
}

Test(call, altering_headers_stand_sorted)
{
    with(&asked, "openai-project", "p");
    with(&asked, "openai-beta", "b");
    with(&asked, "openai-beta", "a");
    cr_assert(
        str_eq(key_headers(), STR("openai-beta: a\nopenai-beta: b\nopenai-project: p\n")));
}

Test(call, the_case_of_a_headers_name_does_not_make_another_key)
{
    with(&asked, "OpenAI-Project", "P");
    with(&asked, "openai-Beta", "b");
    cr_assert(str_eq(key_headers(), STR("openai-beta: b\nopenai-project: P\n")));
}

Test(call, what_the_configuration_forwards_is_part_of_the_key)
{
    struct upstream *u = upstream_new(STR("one"), NULL);

    u->forward = calloc(1, sizeof(struct str));
    u->forward[0] = (struct str){ strdup("x-team"), 6 };
    u->forward_count = 1;
    cr_assert(map_put(plan->upstreams, STR("one"), u));
    with(&asked, "X-Team", "a");
    cr_assert(str_eq(key_headers(), STR("x-team: a\n")));
}

Test(call, with_more_altering_headers_than_a_key_holds_nothing_is_kept)
{
    for (size_t i = 0; i < CALL_ALTERING; i++)
        with(&asked, "openai-beta", "x");
    read_call();
    cr_assert_not(call.cache.no_store);
    with(&asked, "openai-beta", "y");
    read_call();
    cr_assert(call.cache.no_store && call.cache.no_cache);
}
