/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row per name, kept for the resolver's life: names come from the configuration, so there
 * are few. A row is asked for at most once at a time, and all who wait for it hear at once.
 * An answer out of memory is told in a deferred turn, like any other.
 *
 * libuv cannot call off a look-up that has begun: a resolver that goes away leaves the row to
 * the look-up's end, which frees it.
 */
#include "weir/net/resolve.h"

#include "weir/base/buf.h"
#include "weir/base/clock.h"
#include "weir/base/ensure.h"
#include "weir/base/mem.h"

#include "loop_inner.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FRESH_US = 30 * 1000 * 1000,
    USABLE_US = 600 * 1000 * 1000,
    MOST_ADDRESSES = 16, /* more of one name than anybody will try */
};

struct row {
    struct link link;
    struct resolver *resolver; /* owns this; NULL: gone, and the look-up's end frees it */
    char *host;
    char *addresses;   /* NULL: none yet */
    uint64_t asked_us; /* when they were found */
    bool asking;
    uv_getaddrinfo_t request;
    struct link waiting;
};

struct resolver {
    struct loop *loop; /* lent */
    struct link rows;
};

static void free_row(struct row *row)
{
    free(row->host);
    free(row->addresses);
    free(row);
}

/* ---- asking ---- */

static char *text_of(const struct addrinfo *found)
{
    struct buf text = { 0 };
    unsigned count = 0;

    for (const struct addrinfo *a = found; a && count < MOST_ADDRESSES; a = a->ai_next) {
        char name[INET6_ADDRSTRLEN];

        if (uv_ip_name(a->ai_addr, name, sizeof(name)) != 0)
            continue;
        buf_put_printf(&text, a->ai_family == AF_INET6 ? "%s[%s]" : "%s%s", count ? "," : "",
                       name);
        count++;
    }
    if (count == 0)
        return NULL;
    buf_put(&text, STR("\0"));
    return text.at; /* the buf's memory is the caller's now */
}

static void tell_all(struct row *row)
{
    struct link told;
    struct link *l;

    /* Only those who wait now: a callback that asks again must not be told by this round. */
    link_init(&told);
    if (link_is_in(&row->waiting)) {
        link_before(&row->waiting, &told);
        link_out(&row->waiting);
    }
    while ((l = list_pop(&told))) {
        struct resolve *op = container_of(l, struct resolve, waiting);

        op->on_done(op, row->addresses ? OK : ERR_UPSTREAM_UNREACHABLE, row->addresses);
    }
}

static void on_answered(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct row *row = container_of(request, struct row, request);
    char *addresses = status == 0 ? text_of(found) : NULL;

    uv_freeaddrinfo(found);
    row->asking = false;
    if (!row->resolver) {
        free(addresses);
        free_row(row);
        return;
    }
    if (addresses) {
        free(row->addresses);
        row->addresses = addresses;
        row->asked_us = clock_now_us();
    } else if (row->addresses && clock_now_us() - row->asked_us > USABLE_US) {
        free(row->addresses);
        row->addresses = NULL;
    }
    tell_all(row);
}

static void ask(struct row *row)
{
    static const struct addrinfo hints = { .ai_family = AF_UNSPEC,
                                           .ai_socktype = SOCK_STREAM,
                                           .ai_flags = AI_ADDRCONFIG };

    if (row->asking)
        return;
    row->asking = true;
    ensure(uv_getaddrinfo(&row->resolver->loop->uv, &row->request, on_answered, row->host, NULL,
                          &hints) == 0);
}

/* ---- answers ---- */

static struct row *find_or_make(struct resolver *r, struct str host)
{
    struct row *row;

    for (struct link *l = r->rows.next; l != &r->rows; l = l->next) {
        row = container_of(l, struct row, link);
        if (str_eq(str_of(row->host), host))
            return row;
    }
    row = MEM_NEW(struct row);
    row->resolver = r;
    row->host = mem_new(host.len + 1);
    memcpy(row->host, host.at, host.len);
    link_init(&row->waiting);
    link_before(&r->rows, &row->link);
    return row;
}

static struct str without_brackets(struct str host)
{
    if (str_starts(host, STR("[")) && str_ends(host, STR("]")))
        return str_cut(host, 1, host.len - 1);
    return host;
}

bool resolve_is_numeric(struct str host)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[sizeof(struct in6_addr)];
    struct str bare = without_brackets(host);

    if (bare.len == 0 || bare.len >= sizeof(text))
        return false;
    memcpy(text, bare.at, bare.len);
    text[bare.len] = '\0';
    return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

/* Brings a row's addresses to those that are certain without asking. */
static void settle_numeric(struct row *row)
{
    struct str host = without_brackets(str_of(row->host));
    struct buf text = { 0 };

    if (row->addresses)
        return;
    buf_put_printf(&text, memchr(host.at, ':', host.len) ? "[%.*s]" : "%.*s", STR_ARG(host));
    buf_put(&text, STR("\0"));
    row->addresses = text.at;
}

static void run_turn(struct deferred *d)
{
    struct resolve *op = container_of(d, struct resolve, turn);
    struct row *row = op->name;

    if (op->cancelled)
        op->on_done(op, ERR_CANCELLED, NULL);
    else
        op->on_done(op, OK, row->addresses);
}

void resolve_start(struct resolver *r, struct resolve *op, struct str host, resolve_fn *on_done)
{
    struct row *row = find_or_make(r, host);
    uint64_t age_us;

    *op = (struct resolve){ .on_done = on_done, .resolver = r, .name = row };
    link_init(&op->waiting);
    if (resolve_is_numeric(host)) {
        settle_numeric(row);
        loop_defer(r->loop, &op->turn, run_turn);
        return;
    }

    age_us = clock_now_us() - row->asked_us;
    if (!row->addresses || age_us > FRESH_US)
        ask(row);
    if (row->addresses && age_us <= USABLE_US)
        loop_defer(r->loop, &op->turn, run_turn);
    else
        link_before(&row->waiting, &op->waiting);
}

void resolve_cancel(struct resolve *op)
{
    if (op->cancelled)
        return;
    op->cancelled = true;
    link_out(&op->waiting);
    (void)deferred_cancel(&op->turn);
    loop_defer(op->resolver->loop, &op->turn, run_turn);
}

struct resolver *resolver_new(struct loop *loop)
{
    struct resolver *r = MEM_NEW(struct resolver);

    r->loop = loop;
    link_init(&r->rows);
    return r;
}

void resolver_free(struct resolver *r)
{
    struct link *l;

    if (!r)
        return;
    while ((l = list_pop(&r->rows))) {
        struct row *row = container_of(l, struct row, link);

        ensure(!link_is_in(&row->waiting));
        row->resolver = NULL;
        if (!row->asking)
            free_row(row);
        else
            (void)uv_cancel((uv_req_t *)&row->request); /* fails if a thread is at it */
    }
    free(r);
}
