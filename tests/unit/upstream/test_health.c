/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/upstream/health.h"

#include "weir/base/metric.h"
#include "weir/net/fetch.h"
#include "weir/net/loop.h"
#include "weir/net/resolve.h"
#include "weir/net/tcp.h"
#include "weir/net/timer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Real sockets, names and time; the pool alone is a fake, linked in place of the real one: it
 * holds the endpoints that a test gives it, and writes down what it hears of them.
 */

/* ---- the pool ---------------------------------------------------------------------------- */

enum { PLACES = 4 };

struct pool {
    int refs;
    struct upstream_endpoint at[PLACES];
    char urls[PLACES][64];
    size_t count;
    bool down[PLACES];
    unsigned good[PLACES], bad[PLACES];
    char addresses[256], site[64];
    unsigned renewals;
};

static struct loop *loop;
static struct pool pool;
static bool (*enough)(void); /* run() goes on until then */

static void look_up(void)
{
    if (enough && enough())
        loop_stop(loop);
}

struct pool *pool_ref(struct pool *p)
{
    p->refs++;
    return p;
}

void pool_unref(struct pool *p)
{
    p->refs--;
}

struct str pool_name(const struct pool *p)
{
    (void)p;
    return STR("local");
}

struct upstream_endpoint *endpoint_ref(struct upstream_endpoint *e)
{
    e->refs++;
    return e;
}

void endpoint_unref(struct upstream_endpoint *e)
{
    if (e)
        e->refs--;
}

size_t pool_read(struct pool *p, struct pool_numbers out[POOL_ENDPOINTS])
{
    for (size_t i = 0; i < p->count; i++)
        out[i] = (struct pool_numbers){ .label = p->at[i].label,
                                        .endpoint = endpoint_ref(&p->at[i]),
                                        .state = p->down[i] ? "down" : "closed",
                                        .healthy = !p->down[i] };
    return p->count;
}

void pool_note_probe(struct pool *p, struct upstream_endpoint *e, bool good)
{
    size_t i = (size_t)(e - p->at);

    if (good)
        p->good[i]++;
    else
        p->bad[i]++;
    p->down[i] = !good;
    look_up();
}

void pool_set_addresses(struct pool *p, struct str url, struct str addresses)
{
    (void)snprintf(p->site, sizeof(p->site), "%.*s", STR_ARG(url));
    (void)snprintf(p->addresses, sizeof(p->addresses), "%.*s", STR_ARG(addresses));
    p->renewals++;
    look_up();
}

static void add_endpoint(const char *host, unsigned port, const char *address)
{
    struct upstream_endpoint *e = &pool.at[pool.count];
    char *url = pool.urls[pool.count++];
    size_t head = strlen("http://");
    int n = snprintf(url, sizeof(pool.urls[0]), "http://%s:%u", host, port);

    (void)snprintf(url + n, sizeof(pool.urls[0]) - (size_t)n, "/v1");
    *e = (struct upstream_endpoint){ .refs = 1,
                                     .url = url,
                                     .host = { url + head, strlen(host) },
                                     .label = { url + head, (size_t)n - head },
                                     .address = (char *)(uintptr_t)address,
                                     .numeric = resolve_is_numeric(str_of(host)) };
}

/* ---- a model server ----------------------------------------------------------------------- */

struct server {
    struct listener *listener;
    unsigned port;
    const char *answer; /* NULL: it says nothing */
    bool floods;        /* goes on and on with its body */
    unsigned asked, open, most_open;
    char heard[512];
};

static struct server servers[2];
static struct metrics *metrics;
static struct fetcher *fetcher;
static struct resolver *resolver;
static struct health *health;
static struct upstream upstream;

static void say(struct tcp *t, const char *text)
{
    struct str part = str_of(text);

    tcp_write(t, &part, 1);
}

static void on_data(struct tcp *t, struct str bytes)
{
    struct server *s = tcp_owner(t);

    (void)snprintf(s->heard, sizeof(s->heard), "%.*s", STR_ARG(bytes));
    s->asked++;
    if (s->answer)
        say(t, s->answer);
    for (int i = 0; s->floods && i < 4096; i++)
        say(t, "0123456789abcdef0123456789abcdef");
    if (s->answer && !s->floods)
        tcp_close_gently(t);
    look_up();
}

static void on_over(struct tcp *t)
{
    tcp_close(t);
}

static void on_drained(struct tcp *t)
{
    (void)t;
}

static void on_closed(struct tcp *t)
{
    struct server *s = tcp_owner(t);

    s->open--;
    look_up();
}

static const struct tcp_events server_events = { on_data, on_over, on_over, on_drained,
                                                 on_closed };

static void on_accepted(void *owner, struct tcp *t)
{
    struct server *s = owner;

    s->open++;
    s->most_open = s->open > s->most_open ? s->open : s->most_open;
    tcp_own(t, s, &server_events);
}

static _Atomic unsigned connections;

static void serve_at(struct server *s, const char *address, const char *answer)
{
    struct listener_settings settings = { str_of(address), 64, &connections };
    struct fault why;

    cr_assert_eq(listener_open(&s->listener, loop, &settings, &why), OK, "%s", why.text);
    s->port = listener_port(s->listener);
    s->answer = answer;
    listener_start(s->listener, on_accepted, s);
}

#define WELL "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define ILL "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
#define VAST "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"

/* ---- the stage ----------------------------------------------------------------------------- */

static struct timer stop_timer;

static void on_stop(struct timer *t)
{
    loop_stop(t->loop);
}

static void start(void)
{
    metrics = metrics_new();
    loop = loop_new(metrics_shard(metrics));
    fetcher = fetcher_new(loop);
    resolver = resolver_new(loop);
    health = health_new(loop, fetcher, resolver);
    timer_init(&stop_timer, loop, on_stop);
    upstream = (struct upstream){
        .name = (char *)(uintptr_t) "local",
        .pool = &pool,
        .health = { .path = (char *)(uintptr_t) "/health",
                    .interval_us = 20 * 1000,
                    .timeout_us = 10 * 1000 * 1000 },
        .target = { .connect_timeout_us = 1000 * 1000, .idle_s = 10 },
    };
    serve_at(&servers[0], "127.0.0.1:0", WELL);
}

static void run_until(bool (*done)(void))
{
    enough = done;
    loop_run(loop);
    enough = NULL;
}

static void run_ms(uint64_t ms)
{
    timer_arm(&stop_timer, ms * 1000);
    loop_run(loop);
}

static bool is_idle(void)
{
    return health_is_idle(health) && servers[0].open == 0 && servers[1].open == 0;
}

static void finish(void)
{
    health_stop(health);
    while (!is_idle())
        run_ms(5);
    health_free(health);
    cr_assert_eq(pool.refs, 0);
    for (size_t i = 0; i < PLACES; i++)
        cr_assert(pool.at[i].refs <= 1, "somebody still holds endpoint %zu", i);
    for (size_t i = 0; i < 2; i++)
        listener_close(servers[i].listener);
    fetcher_free(fetcher);
    resolver_free(resolver);
    loop_free(loop);
    metrics_free(metrics);
}

TestSuite(health, .init = start, .fini = finish, .timeout = 60);

static void watch(void)
{
    struct upstream *all[] = { &upstream };

    health_watch(health, all, 1);
}

static bool heard_once(void)
{
    return pool.good[0] + pool.bad[0] >= 1;
}

static bool heard_thrice(void)
{
    return pool.good[0] + pool.bad[0] >= 3;
}

static int64_t count(const char *result)
{
    return metric_read(metrics, METRIC_PROBES,
                       METRIC_LABEL(STR("local"), pool.at[0].label, str_of(result)));
}

/* ---- what is good --------------------------------------------------------------------------- */

Test(health, a_2xx_is_good)
{
    add_endpoint("127.0.0.1", servers[0].port, NULL);
    watch();
    run_until(heard_once);
    cr_assert_eq(pool.good[0], 1);
    cr_assert_eq(count("ok"), 1);
}

Test(health, another_status_is_bad)
{
    servers[0].answer = ILL;
    add_endpoint("127.0.0.1", servers[0].port, NULL);
    watch();
    run_until(heard_once);
    cr_assert_eq(pool.bad[0], 1);
    cr_assert_eq(count("status"), 1);
}

Test(health, a_port_at_which_nobody_listens_is_bad)
{
    add_endpoint("127.0.0.1", servers[0].port, NULL);
    listener_close(servers[0].listener);
    servers[0].listener = NULL;
    watch();
    run_until(heard_once);
    cr_assert_eq(pool.bad[0], 1);
    cr_assert_eq(count("unreachable"), 1);
}

Test(health, silence_for_the_timeout_is_bad)
{
    servers[0].answer = NULL;
    upstream.health.timeout_us = 50 * 1000;
    add_endpoint("127.0.0.1", servers[0].port, NULL);
    watch();
    run_until(heard_once);
    cr_assert_eq(pool.bad[0], 1);
    cr_assert_eq(count("timeout"), 1);
}

Test(health, an_answer_that_breaks_off_is_bad)
{
    servers[0].answer = VAST;
    add_endpoint("127.0.0.1", servers[0].port, NULL);
    watch();
    run_until(heard_once);
    cr_assert_eq(count("broken"), 1);
}

Test(health, no_more_of_a_body_is_read_than_is_needed)
{
    servers[0].answer = VAST;
    servers[0].floods = true;
    add_endpoint("127.0.0.1", servers[0].port, NULL);
    watch();
    run_until(heard_once);
    cr_assert_eq(pool.good[0], 1);
}

Test(health, a_name_that_does_not_resolve_is_bad)
{
    add_endpoint("no-such-host.invalid", servers[0].port, NULL);
    watch();
    run_until(heard_once);
    cr_assert_eq(count("unreachable"), 1);
}

/* ---- what is asked -------------------------------------------------------------------------- */

Test(health, the_path_stands_at_the_root_of_the_server)
{
    add_endpoint("127.0.0.1", servers[0].port, NULL);
    watch();
    run_until(heard_once);
    cr_assert(str_starts(str_of(servers[0].heard), STR("GET /health HTTP/1.1\r\n")), "%s",
              servers[0].heard);
    cr_assert(strstr(servers[0].heard, "Accept-Encoding: identity\r\n"));
}

Test(health, the_first_key_is_shown)
{
    char *keys[] = { (char *)(uintptr_t) "Authorization: Bearer one",
                     (char *)(uintptr_t) "Authorization: Bearer two" };

    upstream.auth = keys;
    upstream.auth_count = 2;
    add_endpoint("127.0.0.1", servers[0].port, NULL);
    watch();
    run_until(heard_once);
    cr_assert(strstr(servers[0].heard, "Authorization: Bearer one\r\n"));
    cr_assert_null(strstr(servers[0].heard, "two"));
}

Test(health, each_probe_has_a_connection_of_its_own)
{
    add_endpoint("127.0.0.1", servers[0].port, NULL);
    watch();
    run_until(heard_thrice);
    cr_assert_eq(pool.good[0], 3);
    cr_assert_eq(servers[0].most_open, 1);
}

Test(health, an_endpoint_with_an_address_is_asked_there)
{
    char at[32];

    (void)snprintf(at, sizeof(at), "127.0.0.2:%u", servers[0].port);
    serve_at(&servers[1], at, ILL);
    add_endpoint("models.invalid", servers[0].port, "127.0.0.1");
    add_endpoint("models.invalid", servers[0].port, "127.0.0.2");
    watch();
    run_until(heard_thrice);
    cr_assert_eq(pool.bad[0], 0);
    cr_assert_eq(pool.good[1], 0);
    cr_assert_gt(pool.bad[1], 1);
}

Test(health, no_path_means_no_questions)
{
    upstream.health.path = NULL;
    add_endpoint("127.0.0.1", servers[0].port, NULL);
    watch();
    run_ms(100);
    cr_assert_eq(servers[0].asked, 0);
}

/* ---- when ----------------------------------------------------------------------------------- */

static bool asked_once(void)
{
    return servers[0].asked >= 1;
}

Test(health, an_endpoint_that_is_silent_is_asked_once_at_a_time)
{
    servers[0].answer = NULL;
    add_endpoint("127.0.0.1", servers[0].port, NULL);
    watch();
    run_until(asked_once);
    run_ms(150);
    cr_assert_eq(servers[0].asked, 1);
}

Test(health, the_first_probes_of_a_pool_are_spread_over_the_interval)
{
    upstream.health.interval_us = 600 * 1000 * 1000;
    add_endpoint("127.0.0.1", servers[0].port, NULL);
    add_endpoint("127.0.0.1", servers[0].port, NULL);
    watch();
    run_until(heard_once);
    run_ms(50);
    cr_assert_eq(pool.good[0] + pool.good[1], 1);
}

static bool second_heard(void)
{
    return pool.good[1] >= 1;
}

Test(health, who_joins_the_pool_is_asked_too)
{
    add_endpoint("127.0.0.1", servers[0].port, NULL);
    watch();
    run_until(heard_once);
    add_endpoint("127.0.0.1", servers[0].port, NULL);
    run_until(second_heard);
    cr_assert_geq(pool.good[1], 1);
}

Test(health, who_has_left_the_pool_is_asked_no_more)
{
    add_endpoint("127.0.0.1", servers[0].port, NULL);
    add_endpoint("127.0.0.1", servers[0].port, NULL);
    watch();
    run_until(second_heard);
    pool.count = 1;
    pool.good[0] = 0;
    run_until(heard_once);
    pool.good[1] = 0;
    pool.good[0] = 0;
    run_until(heard_thrice);
    cr_assert_eq(pool.good[1], 0);
    cr_assert_eq(pool.at[1].refs, 1);
}

Test(health, who_leaves_while_being_asked_is_let_go)
{
    servers[0].answer = NULL;
    add_endpoint("127.0.0.1", servers[0].port, NULL);
    watch();
    run_until(asked_once);
    health_watch(health, NULL, 0);
    upstream = (struct upstream){ 0 }; /* nothing of it may be touched any more */
    cr_assert_not(health_is_idle(health));
    while (!is_idle())
        run_ms(5);
    cr_assert_eq(pool.good[0] + pool.bad[0], 0);
}

Test(health, an_upstream_without_a_pool_is_left_out)
{
    upstream.pool = NULL;
    watch();
    run_ms(10);
    cr_assert(health_is_idle(health));
}

/* ---- names ---------------------------------------------------------------------------------- */

static bool renewed(void)
{
    return pool.renewals >= 1;
}

Test(health, the_addresses_of_a_name_are_told_to_the_pool)
{
    char url[] = "http://localhost:9/v1";
    struct upstream_site sites[] = { { .url = url, .host = { url + 7, 9 } } };

    upstream.health.path = NULL;
    upstream.each_address = true;
    upstream.sites = sites;
    upstream.site_count = 1;
    watch();
    run_until(renewed);
    cr_assert_str_eq(pool.site, url);
    cr_assert(strstr(pool.addresses, "127.0.0.1") || strstr(pool.addresses, "[::1]"));
}

Test(health, an_address_is_not_looked_up)
{
    char url[] = "http://127.0.0.1:9";
    struct upstream_site sites[] = { { .url = url, .host = { url + 7, 9 }, .numeric = true } };

    upstream.each_address = true;
    upstream.sites = sites;
    upstream.site_count = 1;
    watch();
    run_ms(50);
    cr_assert_eq(pool.renewals, 0);
}

/* ---- presets -------------------------------------------------------------------------------- */

Test(health, presets_name_the_cheap_path_of_a_model_server)
{
    cr_assert_str_eq(health_preset(STR("vllm")), "/health");
    cr_assert_str_eq(health_preset(STR("llamacpp")), "/health");
    cr_assert_str_eq(health_preset(STR("tgi")), "/health");
    cr_assert_str_eq(health_preset(STR("triton")), "/v2/health/ready");
    cr_assert_str_eq(health_preset(STR("ollama")), "/api/version");
    cr_assert_null(health_preset(STR("openai")));
}
