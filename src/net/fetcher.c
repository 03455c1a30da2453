/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One libcurl multi handle, driven by one loop.
 *
 * libcurl is entered in three places: when a descriptor is ready (fetch_socket.c), when its
 * timer is due, and in the fetcher's turn, which is deferred and so never runs inside a
 * callback of libcurl's. Those callbacks only note what they hear. After each entry the
 * transfers that have ended are collected and their owners told.
 */
#include "fetch_inner.h"

#include "weir/base/ensure.h"
#include "weir/base/mem.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    IDLE_SLOTS = 256,      /* some 8 KiB each; more are freed after a peak */
    KEPT_BODY = 16 * 1024, /* what an idle one may hold on to */
    LOOK_AT_SLOTS = 8,     /* idle ones, for one that is set to the same upstream */
    CONNECTIONS = 4096,    /* pooled by one loop; those in use are limited by our callers */
};

/* ---- the end of one ---- */

static void free_slot(struct fetch_slot *slot)
{
    curl_easy_cleanup(slot->easy);
    fetch_setup_forget(slot);
    buf_deinit(&slot->text);
    buf_deinit(&slot->body);
    free(slot->nodes);
    free(slot);
}

static void put_back(struct fetch_slot *slot)
{
    struct fetcher *f = slot->fetcher;

    if (f->idle_count >= IDLE_SLOTS) {
        free_slot(slot);
        return;
    }
    if (slot->body.capacity > KEPT_BODY)
        buf_deinit(&slot->body);
    link_before(f->idle.next, &slot->link);
    f->idle_count++;
}

static void end(struct fetch_slot *slot, CURLcode result)
{
    struct fetcher *f = slot->fetcher;

    link_out(&slot->link);
    if (slot->added)
        ensure(curl_multi_remove_handle(f->multi, slot->easy) == CURLM_OK);
    slot->added = false;
    fetch_socket_let_go(slot);
    fetch_tell_end(slot, result);
    put_back(slot);
}

/* ---- the turn ---- */

static void serve(struct fetch_slot *slot)
{
    if (slot->cancelled) {
        end(slot, CURLE_OK);
    } else if (!slot->added) {
        slot->added = true;
        ensure(curl_multi_add_handle(slot->fetcher->multi, slot->easy) == CURLM_OK);
    } else if (slot->held && !slot->paused) {
        slot->held = false;
        (void)curl_easy_pause(slot->easy, CURLPAUSE_CONT); /* a failure ends the transfer */
        slot->fetcher->kick = true;
    }
}

static void run_timeouts(struct fetcher *f)
{
    int running;
    long wait_ms = -1;

    f->kick = false;
    ensure(curl_multi_socket_action(f->multi, CURL_SOCKET_TIMEOUT, 0, &running) == CURLM_OK);
    if (f->kick || timer_is_armed(&f->timer))
        return;

    /* libcurl says nothing when the next time is the one that it named last. */
    ensure(curl_multi_timeout(f->multi, &wait_ms) == CURLM_OK);
    if (wait_ms >= 0)
        timer_arm(&f->timer, (uint64_t)(wait_ms + 1) * 1000);
}

/* Tells of the transfers that have ended. Never inside a callback of libcurl's. */
static void drain(struct fetcher *f)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(f->multi, &left))) {
        char *slot = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        ensure(curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &slot) == CURLE_OK);
        end((struct fetch_slot *)(void *)slot, message->data.result);
    }
}

static void take_turn(struct deferred *d)
{
    struct fetcher *f = container_of(d, struct fetcher, turn);
    struct link *l;

    while ((l = list_pop(&f->turns)))
        serve(container_of(l, struct fetch_slot, link));
    if (f->kick)
        run_timeouts(f);
    drain(f);
    if (f->kick)
        fetcher_turn(f);
}

void fetcher_turn(struct fetcher *f)
{
    if (!f->turn.link.next || !link_is_in(&f->turn.link))
        loop_defer(f->loop, &f->turn, take_turn);
}

void fetcher_turn_for(struct fetch_slot *slot)
{
    if (!link_is_in(&slot->link))
        link_before(&slot->fetcher->turns, &slot->link);
    fetcher_turn(slot->fetcher);
}

/* ---- libcurl's timer ---- */

static int on_timer_changed(CURLM *multi, long wait_ms, void *fetcher)
{
    struct fetcher *f = fetcher;

    (void)multi;
    timer_disarm(&f->timer);
    f->kick = wait_ms == 0;
    if (wait_ms == 0)
        fetcher_turn(f);
    else if (wait_ms > 0)
        timer_arm(&f->timer, (uint64_t)wait_ms * 1000);
    return 0;
}

static void on_timer(struct timer *t)
{
    struct fetcher *f = container_of(t, struct fetcher, timer);

    run_timeouts(f);
    drain(f);
}

/* ---- slots ---- */

static void prepare_process(void)
{
    ensure(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

/* With the first call: libcurl makes OpenSSL ready too, which takes half a megabyte and more. */
static void open_multi(struct fetcher *f)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, prepare_process);
    f->multi = curl_multi_init();
    ensure(f->multi);
    (void)curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, fetch_socket_changed);
    (void)curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
    (void)curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, on_timer_changed);
    (void)curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
    (void)curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, (long)f->most_kept);
    (void)curl_multi_setopt(f->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
}

static struct fetch_slot *make_slot(struct fetcher *f)
{
    struct fetch_slot *slot = MEM_NEW(struct fetch_slot);

    if (!f->multi)
        open_multi(f);
    link_init(&slot->link);
    slot->fetcher = f;
    slot->easy = curl_easy_init();
    ensure(slot->easy);
    return slot;
}

/* A free slot, if possible one that has called this upstream before. */
struct fetch_slot *fetcher_take_slot(struct fetcher *f, const struct fetch_call *call)
{
    struct link *l = f->idle.next;
    struct fetch_slot *slot;

    if (l == &f->idle)
        return make_slot(f);
    for (unsigned looks = 0; looks < LOOK_AT_SLOTS && l != &f->idle; looks++, l = l->next) {
        slot = container_of(l, struct fetch_slot, link);
        if (fetch_setup_fits(slot, call))
            break;
    }
    if (l == &f->idle)
        l = f->idle.prev;
    link_out(l);
    f->idle_count--;
    return container_of(l, struct fetch_slot, link);
}

/* ---- the whole ---- */

struct fetcher *fetcher_new(struct loop *loop)
{
    struct fetcher *f = MEM_NEW(struct fetcher);

    f->loop = loop;
    f->most_kept = CONNECTIONS;
    link_init(&f->idle);
    link_init(&f->turns);
    timer_init(&f->timer, loop, on_timer);
    return f;
}

void fetcher_keep(struct fetcher *f, unsigned most)
{
    ensure(!f->multi);
    f->most_kept = most < CONNECTIONS ? most : CONNECTIONS;
}

void fetcher_free(struct fetcher *f)
{
    struct link *l;

    if (!f)
        return;

    ensure(!link_is_in(&f->turns));
    while ((l = list_pop(&f->idle)))
        free_slot(container_of(l, struct fetch_slot, link));
    /* Closes the pooled connections, through fetch_socket_close. */
    if (f->multi)
        ensure(curl_multi_cleanup(f->multi) == CURLM_OK);
    timer_disarm(&f->timer);
    (void)deferred_cancel(&f->turn);
    free(f->watches);
    free(f);
}
