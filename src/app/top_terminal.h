/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <termios.h>

/*
 * The terminal that is drawn on: taken for a while (another screen, no cursor, no echo), and
 * given back as it was, whatever ends the process or stops it, but for what nobody can catch.
 *
 * Signals belong to the whole process, so there is one at a time.
 */

struct top_terminal {
    struct termios before;
    bool has_keys; /* not where a file or nothing is read */
};

void top_terminal_take(struct top_terminal *t);
void top_terminal_give_back(struct top_terminal *t);

/*
 * Waits for so long, and not so long if a signal comes. A person who stops the process has the
 * terminal until it goes on, inside of this. False: the person has had enough, or is gone.
 */
bool top_terminal_wait(struct top_terminal *t, int ms);
