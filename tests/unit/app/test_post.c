/* SPDX-License-Identifier: Apache-2.0 */
#include "post.h"

#include "upstream.h"
#include "weir/net/loop.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct post_kit kit;
static struct upstream server;
static struct post post;
static char url[64], heard[4096], answer[128];
static bool taken, silent;
static unsigned dones;

static void serve(struct upstream *u, int fd, unsigned nth)
{
    char drop[70000];

    (void)nth;
    if (!upstream_hear(u, fd, heard, sizeof(heard)))
        return;
    if (silent) {
        upstream_await_close(u, fd);
        return;
    }
    upstream_say(fd, answer);
    if (strstr(answer, "9999999")) {
        memset(drop, 'x', sizeof(drop) - 1);
        drop[sizeof(drop) - 1] = '\0';
        upstream_say(fd, drop);
        upstream_await_close(u, fd);
    }
}

static void on_done(struct post *p, bool was_taken)
{
    taken = was_taken;
    dones++;
    loop_stop(p->kit->loop);
}

static void start(void)
{
    kit.loop = loop_new(NULL);
    kit.resolver = resolver_new(kit.loop);
    kit.fetcher = fetcher_new(kit.loop);
    upstream_start(&server, serve);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/hook?a=b", server.port);
    (void)snprintf(answer, sizeof(answer), "HTTP/1.1 204 Fine\r\n\r\n");
}

static void stop(void)
{
    post_deinit(&post);
    fetcher_free(kit.fetcher);
    resolver_free(kit.resolver);
    loop_free(kit.loop);
    upstream_stop(&server);
}

TestSuite(post, .init = start, .fini = stop, .timeout = 30);

static void send_to(const char *where, const char *tail)
{
    static const char *const headers[] = { "Content-Type: application/json", "X-A: b", NULL };

    post_init(&post, &kit, str_of(where), tail, on_done);
    post_start(&post, headers, STR("{\"a\":1}"));
    cr_assert_eq(dones, 0, "never from inside start");
    loop_run(kit.loop);
    cr_assert_eq(dones, 1);
}

Test(post, it_sends_its_headers_and_body_and_is_taken_with_a_2xx)
{
    send_to(url, "");
    cr_assert(taken, "%s", post.why);
    cr_assert(strstr(heard, "POST /hook?a=b HTTP/1.1\r\n"), "%s", heard);
    cr_assert(strstr(heard, "X-A: b\r\n"));
    cr_assert(strstr(heard, "\r\n\r\n{\"a\":1}"));
}

Test(post, anything_else_is_not_taken)
{
    (void)snprintf(answer, sizeof(answer),
                   "HTTP/1.1 302 There\r\nLocation: /\r\nContent-Length: 0\r\n\r\n");
    send_to(url, "");
    cr_assert_not(taken);
    cr_assert_str_eq(post.why, "status 302");
}

Test(post, how_long_an_answer_asks_to_be_left_alone_is_noted)
{
    (void)snprintf(answer, sizeof(answer),
                   "HTTP/1.1 429 Slower\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n");
    send_to(url, "");
    cr_assert_not(taken);
    cr_assert_eq(post.alone_ms, 7000);
    (void)snprintf(answer, sizeof(answer), "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
    post_start(&post, (const char *const[]){ NULL }, STR("{}"));
    loop_run(kit.loop);
    cr_assert_eq(post.alone_ms, -1);
}

Test(post, it_can_be_sent_again)
{
    (void)snprintf(answer, sizeof(answer), "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
    send_to(url, "");
    cr_assert_not(taken);
    (void)snprintf(answer, sizeof(answer), "HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n");
    post_start(&post, (const char *const[]){ NULL }, STR("{}"));
    loop_run(kit.loop);
    cr_assert(taken && dones == 2, "%s", post.why);
}

Test(post, a_tail_stands_behind_a_path_with_one_slash_between)
{
    char base[64];

    (void)snprintf(base, sizeof(base), "http://localhost:%u/am//", server.port);
    send_to(base, "/api/v2/alerts");
    cr_assert(taken, "%s", post.why);
    cr_assert(strstr(heard, "POST /am/api/v2/alerts HTTP/1.1\r\n"), "%s", heard);
}

Test(post, people_are_shown_host_and_port_alone)
{
    post_init(&post, &kit, STR("https://[::1]:8443/T0KEN?key=s"), "", on_done);
    cr_assert(str_eq(post.where, STR("[::1]:8443")));
    cr_assert(str_eq(post.host, STR("[::1]")));
    post_deinit(&post);
    post_init(&post, &kit, STR("http://example.com?key=s"), "", on_done);
    cr_assert(str_eq(post.where, STR("example.com")) && str_eq(post.host, post.where));
}

Test(post, a_name_that_nobody_knows_is_not_taken)
{
    send_to("http://no-such-host.invalid/a", "");
    cr_assert_not(taken);
    cr_assert_str_eq(post.why, "its name has no address");
}

Test(post, an_answer_without_end_is_not_waited_for)
{
    (void)snprintf(answer, sizeof(answer),
                   "HTTP/1.1 200 Fine\r\nContent-Length: 9999999\r\n\r\n");
    send_to(url, "");
    cr_assert(taken, "%s", post.why);
}

Test(post, one_that_is_not_answered_ends_after_ten_seconds)
{
    silent = true;
    send_to(url, "");
    cr_assert_not(taken);
    cr_assert_str_eq(post.why, "timeout");
}

static void on_turn(struct timer *t)
{
    (void)t;
    post_cancel(&post);
    cr_assert_eq(dones, 0, "never from inside cancel");
}

Test(post, one_that_is_called_off_ends_at_once)
{
    struct timer turn;

    silent = true;
    timer_init(&turn, kit.loop, on_turn);
    timer_arm(&turn, 50 * 1000);
    send_to(url, "");
    cr_assert_not(taken);
    cr_assert_str_eq(post.why, "cancelled");
    cr_assert_not(post_is_under_way(&post));
}
