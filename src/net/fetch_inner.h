/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/buf.h"
#include "weir/net/fetch.h"

#include "loop_inner.h"

#include <curl/curl.h>

/*
 * The files of a fetch: fetcher.c drives the multi handle and keeps the slots, fetch.c makes
 * one call and hears its answer, fetch_setup.c tells libcurl about it, fetch_socket.c
 * watches descriptors.
 *
 * A slot is an easy handle with all that one call needs beside it. It is free, or it runs
 * one fetch; `link` is then on the fetcher's list of turns while something has to be done
 * that must not be done from where it was asked for.
 */

struct fetch_watch;

struct fetch_slot {
    struct link link;        /* free slots, or turns */
    struct fetcher *fetcher; /* owns this */
    struct fetch *fetch;     /* lent by its owner; NULL: free, or past its end */
    CURL *easy;
    struct fetch_watch *watch; /* of the connection in use; owned by the fetcher */
    bool added;                /* the multi handle has it */

    /* What the handle is set to: left alone while calls stay the same. */
    bool shaped;
    char *url;
    char *addresses;
    char *ca_file;
    CURLU *parts; /* of the url */
    struct curl_slist *resolve;
    uint64_t connect_timeout_us;
    unsigned idle_s;
    bool fresh;

    /* This call's request. */
    struct buf text; /* its headers, one after the other, each with a NUL */
    struct curl_slist *nodes;
    size_t nodes_capacity;
    struct buf body;        /* a small body, in one piece */
    const struct str *part; /* a large one: what is still to be sent, lent by the caller */
    size_t parts_left;
    size_t part_at;

    /* How far it came. */
    unsigned tries; /* how often libcurl was about to send it: a second time is refused */
    bool reused;    /* the first try went to a pooled connection */
    bool refused;
    bool cancelled;
    bool paused;    /* the owner wants no data for now */
    bool held;      /* and libcurl has been told so */
    bool headed;    /* the head was complete */
    bool misread;   /* its head is one that we cannot go on with */
    bool heard;     /* less than a line of its answer has come */
    int local_port; /* of the connection that it was sent on */
    size_t head_bytes;
    uint64_t sent_us;
    char error[CURL_ERROR_SIZE];
};

/* The connection that was closed last: by its port it is known again. */
struct fetch_closed {
    int local_port;
    uint64_t received_us; /* when something came on it last */
};

struct fetcher {
    struct loop *loop; /* lent */
    CURLM *multi;      /* NULL: nothing was called yet */
    unsigned most_kept;
    struct link idle; /* free slots, the last used first */
    size_t idle_count;
    struct link turns; /* slots to be started, resumed or ended */
    struct deferred turn;
    struct timer timer; /* libcurl's */
    bool kick;          /* libcurl's timer is due at once */
    struct fetch_closed closed;
    struct fetch_watch **watches; /* by descriptor */
    size_t watches_capacity;
};

/* Puts off what `slot` needs to the fetcher's next turn. */
void fetcher_turn_for(struct fetch_slot *slot);
/*
 * Has the owners of transfers that have ended told of it in the fetcher's next turn: all those
 * of one look at the sockets together.
 */
void fetcher_turn(struct fetcher *f);
struct fetch_slot *fetcher_take_slot(struct fetcher *f, const struct fetch_call *call);

/* Sets the slot's handle to this call. */
void fetch_setup(struct fetch_slot *slot, const struct fetch_call *call);
bool fetch_setup_fits(const struct fetch_slot *slot, const struct fetch_call *call);
void fetch_setup_forget(struct fetch_slot *slot); /* the next call sets all anew */

void fetch_hear(struct fetch_slot *slot); /* sets the handle's callbacks */
/* Tells the owner how it ended; `result` is libcurl's, where it was not cancelled. */
void fetch_tell_end(struct fetch_slot *slot, CURLcode result);

int fetch_socket_changed(CURL *easy, curl_socket_t fd, int what, void *fetcher, void *unused);
int fetch_socket_close(void *fetcher, curl_socket_t fd);
void fetch_socket_let_go(struct fetch_slot *slot); /* its transfer is over */
