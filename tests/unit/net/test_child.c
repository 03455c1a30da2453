/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/net/child.h"

#include "weir/base/buf.h"
#include "weir/base/clock.h"
#include "weir/net/timer.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECOND_US = 1000 * 1000, MINUTE_US = 60 * SECOND_US };

static struct loop *loop;
static struct child child;
static unsigned dones;
static enum err ended;
static char folder[] = "/tmp/weir-child-XXXXXX";
static char out[sizeof(folder) + 8], fifo_path[sizeof(out) + 8];
static char said[4096]; /* what the command wrote into `out` */

static void on_done(struct child *c, enum err err)
{
    (void)c;
    dones++;
    ended = err;
    loop_stop(loop);
}

static void begin(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    loop = loop_new(NULL);
    cr_assert(mkdtemp(folder));
    (void)snprintf(out, sizeof(out), "%s/out", folder);
    (void)snprintf(fifo_path, sizeof(fifo_path), "%s.fifo", out);
}

static void finish(void)
{
    (void)unlink(out);
    (void)unlink(fifo_path);
    (void)rmdir(folder);
    loop_free(loop);
}

TestSuite(child, .init = begin, .fini = finish, .timeout = 30);

static void read_said(void)
{
    FILE *f = fopen(out, "r");
    size_t n = f ? fread(said, 1, sizeof(said) - 1, f) : 0;

    said[n] = '\0';
    if (f)
        (void)fclose(f);
}

static void run(const struct child_call *call)
{
    child_start(loop, &child, call, on_done);
    cr_assert_eq(dones, 0, "never from inside start");
    loop_run(loop);
    cr_assert_eq(dones, 1);
    cr_assert_null(child.run);
    read_said();
}

/* A shell's script, whose $0 is the file that is read afterwards. */
static struct child_call script(const char *text, const char **argv)
{
    argv[0] = "/bin/sh";
    argv[1] = "-c";
    argv[2] = text;
    argv[3] = out;
    argv[4] = NULL;
    return (struct child_call){ .argv = argv, .timeout_us = MINUTE_US };
}

Test(child, its_exit_status_is_told)
{
    run(&(struct child_call){ .argv = (const char *[]){ "true", NULL },
                              .timeout_us = MINUTE_US });
    cr_assert(ended == OK && child.status == 0);
    dones = 0;
    run(&(struct child_call){ .argv = (const char *[]){ "false", NULL },
                              .timeout_us = MINUTE_US });
    cr_assert(ended == OK && child.status == 1);
}

Test(child, it_reads_what_it_is_given_to_the_last_byte)
{
    const char *argv[5];
    struct child_call call = script("cat >\"$0\"", argv);

    call.input = STR("{\"said\":\"hello\"}\n");
    run(&call);
    cr_assert_eq(ended, OK);
    cr_assert_str_eq(said, "{\"said\":\"hello\"}\n");
}

Test(child, without_input_it_sees_its_end_at_once)
{
    const char *argv[5];
    struct child_call call = script("cat >\"$0\"", argv);

    run(&call);
    cr_assert(ended == OK && said[0] == '\0');
}

Test(child, one_that_does_not_read_ends_all_the_same)
{
    struct buf text = { 0 };
    char *at;

    cr_assert_eq(buf_room(&text, 1 << 20, &at), OK);
    memset(at, 'x', 1 << 20);
    buf_grown(&text, 1 << 20);
    run(&(struct child_call){ .argv = (const char *[]){ "true", NULL },
                              .input = buf_str(&text),
                              .timeout_us = MINUTE_US });
    cr_assert(ended == OK && child.status == 0);
    buf_deinit(&text);
}

Test(child, variables_are_added_and_come_before_ours)
{
    const char *argv[5];
    struct child_call call = script("echo \"$ONE $LANG $LC_TIME\" >\"$0\"", argv);

    cr_assert_eq(setenv("LANG", "ours", 1) + setenv("LC_TIME", "kept", 1), 0);
    call.variables = (const char *[]){ "ONE=a b", "LANG=theirs", NULL };
    run(&call);
    cr_assert_str_eq(said, "a b theirs kept\n");
}

Test(child, of_our_environment_it_gets_nothing_that_could_be_a_secret)
{
    const char *argv[5];
    struct child_call call = script("env | grep -c -e SECRET -e NOTIFY >\"$0\"", argv);

    cr_assert_eq(setenv("API_KEY", "SECRET", 1) + setenv("PATH_OF", "SECRET", 1) +
                     setenv("NOTIFY_SOCKET", "@x", 1),
                 0);
    run(&call);
    cr_assert_str_eq(said, "0\n");
}

Test(child, nothing_of_ours_is_open_in_it)
{
    const char *argv[5];
    struct child_call call = script(": >\"$0\"\nfor fd in /proc/$$/fd/*; do\n"
                                    "case ${fd##*/} in 0|1|2) ;;\n"
                                    "*) readlink $fd >>\"$0\" ;; esac\ndone",
                                    argv);
    int ends[2];

    cr_assert_eq(pipe(ends), 0); /* as a library would, that does not think of it */
    run(&call);
    cr_assert_str_eq(said, "");
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void expect_said(const char *text)
{
    cr_assert_eq(child.said_len, strlen(text), "%.*s", (int)child.said_len, child.said);
    cr_assert_eq(memcmp(child.said, text, child.said_len), 0);
}

Test(child, what_it_says_is_kept_whichever_way_it_says_it)
{
    const char *argv[5];
    struct child_call call = script("printf one; printf ' two' >&2", argv);

    run(&call);
    expect_said("one two");
    cr_assert_eq(child.said_bytes, 7);
    dones = 0;
    run(&(struct child_call){ .argv = (const char *[]){ "true", NULL },
                              .timeout_us = MINUTE_US });
    expect_said("");
}

Test(child, of_much_that_it_says_the_last_is_kept)
{
    const char *argv[5];
    struct child_call call = script("yes 0123456789 | head -n 20000; printf end", argv);

    run(&call);
    cr_assert(ended == OK && child.status == 0);
    cr_assert_eq(child.said_len, CHILD_SAID_BYTES);
    cr_assert_eq(memcmp(child.said + CHILD_SAID_BYTES - 14, "0123456789\nend", 14), 0);
    cr_assert_eq(child.said_bytes, 20000 * 11 + 3);
}

Test(child, what_it_said_is_told_though_others_that_it_left_could_say_more)
{
    const char *argv[5];
    struct child_call call = script("sleep 25 & echo \"$!\" >\"$0\"; echo done", argv);

    run(&call);
    expect_said("done\n");
    cr_assert_eq(kill((pid_t)strtol(said, NULL, 10), SIGKILL), 0);
}

Test(child, a_command_that_is_not_there_is_told_with_its_reason)
{
    run(&(struct child_call){ .argv = (const char *[]){ "/nowhere/to/be-found", NULL },
                              .timeout_us = MINUTE_US });
    cr_assert_eq(ended, ERR_CONFIG);
    cr_assert(strstr(child.detail, "no such file"), "%s", child.detail);
}

Test(child, one_that_a_signal_ended_counts_as_failed)
{
    const char *argv[5];
    struct child_call call = script("kill -9 $$", argv);

    run(&call);
    cr_assert(ended == OK && child.status == 128 + SIGKILL);
}

Test(child, past_its_time_it_is_asked_to_end)
{
    uint64_t before_us = clock_now_us();

    run(&(struct child_call){ .argv = (const char *[]){ "sleep", "25", NULL },
                              .timeout_us = SECOND_US / 10 });
    cr_assert(ended == ERR_DEADLINE && child.status == 128 + SIGTERM);
    cr_assert_lt(clock_now_us() - before_us, 4 * SECOND_US);
}

/* Whoever holds its other end open lives: reading sees its end when the last one is gone. */
static int open_fifo(void)
{
    int fd;

    cr_assert_eq(mkfifo(fifo_path, 0600), 0);
    fd = open(fifo_path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    cr_assert(fd >= 0);
    return fd;
}

static void expect_nobody(int fifo)
{
    char byte;

    cr_assert_eq(fcntl(fifo, F_SETFL, 0), 0); /* from now on it waits for that */
    cr_assert_eq(read(fifo, &byte, 1), 0);
    (void)close(fifo);
}

Test(child, one_that_does_not_listen_is_killed_with_all_that_it_started)
{
    const char *argv[5];
    struct child_call call = script("exec >\"$0.fifo\"\ntrap '' TERM\n"
                                    "sleep 60 & while :; do sleep 60; done",
                                    argv);
    int fifo = open_fifo();

    call.timeout_us = SECOND_US / 10;
    run(&call);
    cr_assert(ended == ERR_DEADLINE && child.status == 128 + SIGKILL);
    expect_nobody(fifo);
}

Test(child, what_it_started_is_killed_too_when_it_alone_listens)
{
    const char *argv[5];
    struct child_call call = script("exec >\"$0.fifo\"\n(trap '' TERM; sleep 60) &\n"
                                    "wait",
                                    argv);
    int fifo = open_fifo();

    call.timeout_us = SECOND_US / 2;
    run(&call);
    cr_assert(ended == ERR_DEADLINE && child.status == 128 + SIGTERM);
    expect_nobody(fifo);
}

Test(child, what_it_started_has_time_to_end_in_peace)
{
    const char *argv[5];
    struct child_call call = script("(trap 'sleep 1; echo peace >\"$0\"; exit' TERM\n"
                                    "while :; do sleep 1; done) &\nwait",
                                    argv);

    call.timeout_us = SECOND_US / 2;
    run(&call);
    cr_assert(ended == ERR_DEADLINE);
    cr_assert_str_eq(said, "peace\n");
}

Test(child, one_that_ends_by_itself_may_leave_others_behind)
{
    const char *argv[5];
    struct child_call call = script("sleep 25 & echo \"$!\" >\"$0\"", argv);

    run(&call);
    cr_assert(ended == OK && child.status == 0);
    cr_assert_eq(kill((pid_t)strtol(said, NULL, 10), SIGKILL), 0);
}

static void kill_it(struct timer *t)
{
    (void)t;
    child_kill(&child);
}

Test(child, one_that_is_killed_ends_at_once_with_all_that_it_started)
{
    const char *argv[5];
    struct child_call call = script("exec >\"$0.fifo\"\ntrap '' TERM\n"
                                    "sleep 60 & while :; do sleep 60; done",
                                    argv);
    int fifo = open_fifo();
    struct timer turn;

    timer_init(&turn, loop, kill_it);
    timer_arm(&turn, SECOND_US / 10);
    run(&call);
    cr_assert(ended == OK && child.status == 128 + SIGKILL);
    expect_nobody(fifo);
    child_kill(&child); /* after its end: nothing */
}

static void call_off(struct deferred *d)
{
    (void)d;
    child_cancel(&child);
    child_cancel(&child); /* twice is once */
    cr_assert_eq(dones, 0, "never from inside cancel");
}

Test(child, one_that_is_called_off_ends_as_such)
{
    struct deferred turn = { 0 };

    loop_defer(loop, &turn, call_off);
    run(&(struct child_call){ .argv = (const char *[]){ "sleep", "25", NULL },
                              .timeout_us = MINUTE_US });
    cr_assert_eq(ended, ERR_CANCELLED);
    child_cancel(&child); /* after its end: nothing */
}
