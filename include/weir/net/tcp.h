/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/err.h"
#include "weir/base/own.h"
#include "weir/base/str.h"

#include <stdint.h>

/*
 * Accepted connections. Reads land in the loop's scratch buffer and are lent for the call.
 * tcp_write() is the only writer: it writes at once what the socket takes and keeps a copy of
 * the rest; tcp_queued() tells how much that is, and on_drained comes when it has fallen to
 * `low_bytes` after having been above. A connection owns no buffer while nothing is queued.
 *
 * The end: on_closed comes exactly once, last, after tcp_close() by us; on_broken (reset, write
 * error) may come before and asks the owner to close. After the peer's FIN (on_ended) writing
 * still works; a reset after it is seen within 0.1 s, a peer that vanishes by keep-alive.
 */

struct loop;
struct tcp;

struct tcp_events {
    void (*on_data)(struct tcp *t, struct str bytes);
    void (*on_ended)(struct tcp *t);
    void (*on_broken)(struct tcp *t);
    void (*on_drained)(struct tcp *t);
    void (*on_closed)(struct tcp *t); /* frees nothing of the owner's; `t` is gone after it */
};

/* Both are lent until on_closed. The first call begins to read, later ones hand on. */
void tcp_own(struct tcp *t, void *owner, const struct tcp_events *events);
void *tcp_owner(const struct tcp *t);

/* The parts are lent for the call. That the socket is broken comes later, by on_broken. */
void tcp_write(struct tcp *t, const struct str *parts, size_t count);
size_t tcp_queued(const struct tcp *t); /* bytes that the socket has not taken yet */
void tcp_set_low(struct tcp *t, size_t low_bytes);

/* Stops and goes on reading. While stopped a reset is seen within 0.1 s, a FIN is not. */
void tcp_pause(struct tcp *t);
void tcp_resume(struct tcp *t);

void tcp_close(struct tcp *t); /* drops what is queued */
/* Sends what is queued, then FIN, drains up to a second so that the peer can read, closes. */
void tcp_close_gently(struct tcp *t);

/* ---- listening ---- */

struct listener;
/* Must tcp_own() or tcp_close() what was accepted. */
typedef void listener_fn(void *owner, struct tcp *accepted);
typedef void listener_retired_fn(void *owner);

/*
 * Listens on "host:port" (IPv4, [IPv6] or a name from /etc/hosts; port 0 picks one) with
 * SO_REUSEPORT, so that every worker may listen on the same address. Above `most` open
 * connections of this process (counted in *open, shared by listeners) new ones are closed.
 *
 * With `fd` it listens on that socket instead, which was made and bound by another process
 * (a service manager's, handed down to us), and on its own copy of the descriptor, so that
 * every worker may be given the same one.
 */
struct listener_settings {
    struct str address;
    unsigned most;
    _Atomic unsigned *open;     /* lent; counts connections until they are closed */
    int fd;                     /* lent for the call; 0: none, the address is bound anew */
    _Atomic unsigned *siblings; /* lent; counts this process's listeners on the address, which
                                   retiring needs to know. NULL: it is the only one */
};

MUST_CHECK enum err listener_open(struct listener **out, struct loop *loop,
                                  const struct listener_settings *settings, struct fault *why);
void listener_start(struct listener *l, listener_fn *on_accepted, void *owner);
unsigned listener_port(const struct listener *l);
void listener_close(struct listener *l); /* NULL is fine; frees it, drops who is queued */

/*
 * Sends new connections elsewhere. Do others listen on the address, who must have begun after
 * this process did, they get all who come, whichever of this process's listeners is asked, and
 * should be as many, or more; false: nobody does. listener_leave() is for then: whoever comes is
 * refused. All of a process's listeners on one address should leave at once, so any thread may
 * ask it; what comes between the first and the last may wait for its kernel's second try.
 */
bool listener_hand_over(const struct listener *l);
void listener_leave(struct listener *l);

/*
 * Closes without losing a connection: hands over or leaves, if that was not done, goes on
 * accepting for half a second (a tenth, having left) those that are still shaking hands, takes
 * in who is queued, is gone, and says so by on_retired. All of a process's listeners on one
 * address are to retire within that time.
 *
 * May be closed meanwhile; then on_retired does not come.
 */
void listener_retire(struct listener *l, listener_retired_fn *on_retired);

/*
 * Does nobody listen on this address? SO_REUSEPORT would let a second process in without a
 * word, to take half of the connections. Asked once, before the first listener is opened, by
 * who does not mean to take over from another.
 */
MUST_CHECK enum err listener_probe(struct str address, struct fault *why);

/* Is this descriptor a TCP socket that listens already? */
bool listener_is_listening(int fd);

/* Is this address on the loopback interface? */
bool listener_is_loopback(struct str address);
