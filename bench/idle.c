/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds many idle connections, each of which has asked one thing and been answered: what
 * a pool of keep-alive clients looks like between two requests.
 *
 *     idle --target 127.0.0.1:8080 --connections 10000 --path /livez
 *
 * Prints one line of JSON when all are held, then holds them until standard input ends;
 * then prints how many were lost meanwhile.
 */
#include "caller.h"
#include "flags.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    AT_ONCE = 128, /* connections being opened at a time: below any listen backlog */
    QUESTION_BYTES = 512,
};

static struct caller *callers;
static uint64_t wanted = 10000, asked, held, failed;
static char question[QUESTION_BYTES];
static struct sockaddr_in target;
static uv_pipe_t input;

static void open_next(void);

static void on_input(uv_stream_t *stream, ssize_t length, const uv_buf_t *buf)
{
    (void)buf;
    if (length >= 0)
        return;
    uv_close((uv_handle_t *)stream, NULL);
    for (uint64_t i = 0; i < asked; i++)
        caller_leave(&callers[i]);
    printf("{\"held\": %" PRIu64 ", \"failed\": %" PRIu64 "}\n", held, failed);
}

static void on_room_wanted(uv_handle_t *stream, size_t size, uv_buf_t *buf)
{
    static char unread[64];

    (void)stream, (void)size;
    *buf = uv_buf_init(unread, sizeof unread);
}

static void hold(void)
{
    printf("{\"held\": %" PRIu64 ", \"failed\": %" PRIu64 "}\n", held, failed);
    fflush(stdout);
    uv_pipe_init(uv_default_loop(), &input, 0);
    uv_pipe_open(&input, 0);
    uv_read_start((uv_stream_t *)&input, on_room_wanted, on_input);
}

static void settle_one(void)
{
    if (asked < wanted)
        open_next();
    else if (held + failed == wanted)
        hold();
}

static void on_answered(struct caller *c, int status)
{
    if (status != 200) {
        caller_leave(c);
        failed++;
    } else {
        held++;
    }
    settle_one();
}

static void on_failed(struct caller *c, const char *why)
{
    bool was_held = llhttp_get_errno(&c->parser) == HPE_OK && c->parser.status_code == 200;

    if (failed++ == 0)
        fprintf(stderr, "idle: a connection failed: %s\n", why);
    if (was_held)
        held--;
    else
        settle_one();
}

static void open_next(void)
{
    static const struct listener listener = {
        .on_answered = on_answered,
        .on_failed = on_failed,
    };

    caller_ask(&callers[asked++], &listener, &target, question);
}

int main(int count, char **words)
{
    const char *where = NULL, *path = "/livez";
    const struct flag flags[] = {
        { "--target", NULL, &where },
        { "--path", NULL, &path },
        { "--connections", &wanted, NULL },
        { NULL, NULL, NULL },
    };

    if (!flags_read(flags, count, words) || !target_read(&target, where) || wanted == 0)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    snprintf(question, sizeof question, "GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path);
    callers = calloc(wanted, sizeof *callers);
    if (!callers)
        abort();
    for (uint64_t i = 0; i < AT_ONCE && asked < wanted; i++)
        open_next();
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    free(callers);
    return failed > 0;
}
