/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run outlives the command by a moment: libuv's handles, of the process and of the pipes to
 * its standard input and from its output, close with the loop's next turn, and the end is told
 * when the last has closed. A command that does not read its input, or ends before it has, loses
 * the rest. What it has written by its end is read; whoever it leaves behind writes to nobody.
 *
 * One that is being ended may go before what it has started, as shells do: then the run waits
 * for the rest of its process group, which is looked at now and then until it is killed.
 */
#include "weir/net/child.h"

#include "weir/base/clock.h"
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
    LOOK_US = 50 * 1000,        /* between two looks at who is left */
    SIGNALLED = 128,            /* what shells add to a signal's number */
    PIECE_BYTES = 4096,
    PIPE_PIECES = 16, /* as much as a pipe holds: all that can have been written by the end */
};

/* What a program needs to find its way, and nothing that could be a secret. */
static const char *const handed_on[] = { "HOME", "LANG",  "LANGUAGE", "LC_", "LOGNAME",
                                         "PATH", "SHELL", "TMPDIR",   "TZ",  "USER" };

struct child_run {
    struct child *child; /* its owner's, who stays until the end */
    uv_process_t process;
    uv_pipe_t input;
    uv_pipe_t output;
    uv_write_t write;
    char *text;              /* being written */
    char piece[PIECE_BYTES]; /* that was read */
    unsigned open;           /* handles that have not closed */
    bool exited;
    enum err err; /* why it was ended; OK: by itself */
    uint64_t kill_at_us;
    struct timer limit;
};

/* ---- what it says ---- */

/* The last of it is what counts: there it stands why something failed. */
static void note_said(struct child *c, const char *at, size_t len)
{
    size_t most = sizeof(c->said);
    size_t added = len < most ? len : most;
    size_t stays = c->said_len < most - added ? c->said_len : most - added;

    memmove(c->said, c->said + c->said_len - stays, stays);
    memcpy(c->said + stays, at + len - added, added);
    c->said_len = stays + added;
    c->said_bytes += len;
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct child_run *run = handle->data;

    (void)suggested;
    *out = uv_buf_init(run->piece, sizeof(run->piece));
}

static void on_output(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
    struct child_run *run = stream->data;

    if (n > 0)
        note_said(run->child, bytes->base, (size_t)n);
    else if (n < 0)
        (void)uv_read_stop(stream);
}

/* The news of its end may come before that of its last words. */
static void read_rest(struct child_run *run)
{
    uv_os_fd_t fd;
    ssize_t n = 1;

    if (uv_fileno((uv_handle_t *)&run->output, &fd) != 0)
        return;
    for (unsigned i = 0; i < PIPE_PIECES && n > 0; i++) {
        n = read(fd, run->piece, sizeof(run->piece));
        if (n > 0)
            note_said(run->child, run->piece, (size_t)n);
    }
}

/* The end of a pipe that it gets as standard output and error; or our own, if there is none. */
static uv_file open_output(struct child_run *run)
{
    uv_file ends[2];

    if (uv_pipe(ends, UV_NONBLOCK_PIPE, 0) != 0)
        return STDERR_FILENO;
    if (uv_pipe_open(&run->output, ends[0]) != 0)
        (void)close(ends[0]);
    else if (uv_read_start((uv_stream_t *)&run->output, on_room, on_output) == 0)
        return ends[1];
    (void)close(ends[1]);
    return STDERR_FILENO;
}

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

static void close_all(struct child_run *run)
{
    timer_disarm(&run->limit);
    read_rest(run);
    close_input(run);
    uv_close((uv_handle_t *)&run->output, on_closed);
    uv_close((uv_handle_t *)&run->process, on_closed);
}

/* It and all that it has started, which is in its session and process group. */
static bool signal_group(const struct child_run *run, int number)
{
    return kill(-run->process.pid, number) == 0; /* false: it is over by now */
}

static void on_exited(uv_process_t *process, int64_t status, int signal_number)
{
    struct child_run *run = process->data;

    run->exited = true;
    run->child->status = signal_number != 0 ? SIGNALLED + signal_number : (int)status;
    if (run->err && signal_group(run, 0))
        close_input(run); /* the timer looks after the others */
    else
        close_all(run);
}

static void ask_to_end(struct child_run *run, enum err err)
{
    run->err = err;
    run->kill_at_us = clock_now_us() + GRACE_US;
    (void)signal_group(run, SIGTERM);
    timer_arm(&run->limit, LOOK_US);
}

static void on_limit(struct timer *t)
{
    struct child_run *run = container_of(t, struct child_run, limit);
    bool over = run->err && !signal_group(run, 0);

    if (!run->err) {
        ask_to_end(run, ERR_DEADLINE);
        return;
    }
    if (!over && clock_now_us() >= run->kill_at_us)
        over = signal_group(run, SIGKILL);
    if (over && run->exited)
        close_all(run);
    else
        timer_arm(t, LOOK_US);
}

void child_cancel(struct child *c)
{
    struct child_run *run = c->run;

    if (run && !run->exited && !run->err)
        ask_to_end(run, ERR_CANCELLED);
}

void child_kill(struct child *c)
{
    if (c->run)
        (void)signal_group(c->run, SIGKILL);
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

static bool is_handed_on(const char *variable)
{
    for (size_t i = 0; i < sizeof(handed_on) / sizeof(handed_on[0]); i++) {
        size_t len = strlen(handed_on[i]);

        if (strncmp(variable, handed_on[i], len) == 0 &&
            (variable[len] == '=' || handed_on[i][len - 1] == '_'))
            return true;
    }
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
        if (is_handed_on(*e) && !is_replaced(*e, variables))
            all[count++] = *e;
    return all;
}

/*
 * Our sockets are none of its business. Libraries open some, when a loop begins, that would
 * outlive the fork, and whoever started us may have left us others.
 */
static void keep_ours(void)
{
    (void)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC); /* of Linux 5.11 and on */
}

static int spawn(struct loop *loop, struct child_run *run, const struct child_call *call)
{
    uv_file output = open_output(run);
    uv_stdio_container_t stdio[3] = {
        { .flags = UV_CREATE_PIPE | UV_READABLE_PIPE, .data.stream = (void *)&run->input },
        { .flags = UV_INHERIT_FD, .data.fd = output },
        { .flags = UV_INHERIT_FD, .data.fd = output },
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

    keep_ours();
    memcpy(&options.args, &call->argv, sizeof(options.args)); /* libuv only reads them */
    failed = uv_spawn(&loop->uv, &run->process, &options);
    free(options.env);
    if (output != STDERR_FILENO)
        (void)close(output);
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
    run->open = 3;
    run->process.data = run->input.data = run->output.data = run;
    timer_init(&run->limit, loop, on_limit);
    ensure(uv_pipe_init(&loop->uv, &run->input, 0) == 0);
    ensure(uv_pipe_init(&loop->uv, &run->output, 0) == 0);
    failed = spawn(loop, run, call);
    if (failed) {
        (void)snprintf(c->detail, sizeof(c->detail), "%s", uv_strerror(failed));
        run->err = ERR_CONFIG;
        run->exited = true;
        close_all(run);
        return;
    }
    timer_arm(&run->limit, call->timeout_us);
    give_input(run, call->input);
}
