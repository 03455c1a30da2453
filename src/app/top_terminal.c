/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Handlers note what came, and the wait does it: a handler may interrupt a line half written.
 * A signal between a look at the notes and the wait is found a wait later.
 */

#include "top_terminal.h"

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

static volatile sig_atomic_t ended, stopped, resumed;

static void on_end(int number)
{
    (void)number;
    ended = 1;
}

static void on_stop(int number)
{
    (void)number;
    stopped = 1;
}

static void on_resume(int number)
{
    (void)number;
    resumed = 1;
}

/* What was ignored before stays so: whoever started us under nohup means it. */
static void listen_to(int number, void (*handler)(int), int flags)
{
    struct sigaction before, now = { .sa_handler = handler, .sa_flags = flags };

    if (sigaction(number, &now, &before) == 0 && before.sa_handler == SIG_IGN)
        (void)sigaction(number, &before, NULL);
}

/* In the background the terminal is somebody else's. Without one there is nobody to disturb. */
static bool is_ours(void)
{
    pid_t owner = tcgetpgrp(STDIN_FILENO);

    return owner < 0 || owner == getpgrp();
}

/* The mode first: in the background it stops us, before anything is written into the way. */
static void set_up(const struct top_terminal *t)
{
    struct termios quiet = t->before;

    quiet.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
    if (!ended)
        (void)fputs("\033[?1049h\033[?25l", stdout);
}

static void restore(const struct top_terminal *t)
{
    if (!is_ours())
        return;
    (void)fputs("\033[?25h\033[?1049l", stdout);
    (void)fflush(stdout);
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &t->before);
}

/* What ends us also breaks off a call that waits for the terminal; the others do not. */
void top_terminal_take(struct top_terminal *t)
{
    static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

    *t = (struct top_terminal){ 0 };
    t->has_keys = tcgetattr(STDIN_FILENO, &t->before) == 0;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        listen_to(ends[i], on_end, 0);
    listen_to(SIGTSTP, on_stop, SA_RESTART);
    listen_to(SIGCONT, on_resume, SA_RESTART);
    set_up(t);
}

void top_terminal_give_back(struct top_terminal *t)
{
    restore(t);
}

/* Returns once somebody lets us go on, or at once where nobody could: then it is no stop. */
static void stop(struct top_terminal *t)
{
    restore(t);
    listen_to(SIGTSTP, SIG_DFL, 0);
    (void)raise(SIGTSTP);
    listen_to(SIGTSTP, on_stop, SA_RESTART);
    stopped = 0;
    resumed = 1;
}

bool top_terminal_wait(struct top_terminal *t, int ms)
{
    struct pollfd keys = { .fd = STDIN_FILENO, .events = POLLIN };
    char key = 0;

    if (!ended && !stopped && !resumed && poll(&keys, t->has_keys ? 1 : 0, ms) > 0)
        return read(STDIN_FILENO, &key, 1) == 1 && key != 'q' && key != 'Q';
    if (stopped)
        stop(t);
    if (resumed && !ended)
        set_up(t);
    resumed = 0;
    return !ended;
}
