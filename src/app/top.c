/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Ask, draw, wait a second, again. The terminal is given back as it was on every way out; a
 * gateway that does not answer for a moment is told of on the screen, and asked again.
 */

#include "weir/app/top.h"

#include "inquiry.h"
#include "top_draw.h"
#include "top_terminal.h"
#include "weir/base/mem.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LOOK_MS = 1000 };

static void measure(struct top_screen *s)
{
    struct winsize size = { 0 };

    s->columns = 160;
    s->rows = 1000;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        s->columns = size.ws_col;
        s->rows = size.ws_row > 1 ? size.ws_row - 1U : 1;
    }
}

/* ---- looking ---- */

/* NULL where the gateway has no such page, or none that can be read. */
static json_t *read_page(const struct inquiry *q, const char *path, long *status,
                         struct fault *why)
{
    struct buf answer = { 0 };
    json_t *page = NULL;

    *status = inquiry_get(q, path, &answer, why);
    if (*status == 200)
        page = json_loadb(answer.at, answer.len, 0, NULL);
    buf_deinit(&answer);
    return page;
}

static void turn(json_t **held, json_t *next)
{
    json_decref(*held);
    *held = next;
}

static bool look(const struct inquiry *q, struct top_screen *s, struct fault *why)
{
    long status;
    struct fault ignored = { 0 };
    json_t *now = read_page(q, "/admin/overview", &status, why);

    if (status == 401)
        (void)fault_set(why, ERR_UNAUTHENTICATED, "",
                        "%.*s asks for a token: name the configuration with -c FILE, or set "
                        "WEIR_ADMIN_TOKEN",
                        STR_ARG(buf_str(&q->address)));
    else if (status != 0 && !now)
        (void)fault_set(why, ERR_CONFIG, "",
                        "%.*s is no admin address of this version (status %ld)",
                        STR_ARG(buf_str(&q->address)), status);
    if (!now)
        return false;
    turn(&s->before, s->now);
    s->now = now;
    turn(&s->drift, read_page(q, "/admin/drift", &status, &ignored));
    turn(&s->alarms, read_page(q, "/admin/alarms", &status, &ignored));
    top_note(s);
    return true;
}

static void show(const struct top_screen *s, const struct fault *why)
{
    struct buf out = { 0 };

    if (s->colours)
        buf_put_text(&out, "\033[H\033[2J");
    if (why)
        buf_put_printf(&out, "weir top: %s\n", why->text);
    else
        top_draw(s, &out);
    (void)fwrite(out.at, 1, out.len, stdout);
    (void)fflush(stdout);
    buf_deinit(&out);
}

static int look_once(const struct inquiry *q, struct top_screen *s)
{
    struct fault why = { 0 };

    if (!look(q, s, &why) || poll(NULL, 0, LOOK_MS) != 0 || !look(q, s, &why)) {
        if (why.text[0])
            (void)fprintf(stderr, "weir top: %s\n", why.text);
        return why.text[0] ? 1 : 0;
    }
    show(s, NULL);
    return 0;
}

static int look_on(const struct inquiry *q, struct top_screen *s)
{
    struct top_terminal terminal;
    struct fault why = { 0 };

    if (!look(q, s, &why)) {
        (void)fprintf(stderr, "weir top: %s\n", why.text);
        return 1;
    }
    top_terminal_take(&terminal);
    do {
        bool good = look(q, s, &why);

        measure(s);
        show(s, good ? NULL : &why);
    } while (top_terminal_wait(&terminal, LOOK_MS));
    top_terminal_give_back(&terminal);
    return 0;
}

int top(const char *file, const char *admin)
{
    struct inquiry q;
    struct top_screen *s;
    int status = 2;

    if (inquiry_open(&q, file, admin)) {
        s = MEM_NEW(struct top_screen);
        s->address = buf_str(&q.address);
        s->colours = isatty(STDOUT_FILENO);
        measure(s);
        status = s->colours ? look_on(&q, s) : look_once(&q, s);
        json_decref(s->now);
        json_decref(s->before);
        json_decref(s->drift);
        json_decref(s->alarms);
        free(s);
    }
    inquiry_close(&q);
    return status;
}
