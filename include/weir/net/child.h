/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/err.h"
#include "weir/base/str.h"
#include "weir/net/loop.h"

/*
 * A command, run beside the loop: no shell, a session of its own, a text on its standard input.
 * Of what it says on its standard output and error the last is kept, until the next start.
 * Nothing of ours is open in it, and of our environment it gets what programs need to find their
 * way (PATH, HOME, the language ...): the rest may hold secrets.
 *
 * on_done comes exactly once and never from inside start or cancel, when the command is over:
 * OK when it ended by itself, with its exit status; ERR_CANCELLED or ERR_DEADLINE when it was
 * ended; ERR_CONFIG when it could not be started, with `detail`. A command that has to end is
 * asked to (SIGTERM), with all that it has started, and killed (SIGKILL) 5 s later.
 */

struct child;
struct child_run;
typedef void child_fn(struct child *c, enum err err);

enum { CHILD_SAID_BYTES = 1024 };

struct child {
    child_fn *on_done;
    struct child_run *run; /* NULL when not running */
    int status;            /* of its exit; 128 + n: ended by signal n */
    char detail[128];      /* why it could not be started */
    char said[CHILD_SAID_BYTES];
    size_t said_len;
    uint64_t said_bytes; /* with what came before and was not kept */
};

struct child_call {
    const char *const *argv;      /* NULL at the end; the first is looked for in PATH */
    const char *const *variables; /* "NAME=value", NULL at the end: before those of ours */
    struct str input;             /* copied */
    uint64_t timeout_us;
};

/* All of the call is lent for the call of start. */
void child_start(struct loop *loop, struct child *c, const struct child_call *call,
                 child_fn *on_done);
void child_cancel(struct child *c); /* on_done(ERR_CANCELLED) follows */
void child_kill(struct child *c);   /* at once, with all that it has started; so it ends */
