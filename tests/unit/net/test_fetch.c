/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/net/fetch.h"

#include "weir/base/buf.h"
#include "weir/base/clock.h"
#include "weir/net/loop.h"
#include "weir/net/timer.h"

#include "upstream.h"

#include <criterion/criterion.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEARD = 1024 * 1024 };

static struct loop *loop;
static struct fetcher *fetcher;
static struct upstream up;
static const struct fetch_target target = { .connect_timeout_us = 500 * 1000, .idle_s = 15 };

/* What one fetch told. */
static struct fetch fetch;
static struct buf got;
static struct str body[3]; /* lent to it */
static unsigned connected, heads, dones;
static enum err ended;
static void (*when_connected)(struct fetch *f);
static void (*when_head)(struct fetch *f);
static void (*when_data)(struct fetch *f);
static void (*when_done)(struct fetch *f);

static void on_connected(struct fetch *f)
{
    connected++;
    if (when_connected)
        when_connected(f);
}

static void on_head(struct fetch *f)
{
    heads++;
    if (when_head)
        when_head(f);
}

static void on_data(struct fetch *f, struct str bytes)
{
    buf_put(&got, bytes);
    if (when_data)
        when_data(f);
}

static void on_done(struct fetch *f, enum err err)
{
    ended = err;
    dones++;
    if (when_done)
        when_done(f);
    else
        loop_stop(loop);
}

static const struct fetch_events events = { on_connected, on_head, on_data, on_done };

static void begin(void)
{
    loop = loop_new(NULL);
    fetcher = fetcher_new(loop);
    body[0] = STR("{\"model\":");
    body[1] = STR("\"m\"");
    body[2] = STR("}");
}

static void finish(void)
{
    fetcher_free(fetcher);
    loop_free(loop);
    buf_deinit(&got);
    if (up.thread)
        upstream_stop(&up);
}

TestSuite(fetch, .init = begin, .fini = finish, .timeout = 30);

static const char *const headers[] = { "Content-Type: application/json", "X-One: 1", NULL };

static void call_port(unsigned port, const struct str *parts, size_t count, bool fresh)
{
    char url[64];
    struct fetch_call call = { .target = &target,
                               .method = parts ? "POST" : "GET",
                               .url = url,
                               .headers = headers,
                               .body = parts,
                               .body_parts = count,
                               .fresh = fresh };

    snprintf(url, sizeof(url), "http://127.0.0.1:%u/v1/x", port);
    buf_reset(&got);
    fetch_start(fetcher, &fetch, &call, &events);
}

static void call(void)
{
    call_port(up.port, body, 3, false);
}

static bool got_is(const char *text)
{
    return str_eq(buf_str(&got), str_of(text));
}

/* ---- plain answers ---- */

static char heard[HEARD];

static void answer_always(struct upstream *u, int fd, unsigned nth)
{
    (void)nth;
    while (upstream_hear(u, fd, heard, sizeof(heard)))
        upstream_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Two: zwei\r\n\r\nhello");
}

Test(fetch, tells_of_head_data_and_end_in_this_order)
{
    upstream_start(&up, answer_always);
    call();
    cr_assert_eq(dones, 0);
    loop_run(loop);
    cr_assert_eq(ended, OK);
    cr_assert_eq(connected + heads + dones, 3);
    cr_assert_eq(fetch.status, 200);
    cr_assert(fetch.sent);
    cr_assert(got_is("hello"));
}

Test(fetch, sends_the_parts_of_a_body_as_one_and_the_headers_as_given)
{
    upstream_start(&up, answer_always);
    call();
    loop_run(loop);
    cr_assert_not_null(strstr(heard, "POST /v1/x HTTP/1.1\r\n"));
    cr_assert_not_null(strstr(heard, "\r\nX-One: 1\r\n"));
    cr_assert_not_null(strstr(heard, "\r\nContent-Length: 13\r\n"));
    cr_assert_not_null(strstr(heard, "\r\n\r\n{\"model\":\"m\"}"));
    cr_assert_null(strstr(heard, "Expect"));
}

Test(fetch, sends_a_large_body_in_parts)
{
    struct str parts[3];
    char *a = malloc(300000);

    memset(a, 'a', 300000);
    parts[0] = (struct str){ a, 300000 };
    parts[1] = STR("-middle-");
    parts[2] = (struct str){ a, 100000 };
    upstream_start(&up, answer_always);
    for (unsigned i = 0; i < 3; i++) {
        call_port(up.port, parts, 3, false);
        loop_run(loop);
        cr_assert_eq(ended, OK);
        cr_assert(fetch.sent);
        cr_assert_eq(strlen(strstr(heard, "\r\n\r\n") + 4), 400008);
        cr_assert_eq(strncmp(strstr(heard, "-middle-") + 8, "aaa", 3), 0);
    }
    free(a);
}

static void read_headers(struct fetch *f)
{
    struct fetch_header_at at = { 0 };
    unsigned count = 0;

    while (fetch_next_header(f, &at))
        count++;
    cr_assert_eq(count, 2);
    cr_assert(str_eq(fetch_header(f, "x-two"), STR("zwei")));
    cr_assert_null(fetch_header(f, "x-three").at);
}

static void read_headers_and_stop(struct fetch *f)
{
    read_headers(f);
    loop_stop(loop);
}

Test(fetch, headers_are_readable_from_the_head_until_the_end)
{
    upstream_start(&up, answer_always);
    when_head = read_headers;
    when_done = read_headers_and_stop;
    call();
    loop_run(loop);
    cr_assert_eq(heads, 1);
}

Test(fetch, uses_a_pooled_connection_again)
{
    upstream_start(&up, answer_always);
    for (unsigned i = 0; i < 50; i++) {
        call();
        loop_run(loop);
        cr_assert_eq(ended, OK);
    }
    cr_assert_eq(atomic_load(&up.requests), 50);
}

static void answer_get(struct upstream *u, int fd, unsigned nth)
{
    (void)nth;
    if (upstream_hear(u, fd, heard, sizeof(heard)))
        upstream_say(fd, "HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\n"
                         "HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\nno");
}

Test(fetch, leaves_interim_answers_out)
{
    upstream_start(&up, answer_get);
    call_port(up.port, NULL, 0, false);
    loop_run(loop);
    cr_assert_eq(ended, OK);
    cr_assert_eq(heads, 1);
    cr_assert_eq(fetch.status, 404);
    cr_assert(got_is("no"));
    cr_assert_not_null(strstr(heard, "GET /v1/x"));
}

/* ---- a dead pooled connection ---- */

static void answer_once_then_close(struct upstream *u, int fd, unsigned nth)
{
    (void)nth;
    if (upstream_hear(u, fd, heard, sizeof(heard)))
        upstream_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

static void answer_once_then_reset(struct upstream *u, int fd, unsigned nth)
{
    answer_once_then_close(u, fd, nth);
    upstream_reset(fd);
}

static void expect_no_hidden_replay(upstream_fn *script)
{
    unsigned stale = 0;

    upstream_start(&up, script);
    for (unsigned i = 0; i < 200; i++) {
        call();
        loop_run(loop);
        stale += fetch.stale;
        cr_assert(ended != ERR_UPSTREAM_UNREACHABLE || fetch.stale);
        cr_assert_leq(atomic_load(&up.requests), i + 1);
    }
    cr_assert_eq(atomic_load(&up.requests) + stale, 200);
}

Test(fetch, closed_idle_connections_never_make_a_request_go_out_twice)
{
    expect_no_hidden_replay(answer_once_then_close);
}

Test(fetch, reset_idle_connections_never_make_a_request_go_out_twice)
{
    expect_no_hidden_replay(answer_once_then_reset);
}

/* The second request is read and then the connection closed: a replay would come third. */
static void swallow_the_second(struct upstream *u, int fd, unsigned nth)
{
    if (nth > 0) {
        answer_always(u, fd, nth);
        return;
    }
    if (upstream_hear(u, fd, heard, sizeof(heard)))
        upstream_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    (void)upstream_hear(u, fd, heard, sizeof(heard));
}

Test(fetch, a_request_swallowed_by_a_pooled_connection_ends_as_stale_after_one_sending)
{
    upstream_start(&up, swallow_the_second);
    call();
    loop_run(loop);
    call();
    loop_run(loop);
    cr_assert_eq(ended, ERR_UPSTREAM_UNREACHABLE);
    cr_assert(fetch.stale);
    cr_assert_eq(atomic_load(&up.requests), 2);
    call_port(up.port, &STR("x"), 1, true);
    loop_run(loop);
    cr_assert_eq(ended, OK);
    cr_assert_eq(atomic_load(&up.requests), 3);
}

/* Longer than a tick of the kernel's, of which there are a hundred a second at least. */
enum { THINKING_US = 30 * 1000 };

/* The second request is answered with less than a line. */
static void break_off_the_second(struct upstream *u, int fd, unsigned nth)
{
    if (nth > 0) {
        answer_always(u, fd, nth);
        return;
    }
    if (upstream_hear(u, fd, heard, sizeof(heard)))
        upstream_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    if (upstream_hear(u, fd, heard, sizeof(heard))) {
        (void)usleep(THINKING_US); /* the time itself tells the two apart */
        upstream_say(fd, "HTTP/1.1 2");
    }
}

Test(fetch, a_pooled_connection_that_closes_inside_the_status_line_has_broken_off)
{
    upstream_start(&up, break_off_the_second);
    call();
    loop_run(loop);
    call();
    loop_run(loop);
    cr_assert_eq(ended, ERR_UPSTREAM_TRUNCATED);
    cr_assert_not(fetch.stale);
    cr_assert_eq(atomic_load(&up.requests), 2);
}

/* After a while, so that it is the closing that comes late, and nothing else. */
static void close_after_the_second(struct upstream *u, int fd, unsigned nth)
{
    if (nth > 0) {
        answer_always(u, fd, nth);
        return;
    }
    if (upstream_hear(u, fd, heard, sizeof(heard)))
        upstream_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    if (upstream_hear(u, fd, heard, sizeof(heard)))
        (void)usleep(THINKING_US); /* the time itself tells the two apart */
}

Test(fetch, a_pooled_connection_that_closes_before_any_byte_is_stale)
{
    upstream_start(&up, close_after_the_second);
    call();
    loop_run(loop);
    call();
    loop_run(loop);
    cr_assert_eq(ended, ERR_UPSTREAM_UNREACHABLE);
    cr_assert(fetch.stale);
}

static void close_idle_while_waiting(struct timer *t)
{
    loop_stop(t->loop);
}

Test(fetch, a_connection_that_closed_while_idle_is_not_used_again)
{
    struct timer t;

    upstream_start(&up, answer_once_then_close);
    call();
    loop_run(loop);
    timer_init(&t, loop, close_idle_while_waiting);
    timer_arm(&t, 50 * 1000);
    loop_run(loop);
    call();
    loop_run(loop);
    cr_assert_eq(ended, OK);
    cr_assert_not(fetch.stale);
}

/* ---- a loop that was held up ---- */

enum { LIMIT_US = 20 * 1000 };

static struct timer limit;
static struct letter letter;
static sem_t has_begun, is_held, has_said;
static bool was_held;
static unsigned late;

/* Until the time is up; but meanwhile more has come. */
static void hold_up(struct letter *l)
{
    (void)l;
    sem_post(&is_held);
    sem_wait(&has_said);
    while (clock_now_us() <= limit.due_us + 5000) /* libuv counts in milliseconds */
        continue;
    was_held = true;
}

static void answer_a_loop_that_is_held_up(struct upstream *u, int fd, unsigned nth)
{
    (void)nth;
    (void)upstream_hear(u, fd, heard, sizeof(heard));
    upstream_say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none");
    sem_wait(&has_begun);
    loop_send(loop, &letter, hold_up);
    sem_wait(&is_held);
    upstream_say(fd, "two");
    sem_post(&has_said);
}

static void on_limit(struct timer *t)
{
    if (was_held)
        late++;
    else
        timer_arm(t, LIMIT_US); /* it was the upstream's thread that was held up */
}

static void watch_limit(struct fetch *f)
{
    (void)f;
    if (got_is("onetwo")) {
        timer_disarm(&limit);
        return;
    }
    timer_arm(&limit, LIMIT_US);
    sem_post(&has_begun);
}

Test(fetch, a_loop_that_was_held_up_hears_what_has_come_before_it_looks_at_the_time)
{
    (void)sem_init(&has_begun, 0, 0);
    (void)sem_init(&is_held, 0, 0);
    (void)sem_init(&has_said, 0, 0);
    timer_init(&limit, loop, on_limit);
    when_data = watch_limit;
    upstream_start(&up, answer_a_loop_that_is_held_up);
    call();
    loop_run(loop);
    cr_assert_eq(ended, OK);
    cr_assert(got_is("onetwo"));
    cr_assert_eq(late, 0);
}

/* ---- addresses ---- */

/* By a name that only `addresses` gives a meaning to. */
static void call_name(const char *addresses)
{
    char url[64];
    struct fetch_call named = { .target = &target,
                                .method = "GET",
                                .url = url,
                                .addresses = addresses,
                                .headers = headers };

    snprintf(url, sizeof(url), "http://models.invalid:%u/", up.port);
    buf_reset(&got);
    fetch_start(fetcher, &fetch, &named, &events);
    loop_run(loop);
}

Test(fetch, a_name_is_called_at_the_addresses_that_are_given)
{
    upstream_start(&up, answer_once_then_close);
    call_name("127.0.0.1");
    cr_assert_eq(ended, OK);
    cr_assert_not_null(strstr(heard, "Host: models.invalid:"));
    call_name("127.0.0.3,127.0.0.1");
    cr_assert_eq(ended, OK);
}

Test(fetch, a_pooled_connection_to_another_address_of_the_name_is_not_used)
{
    upstream_start(&up, answer_always);
    call_name("127.0.0.1");
    call_name("127.0.0.3");
    cr_assert_eq(ended, ERR_UPSTREAM_UNREACHABLE);
    cr_assert_eq(atomic_load(&up.requests), 1);
    call_name("127.0.0.1");
    cr_assert_eq(ended, OK);
}

/* ---- what goes wrong ---- */

static void say_and_leave(struct upstream *u, int fd, const char *text)
{
    (void)upstream_hear(u, fd, heard, sizeof(heard));
    upstream_say(fd, text);
}

static void leave_without_a_word(struct upstream *u, int fd, unsigned nth)
{
    (void)nth;
    say_and_leave(u, fd, "");
}

static void break_off_length(struct upstream *u, int fd, unsigned nth)
{
    (void)nth;
    say_and_leave(u, fd, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf");
}

static void break_off_chunks(struct upstream *u, int fd, unsigned nth)
{
    (void)nth;
    say_and_leave(u, fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
}

static void reset_midway(struct upstream *u, int fd, unsigned nth)
{
    break_off_length(u, fd, nth);
    upstream_reset(fd);
}

static void talk_nonsense(struct upstream *u, int fd, unsigned nth)
{
    (void)nth;
    say_and_leave(u, fd, "SSH-2.0-OpenSSH_9.2 and more that is no HTTP at all\r\n\r\n");
}

static void never_end_the_head(struct upstream *u, int fd, unsigned nth)
{
    (void)nth;
    say_and_leave(u, fd, "HTTP/1.1 200 OK\r\n");
    for (unsigned i = 0; i < 40000; i++)
        upstream_say(fd, "X-Filler: 0123456789\r\n");
}

static void expect_end(upstream_fn *script, enum err err)
{
    upstream_start(&up, script);
    call();
    loop_run(loop);
    cr_assert_eq(ended, err, "%s: %s", err_name(ended), fetch.detail);
    cr_assert_eq(dones, 1);
    cr_assert_neq(fetch.detail[0], '\0');
}

Test(fetch, a_close_before_the_head_is_truncated_since_the_request_was_sent)
{
    expect_end(leave_without_a_word, ERR_UPSTREAM_TRUNCATED);
}

Test(fetch, a_body_shorter_than_its_length_is_truncated)
{
    expect_end(break_off_length, ERR_UPSTREAM_TRUNCATED);
    cr_assert(got_is("half"));
}

Test(fetch, chunks_without_their_end_are_truncated)
{
    expect_end(break_off_chunks, ERR_UPSTREAM_TRUNCATED);
    cr_assert(got_is("half"));
}

Test(fetch, a_reset_midway_is_truncated)
{
    expect_end(reset_midway, ERR_UPSTREAM_TRUNCATED);
}

Test(fetch, what_is_not_http_is_malformed)
{
    expect_end(talk_nonsense, ERR_UPSTREAM_MALFORMED);
}

Test(fetch, a_head_that_never_ends_is_malformed)
{
    expect_end(never_end_the_head, ERR_UPSTREAM_MALFORMED);
}

Test(fetch, a_refused_connection_is_unreachable_and_nothing_was_sent)
{
    upstream_start(&up, answer_always);
    upstream_stop(&up);
    up.thread = NULL;
    call();
    loop_run(loop);
    cr_assert_eq(ended, ERR_UPSTREAM_UNREACHABLE);
    cr_assert_not(fetch.sent);
    cr_assert_not(fetch.stale);
    cr_assert_eq(connected, 0);
}

Test(fetch, a_name_is_never_resolved_by_libcurl_when_addresses_are_given)
{
    char url[64];
    struct fetch_call named = {
        .target = &target, .method = "GET", .url = url, .addresses = "127.0.0.1"
    };

    upstream_start(&up, answer_always);
    snprintf(url, sizeof(url), "http://no-such-host.invalid:%u/", up.port);
    fetch_start(fetcher, &fetch, &named, &events);
    loop_run(loop);
    cr_assert_eq(ended, OK);
}

Test(fetch, a_proxy_named_in_the_environment_is_not_asked)
{
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    upstream_start(&up, answer_always);
    call();
    loop_run(loop);
    cr_assert_eq(ended, OK);
}

/* ---- cancelling ---- */

static void hear_then_await_close(struct upstream *u, int fd, unsigned nth)
{
    (void)nth;
    (void)upstream_hear(u, fd, heard, sizeof(heard));
    upstream_await_close(u, fd);
}

static void stream_then_await_close(struct upstream *u, int fd, unsigned nth)
{
    (void)nth;
    say_and_leave(u, fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    upstream_await_close(u, fd);
}

static void cancel(struct fetch *f)
{
    fetch_cancel(f);
    cr_assert_eq(dones, 0);
}

static void cancel_by_timer(struct timer *t)
{
    (void)t;
    cancel(&fetch);
}

static void expect_closed(void)
{
    uint64_t began = clock_now_us();

    cr_assert_eq(ended, ERR_CANCELLED);
    cr_assert_eq(dones, 1);
    while (atomic_load(&up.closes) == 0)
        cr_assert_lt(clock_now_us() - began, 200 * 1000);
}

Test(fetch, a_cancel_right_after_the_start_ends_it_without_a_connection)
{
    upstream_start(&up, answer_always);
    call();
    cancel(&fetch);
    loop_run(loop);
    cr_assert_eq(ended, ERR_CANCELLED);
    cr_assert_eq(connected, 0);
}

Test(fetch, a_cancel_while_waiting_closes_the_connection)
{
    struct timer t;

    upstream_start(&up, hear_then_await_close);
    timer_init(&t, loop, cancel_by_timer);
    timer_arm(&t, 30 * 1000);
    call();
    loop_run(loop);
    expect_closed();
}

Test(fetch, a_cancel_on_the_head_closes_the_connection)
{
    upstream_start(&up, stream_then_await_close);
    when_head = cancel;
    call();
    loop_run(loop);
    expect_closed();
    cr_assert_eq(got.len, 0);
}

Test(fetch, a_cancel_on_data_closes_the_connection)
{
    upstream_start(&up, stream_then_await_close);
    when_data = cancel;
    call();
    loop_run(loop);
    expect_closed();
}

Test(fetch, a_cancel_when_connected_sends_nothing)
{
    upstream_start(&up, hear_then_await_close);
    when_connected = cancel;
    call();
    loop_run(loop);
    expect_closed();
    cr_assert_eq(atomic_load(&up.requests), 0);
}

Test(fetch, a_second_cancel_changes_nothing)
{
    upstream_start(&up, answer_always);
    call();
    cancel(&fetch);
    cancel(&fetch);
    loop_run(loop);
    fetch_cancel(&fetch);
    cr_assert_eq(dones, 1);
}

/* ---- pausing ---- */

enum { MUCH = 8 * 1024 * 1024 };

static void send_much(struct upstream *u, int fd, unsigned nth)
{
    static char block[64 * 1024];

    (void)nth;
    (void)upstream_hear(u, fd, heard, sizeof(heard));
    snprintf(block, sizeof(block), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", MUCH);
    upstream_say(fd, block);
    memset(block, 'x', sizeof(block) - 1);
    for (size_t left = MUCH; left > 0;) {
        size_t now = left < sizeof(block) - 1 ? left : sizeof(block) - 1;

        block[now] = '\0';
        upstream_say(fd, block);
        left -= now;
    }
}

static struct timer wake;
static size_t at_pause;

static void resume_by_timer(struct timer *t)
{
    (void)t;
    cr_assert_leq(got.len - at_pause, 64 * 1024);
    fetch_resume(&fetch);
}

static void pause_often(struct fetch *f)
{
    if (got.len - at_pause < 512 * 1024 || timer_is_armed(&wake))
        return;
    at_pause = got.len;
    fetch_pause(f);
    timer_arm(&wake, 5 * 1000);
}

Test(fetch, a_paused_fetch_holds_data_back_and_loses_none)
{
    upstream_start(&up, send_much);
    timer_init(&wake, loop, resume_by_timer);
    when_data = pause_often;
    call();
    loop_run(loop);
    cr_assert_eq(ended, OK, "%s", fetch.detail);
    cr_assert_eq(got.len, MUCH);
    timer_disarm(&wake);
}

static void pause_now(struct fetch *f)
{
    fetch_pause(f);
}

Test(fetch, a_cancel_while_paused_closes_the_connection)
{
    struct timer t;

    upstream_start(&up, stream_then_await_close);
    timer_init(&t, loop, cancel_by_timer);
    timer_arm(&t, 30 * 1000);
    when_head = pause_now;
    call();
    loop_run(loop);
    expect_closed();
}

/* ---- starting from an event ---- */

static void start_again(struct fetch *f)
{
    (void)f;
    if (dones == 100)
        loop_stop(loop);
    else
        call();
}

Test(fetch, may_be_started_again_from_its_own_end)
{
    upstream_start(&up, answer_always);
    when_done = start_again;
    call();
    loop_run(loop);
    cr_assert_eq(dones, 100);
    cr_assert_eq(atomic_load(&up.requests), 100);
}
