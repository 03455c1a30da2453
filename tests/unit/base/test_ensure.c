/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/ensure.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned asked;

static int yes(void)
{
    asked++;
    return 2;
}

Test(ensure, what_holds_is_asked_once_and_goes_on, .timeout = 5)
{
    ensure(yes() == 2);
    ensure(yes());
    cr_assert_eq(asked, 2);
}

Test(ensure, what_does_not_hold_ends_the_process, .signal = SIGABRT, .timeout = 5)
{
    ensure(yes() == 3);
}

Test(ensure, what_cannot_be_reached_ends_the_process, .signal = SIGABRT, .timeout = 5)
{
    unreachable("a test");
}

Test(ensure, it_is_one_expression, .timeout = 5)
{
    if (yes() == 3)
        ensure(yes() == 3);
    else
        ensure(yes() == 2);
    cr_assert_eq((ensure(yes()), 5), 5);
}

Test(ensure, the_last_words_say_what_and_where, .timeout = 5)
{
    char words[256] = { 0 };
    int pipes[2], status = 0;
    pid_t child;

    cr_assert_eq(pipe(pipes), 0);
    child = fork();
    if (child == 0) {
        (void)dup2(pipes[1], STDERR_FILENO);
        ensure_failed("a < b", "src/x.c", 7, "compare");
    }
    close(pipes[1]);
    cr_assert_gt(read(pipes[0], words, sizeof(words) - 1), 0);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    cr_assert_str_eq(words, "ensure failed: a < b (compare, src/x.c:7)\n");
    close(pipes[0]);
}
