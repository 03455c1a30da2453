/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/net/child.h"

#include "weir/base/buf.h"
#include "weir/base/clock.h"
#include "weir/net/timer.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECOND_US = 1000 * 1000, MINUTE_US = 60 * SECOND_US };

static struct loop *loop;
static struct child child;
static unsigned dones;
static enum err ended;
static char folder[] = "/tmp/weir-child-XXXXXX";
static char out[sizeof(folder) + 8];
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
}

static void finish(void)
{
    (void)unlink(out);
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

Test(child, variables_are_added_to_ours_and_come_before_them)
{
    const char *argv[5];
    struct child_call call = script("echo \"$ONE $TWO $ONETWO\" >\"$0\"", argv);

    cr_assert_eq(setenv("TWO", "ours", 1) + setenv("ONETWO", "kept", 1), 0);
    call.variables = (const char *[]){ "ONE=a b", "TWO=theirs", NULL };
    run(&call);
    cr_assert_str_eq(said, "a b theirs kept\n");
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

Test(child, one_that_does_not_listen_is_killed_with_all_that_it_started)
{
    const char *argv[5];
    struct child_call call = script("trap '' TERM; sleep 25 & while :; do sleep 25; done",
                                    argv);
    int ends[2];
    char byte;

    cr_assert_eq(pipe(ends), 0); /* its other end is open for as long as one of them lives */
    call.timeout_us = SECOND_US / 10;
    run(&call);
    cr_assert(ended == ERR_DEADLINE && child.status == 128 + SIGKILL);
    (void)close(ends[1]);
    cr_assert_eq(read(ends[0], &byte, 1), 0);
    (void)close(ends[0]);
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
