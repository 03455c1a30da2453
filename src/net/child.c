/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run outlives the command by a moment: libuv's handles, of the process and of the pipe to
 * its standard input, close with the loop's next turn, and the end is told when the last has
 * closed. A command that does not read its input, or ends before it has, loses the rest.
 */
#include "weir/net/child.h"

#include "weir/base/ensure.h"
#include "weir/base/mem.h"

#include "loop_inner.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    GRACE_US = 5 * 1000 * 1000, /* from SIGTERM to SIGKILL */
    SIGNALLED = 128,            /* what shells add to a signal's number */
};

struct child_run {
    struct child *child; /* its owner's, who stays until the end */
    uv_process_t process;
    uv_pipe_t input;
    uv_write_t write;
    char *text;    /* being written */
    unsigned open; /* handles that have not closed */
    bool exited;
    enum err err; /* why it was ended; OK: by itself */
    struct timer limit;
};

/* ---- the end ---- */

static void on_closed(uv_handle_t *handle)
{
    struct child_run *run = handle->data;
    struct child *c = run->child;
    enum err err = run->err;

    if (--run->open > 0)
        return;
    free(run->text);
    free(run);
    c->run = NULL;
    c->on_done(c, err);
}

static void close_input(struct child_run *run)
{
    if (!uv_is_closing((uv_handle_t *)&run->input))
        uv_close((uv_handle_t *)&run->input, on_closed);
}

static void on_exited(uv_process_t *process, int64_t status, int signal_number)
{
    struct child_run *run = process->data;

    timer_disarm(&run->limit);
    run->exited = true;
    run->child->status = signal_number != 0 ? SIGNALLED + signal_number : (int)status;
    close_input(run);
    uv_close((uv_handle_t *)process, on_closed);
}

/* It and all that it has started, which is in its session and process group. */
static void send_signal(const struct child_run *run, int number)
{
    if (!run->exited)
        (void)kill(-run->process.pid, number); /* may be over by now */
}

static void on_limit(struct timer *t)
{
    struct child_run *run = container_of(t, struct child_run, limit);

    if (run->err) {
        send_signal(run, SIGKILL);
        return;
    }
    run->err = ERR_DEADLINE;
    send_signal(run, SIGTERM);
    timer_arm(t, GRACE_US);
}

void child_cancel(struct child *c)
{
    struct child_run *run = c->run;

    if (!run || run->exited || run->err)
        return;
    run->err = ERR_CANCELLED;
    send_signal(run, SIGTERM);
    timer_arm(&run->limit, GRACE_US);
}

/* ---- the start ---- */

static void on_written(uv_write_t *write, int status)
{
    (void)status; /* a command need not read what it is given */
    close_input(write->data);
}

static void give_input(struct child_run *run, struct str text)
{
    uv_buf_t bytes;

    run->text = mem_new(text.len + 1);
    if (text.len > 0)
        memcpy(run->text, text.at, text.len);
    run->write.data = run;
    bytes = uv_buf_init(run->text, (unsigned)text.len);
    if (uv_write(&run->write, (uv_stream_t *)&run->input, &bytes, 1, on_written) != 0)
        close_input(run);
}

static bool names_same(const char *one, const char *other)
{
    size_t name = strcspn(one, "=");

    return strncmp(one, other, name + 1) == 0;
}

static bool is_replaced(const char *ours, const char *const *variables)
{
    for (; variables && *variables; variables++)
        if (names_same(*variables, ours))
            return true;
    return false;
}

/* Of pointers alone: the texts stay whose they are. */
static char **merge(const char *const *variables)
{
    size_t size = 1, count = 0;
    char **all;

    for (char **e = environ; *e; e++)
        size++;
    for (const char *const *v = variables; v && *v; v++)
        size++;
    all = mem_new_array(size, sizeof(*all));
    for (const char *const *v = variables; v && *v; v++)
        memcpy(&all[count++], v, sizeof(*v));
    for (char **e = environ; *e; e++)
        if (!is_replaced(*e, variables))
            all[count++] = *e;
    return all;
}

static int spawn(struct loop *loop, struct child_run *run, const struct child_call *call)
{
    uv_stdio_container_t stdio[3] = {
        { .flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (void *)&run->input },
        { .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
        { .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
    };
    uv_process_options_t options = {
        .exit_cb = on_exited,
        .file = call->argv[0],
        .env = merge(call->variables),
        .flags = UV_PROCESS_DETACHED,
        .stdio_count = 3,
        .stdio = stdio,
    };
    int failed;

    memcpy(&options.args, &call->argv, sizeof(options.args)); /* libuv only reads them */
    failed = uv_spawn(&loop->uv, &run->process, &options);
    free(options.env);
    return failed;
}

void child_start(struct loop *loop, struct child *c, const struct child_call *call,
                 child_fn *on_done)
{
    struct child_run *run = MEM_NEW(struct child_run);
    int failed;

    ensure(call->argv[0]);
    *c = (struct child){ .on_done = on_done, .run = run };
    run->child = c;
    run->open = 2;
    run->process.data = run->input.data = run;
    timer_init(&run->limit, loop, on_limit);
    ensure(uv_pipe_init(&loop->uv, &run->input, 0) == 0);
    failed = spawn(loop, run, call);
    if (failed) {
        (void)snprintf(c->detail, sizeof(c->detail), "%s", uv_strerror(failed));
        run->err = ERR_CONFIG;
        run->exited = true;
        close_input(run);
        uv_close((uv_handle_t *)&run->process, on_closed);
        return;
    }
    timer_arm(&run->limit, call->timeout_us);
    give_input(run, call->input);
}
