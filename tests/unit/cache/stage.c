/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include "weir/base/ensure.h"
#include "weir/base/log.h"
#include "weir/base/own.h"
#include "weir/net/resolve.h"
#include "weir/net/timer.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_WORDS = 16, TRY_AGAIN_US = 5000, TRIES = 5 };

/* ---- the server ---------------------------------------------------------------------------- */

static uint16_t free_port(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    ensure(fd >= 0 && bind(fd, (struct sockaddr *)&at, len) == 0);
    ensure(getsockname(fd, (struct sockaddr *)&at, &len) == 0);
    close(fd);
    return ntohs(at.sin_port);
}

static void become_server(int out, uint16_t port)
{
    char text[8];

    snprintf(text, sizeof(text), "%u", port);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that crashes leaves nothing behind */
    dup2(out, STDOUT_FILENO);
    execlp("redis-server", "redis-server", "--bind", "127.0.0.1", "--port", text, "--save", "",
           "--appendonly", "no", "--daemonize", "no", (char *)NULL);
    _exit(127);
}

/* False: it did not start, as when somebody else has taken the port meanwhile. */
static bool try_server(struct stage *s)
{
    char line[512];
    bool ready = false;
    int ends[2];
    FILE *told;

    s->port = free_port();
    ensure(pipe(ends) == 0);
    s->server = fork();
    ensure(s->server >= 0);
    if (s->server == 0)
        become_server(ends[1], s->port);
    close(ends[1]);
    told = fdopen(ends[0], "r");
    while (!ready && fgets(line, sizeof(line), told))
        ready = strstr(line, "Ready to accept connections") != NULL;
    fclose(told);
    if (!ready)
        waitpid(s->server, NULL, 0);
    return ready;
}

/* Returns once the server has said that it is ready. */
static void start_server(struct stage *s)
{
    for (int i = 0; i < TRIES; i++)
        if (try_server(s))
            return;
    cr_assert_fail("redis-server did not start");
}

/* ---- waiting ------------------------------------------------------------------------------- */

struct pause {
    struct timer timer;
    struct loop *loop;
};

static void on_pause_over(struct timer *t)
{
    loop_stop(container_of(t, struct pause, timer)->loop);
}

void stage_run(struct stage *s)
{
    loop_run(s->loop);
}

void stage_run_for(struct stage *s, uint64_t us)
{
    struct pause p = { .loop = s->loop };

    timer_init(&p.timer, s->loop, on_pause_over);
    timer_arm(&p.timer, us);
    loop_run(s->loop);
    timer_disarm(&p.timer);
}

/* ---- the link ------------------------------------------------------------------------------ */

void stage_open(struct stage *s, const struct remote_settings *settings)
{
    struct redis_settings link = { .host = "127.0.0.1",
                                   .timeout_us = 500000,
                                   .most_in_flight = 1000 };

    *s = (struct stage){ 0 };
    log_setup(LOG_JSON, LOG_ERROR);
    start_server(s);
    link.port = s->port;
    s->metrics = metrics_new();
    s->loop = loop_new(metrics_shard(s->metrics));
    s->resolver = resolver_new(s->loop);
    s->link = redis_new(s->loop, s->resolver, &link);
    s->remote = remote_new(s->link, settings);
    while (!redis_is_up(s->link))
        stage_run_for(s, TRY_AGAIN_US);
}

void stage_close(struct stage *s)
{
    remote_free(s->remote);
    redis_free(s->link);
    resolver_free(s->resolver);
    loop_free(s->loop);
    metrics_free(s->metrics);
    kill(s->server, SIGCONT);
    kill(s->server, SIGKILL);
    waitpid(s->server, NULL, 0);
}

/* ---- commands ------------------------------------------------------------------------------ */

struct asking {
    struct redis_op op;
    struct loop *loop;
    struct buf *out;
    bool answered;
};

static void put_reply(struct buf *out, const struct redis_reply *reply)
{
    switch (redis_reply_type(reply)) {
    case REDIS_NIL: buf_put_text(out, "(nil)"); break;
    case REDIS_INTEGER:
        buf_put_printf(out, "%lld", (long long)redis_reply_integer(reply));
        break;
    case REDIS_TEXT:
    case REDIS_STATUS:
    case REDIS_ERROR: buf_put(out, redis_reply_text(reply)); break;
    case REDIS_LIST:
        for (size_t i = 0; i < redis_reply_count(reply); i++) {
            put_reply(out, redis_reply_at(reply, i));
            buf_put_text(out, "\n");
        }
        break;
    }
}

static void on_answered(struct redis_op *op, enum err err, const struct redis_reply *reply)
{
    struct asking *a = container_of(op, struct asking, op);

    cr_assert_eq(err, OK, "%s", err_text(err));
    put_reply(a->out, reply);
    a->answered = true;
    loop_stop(a->loop);
}

static void ask(struct stage *s, struct buf *out, const struct str *words, size_t count)
{
    struct asking a = { .loop = s->loop, .out = out };
    struct redis_command command = { words, count };

    redis_start(s->link, &a.op, &command, 1, on_answered);
    while (!a.answered) /* what else happens meanwhile may stop the loop as well */
        loop_run(s->loop);
}

void stage_ask(struct stage *s, struct buf *out, const char *command)
{
    struct str rest = str_of(command);
    struct str words[MOST_WORDS];
    size_t count = 0;

    while (count < MOST_WORDS && str_split(&rest, ' ', &words[count]))
        count++;
    buf_reset(out);
    ask(s, out, words, count);
}

void stage_do(struct stage *s, const char *command)
{
    struct buf out = { 0 };

    stage_ask(s, &out, command);
    buf_deinit(&out);
}

void stage_do_words(struct stage *s, const struct str *words, size_t count)
{
    struct buf out = { 0 };

    ask(s, &out, words, count);
    buf_deinit(&out);
}
