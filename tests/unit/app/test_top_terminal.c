/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A child takes a real pseudo terminal, and the test sits at its other end: it reads what is
 * written, presses keys and sends signals, and looks at the mode that the terminal is in.
 */

#include "top_terminal.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

#define TAKEN "\033[?1049h\033[?25l"
#define GIVEN_BACK "\033[?25h\033[?1049l"

/* A signal may come right before a wait, and is then found after it. */
enum { MOMENT_MS = 50, SOON_MS = 20 * 1000, NEVER_MS = 600 * 1000 };

static int ours, its; /* both ends; its end stays open here, so that its mode can be seen */
static struct termios before;
static pid_t child;

static char said[4096];
static size_t said_bytes;

static void begin(void)
{
    cr_assert_eq(openpty(&ours, &its, NULL, NULL, NULL), 0);
    cr_assert_eq(tcgetattr(its, &before), 0);
}

static void finish(void)
{
    if (child > 0) {
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
    }
    (void)close(ours);
    (void)close(its);
}

TestSuite(top_terminal, .init = begin, .fini = finish, .timeout = 60);

/* Says each time that it has waited, until it is told that this is enough. */
static void run(int wait_ms)
{
    struct top_terminal t;

    top_terminal_take(&t);
    do {
        (void)puts("waiting");
        (void)fflush(stdout);
    } while (top_terminal_wait(&t, wait_ms));
    top_terminal_give_back(&t);
    (void)fclose(stdout);
    _exit(7);
}

static void start(int wait_ms, int ignored)
{
    (void)fflush(NULL);
    child = fork();
    cr_assert(child >= 0);
    if (child > 0)
        return;
    (void)signal(SIGHUP, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGQUIT, SIG_DFL);
    if (ignored)
        (void)signal(ignored, SIG_IGN);
    (void)close(ours);
    if (login_tty(dup(its)) != 0)
        _exit(1);
    run(wait_ms);
}

/* Reads on until it has said this, and forgets all up to there. */
static void await(const char *words)
{
    struct pollfd p = { .fd = ours, .events = POLLIN };
    const char *found;

    while (!(found = strstr(said, words))) {
        ssize_t n;

        cr_assert_gt(poll(&p, 1, SOON_MS), 0, "never said: %s", words);
        n = read(ours, said + said_bytes, sizeof(said) - 1 - said_bytes);
        cr_assert_gt(n, 0);
        said_bytes += (size_t)n;
        said[said_bytes] = '\0';
    }
    found += strlen(words);
    said_bytes -= (size_t)(found - said);
    memmove(said, found, said_bytes + 1);
}

static void press(const char *key)
{
    cr_assert_eq(write(ours, key, 1), 1);
}

static bool has_ended(void)
{
    int status = 0;
    bool well = waitpid(child, &status, 0) == child && WIFEXITED(status) &&
                WEXITSTATUS(status) == 7;

    child = 0;
    return well;
}

static bool is_as_before(void)
{
    struct termios now;

    return tcgetattr(its, &now) == 0 && now.c_lflag == before.c_lflag &&
           now.c_iflag == before.c_iflag && now.c_oflag == before.c_oflag &&
           now.c_cflag == before.c_cflag &&
           memcmp(now.c_cc, before.c_cc, sizeof(now.c_cc)) == 0;
}

Test(top_terminal, taken_it_echoes_nothing_and_waits_for_no_line)
{
    struct termios now;

    start(NEVER_MS, 0);
    await(TAKEN "waiting");
    cr_assert_eq(tcgetattr(its, &now), 0);
    cr_assert_not(now.c_lflag & (ECHO | ICANON));
    cr_assert(now.c_lflag & ISIG, "control and C still ends it");
}

Test(top_terminal, q_is_enough_and_gives_it_back)
{
    start(NEVER_MS, 0);
    await(TAKEN "waiting");
    press("q");
    await(GIVEN_BACK);
    cr_assert(has_ended());
    cr_assert(is_as_before());
}

Test(top_terminal, another_key_is_only_a_shorter_wait)
{
    start(NEVER_MS, 0);
    await(TAKEN "waiting");
    press("x");
    await("waiting");
    press("Q");
    await(GIVEN_BACK);
    cr_assert(has_ended());
}

Test(top_terminal, without_a_key_it_waits_so_long)
{
    start(MOMENT_MS, 0);
    await(TAKEN "waiting");
    await("waiting");
    await("waiting");
}

static void ended_by(int number)
{
    start(MOMENT_MS, 0);
    await(TAKEN "waiting");
    cr_assert_eq(kill(child, number), 0);
    await(GIVEN_BACK);
    cr_assert(has_ended());
    cr_assert(is_as_before());
}

Test(top_terminal, a_signal_that_ends_it_gives_it_back)
{
    ended_by(SIGTERM);
    ended_by(SIGINT);
    ended_by(SIGQUIT);
    ended_by(SIGHUP);
}

Test(top_terminal, control_and_c_ends_it)
{
    start(MOMENT_MS, 0);
    await(TAKEN "waiting");
    press("\003");
    await(GIVEN_BACK);
    cr_assert(has_ended());
    cr_assert(is_as_before());
}

Test(top_terminal, a_signal_that_was_ignored_before_stays_ignored)
{
    start(NEVER_MS, SIGHUP);
    await(TAKEN "waiting");
    cr_assert_eq(kill(child, SIGHUP), 0);
    press("x");
    await("waiting");
    press("q");
    cr_assert(has_ended());
}

/* It leads a session with no shell above it: whom nobody could let go on, nobody can stop. */
Test(top_terminal, a_stop_that_nobody_can_end_is_none)
{
    start(MOMENT_MS, 0);
    await(TAKEN "waiting");
    cr_assert_eq(kill(child, SIGTSTP), 0);
    await(GIVEN_BACK TAKEN "waiting");
    press("q");
    cr_assert(has_ended());
    cr_assert(is_as_before());
}

/* What a shell does who has the terminal while a job is stopped. */
Test(top_terminal, who_goes_on_takes_it_again)
{
    struct termios now;

    start(MOMENT_MS, 0);
    await(TAKEN "waiting");
    cr_assert_eq(tcsetattr(its, TCSANOW, &before), 0);
    cr_assert_eq(kill(child, SIGCONT), 0);
    await(TAKEN "waiting");
    cr_assert_eq(tcgetattr(its, &now), 0);
    cr_assert_not(now.c_lflag & (ECHO | ICANON));
}

/* The other end is gone: reading ends, and there is nobody to give it back to. */
Test(top_terminal, a_terminal_that_went_away_is_enough)
{
    start(NEVER_MS, SIGHUP);
    await(TAKEN "waiting");
    (void)close(its);
    (void)close(ours);
    ours = its = -1;
    cr_assert(has_ended());
}
