/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call to an upstream: its start, what libcurl tells us, and how its end is named.
 *
 * The rule about sending once: libcurl sends a request again, up to five times, when a
 * pooled connection turns out to be dead, and for a generation that may mean paying twice.
 * It asks us before each sending (on_about_to_send) and for each socket (on_open_socket);
 * the second time we refuse, and the fetch ends as `stale`.
 *
 * The events are told from inside libcurl's callbacks. Pausing and cancelling only mark the
 * slot there: the callback's own answer, or the fetcher's next turn, acts on the mark.
 */
#include "fetch_inner.h"

#include "weir/base/clock.h"
#include "weir/base/ensure.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
    MOST_HEAD = 256 * 1024, /* bytes of an answer's head */
    STALE_US = 1000 * 1000, /* a dead connection shows within a round trip */
    TICK_US = 10 * 1000,    /* by so much the kernel's time of what came may be off */
    SWITCHING = 101,
};

/* A handle takes any option that this libcurl knows; anything else is our own mistake. */
#define set(slot, option, value) \
    ensure(curl_easy_setopt((slot)->easy, (option), (value)) == CURLE_OK)

/* ---- what libcurl tells us ---- */

/*
 * libcurl wants to send again, since this pooled connection has closed; it keeps a line to itself
 * until all of it has come, so it does not know of less. Behind TLS neither do we: what came may
 * have been no more than the closing.
 */
static void refuse(struct fetch_slot *slot)
{
    const struct fetch_closed *last = &slot->fetcher->closed;

    slot->refused = true;
    slot->heard = last->local_port == slot->local_port &&
                  last->received_us > slot->sent_us + TICK_US &&
                  strncmp(slot->url, "https:", 6) != 0;
}

static int on_about_to_send(void *arg, char *peer, char *local, int peer_port, int local_port)
{
    struct fetch_slot *slot = arg;
    struct fetch *f = slot->fetch;
    long connects = 0;

    (void)peer, (void)local, (void)peer_port;
    if (slot->tries++ > 0) {
        refuse(slot);
        return CURL_PREREQFUNC_ABORT;
    }
    slot->local_port = local_port;
    if (slot->cancelled)
        return CURL_PREREQFUNC_ABORT;

    (void)curl_easy_getinfo(slot->easy, CURLINFO_NUM_CONNECTS, &connects);
    slot->reused = connects == 0;
    slot->sent_us = clock_now_us();
    f->connected = true;
    f->sent = slot->parts_left == 0; /* head and body leave together, now */
    f->events->on_connected(f);
    return slot->cancelled ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct fetch_slot *slot = arg;

    (void)purpose;
    if (slot->tries > 0) {
        refuse(slot);
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static size_t on_read_body(char *into, size_t size, size_t count, void *arg)
{
    struct fetch_slot *slot = arg;
    size_t room = size * count;
    size_t used = 0;

    while (used < room && slot->parts_left > 0) {
        size_t left = slot->part->len - slot->part_at;
        size_t now = left < room - used ? left : room - used;

        if (now > 0)
            memcpy(into + used, slot->part->at + slot->part_at, now);
        used += now;
        slot->part_at += now;
        if (slot->part_at == slot->part->len) {
            slot->part++;
            slot->part_at = 0;
            slot->parts_left--;
        }
    }
    if (slot->parts_left == 0)
        slot->fetch->sent = true;
    return used;
}

static size_t on_header_line(char *line, size_t size, size_t count, void *arg)
{
    struct fetch_slot *slot = arg;
    struct fetch *f = slot->fetch;
    size_t length = size * count;

    if (slot->cancelled)
        return 0;
    if (slot->headed)
        return length; /* a trailer */
    slot->head_bytes += length;
    if (slot->head_bytes > MOST_HEAD) {
        slot->misread = true;
        return 0;
    }
    if (length > 2 || (line[0] != '\r' && line[0] != '\n'))
        return length;

    (void)curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &f->status);
    if (f->status == SWITCHING) {
        slot->misread = true;
        return 0; /* to a protocol that nobody offered */
    }
    if (f->status < 200)
        return length; /* an interim answer: the head is yet to come */
    slot->headed = true;
    f->head = slot;
    f->events->on_head(f);
    return slot->cancelled ? 0 : length;
}

static size_t on_body(char *at, size_t size, size_t count, void *arg)
{
    struct fetch_slot *slot = arg;
    struct fetch *f = slot->fetch;
    size_t length = size * count;

    if (slot->cancelled)
        return 0;
    if (slot->paused) {
        slot->held = true;
        return CURL_WRITEFUNC_PAUSE; /* the same bytes come again */
    }
    if (length > 0)
        f->events->on_data(f, (struct str){ at, length });
    return slot->cancelled ? 0 : length;
}

void fetch_hear(struct fetch_slot *slot)
{
    set(slot, CURLOPT_PRIVATE, (char *)slot);
    set(slot, CURLOPT_ERRORBUFFER, slot->error);
    set(slot, CURLOPT_WRITEFUNCTION, on_body);
    set(slot, CURLOPT_WRITEDATA, slot);
    set(slot, CURLOPT_HEADERFUNCTION, on_header_line);
    set(slot, CURLOPT_HEADERDATA, slot);
    set(slot, CURLOPT_READFUNCTION, on_read_body);
    set(slot, CURLOPT_READDATA, slot);
    set(slot, CURLOPT_PREREQFUNCTION, on_about_to_send);
    set(slot, CURLOPT_PREREQDATA, slot);
    set(slot, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
    set(slot, CURLOPT_OPENSOCKETDATA, slot);
    set(slot, CURLOPT_CLOSESOCKETFUNCTION, fetch_socket_close);
    set(slot, CURLOPT_CLOSESOCKETDATA, slot->fetcher);
}

/* ---- the end ---- */

/*
 * Was the connection dead when the request went into it? That shows within a round trip; one
 * that was accepted, worked on for a while and then dropped is another matter.
 */
static bool was_stale(const struct fetch_slot *slot)
{
    return slot->reused && slot->head_bytes == 0 && !slot->heard &&
           clock_now_us() - slot->sent_us < STALE_US;
}

/*
 * libcurl takes a connection that is closed inside a head for the whole of an answer without a
 * body; only that the head's blank line never came tells them apart.
 */
static bool ended_in_head(const struct fetch_slot *slot, CURLcode result)
{
    return result == CURLE_OK && !slot->headed;
}

static enum err name_broken(const struct fetch_slot *slot)
{
    struct fetch *f = slot->fetch;

    f->stale = was_stale(slot);
    if (!f->stale && (slot->headed || f->sent))
        return ERR_UPSTREAM_TRUNCATED;
    return ERR_UPSTREAM_UNREACHABLE;
}

static enum err name_end(struct fetch_slot *slot, CURLcode result)
{
    if (slot->cancelled)
        return ERR_CANCELLED;
    if (slot->refused)
        return name_broken(slot);
    if (slot->misread)
        return ERR_UPSTREAM_MALFORMED;
    if (ended_in_head(slot, result))
        return name_broken(slot);
    switch ((int)result) {
    case CURLE_OK: return OK;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH: return ERR_UPSTREAM_TLS;
    case CURLE_OPERATION_TIMEDOUT:
        return slot->fetch->connected ? ERR_UPSTREAM_SILENT : ERR_UPSTREAM_UNREACHABLE;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL: /* an answer without a status line */
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_OUT_OF_MEMORY: /* also a line over libcurl's own limit */
        return ERR_UPSTREAM_MALFORMED;
    default: return name_broken(slot);
    }
}

static const char *words_for(const struct fetch_slot *slot, CURLcode result)
{
    if (slot->error[0])
        return slot->error;
    if (result != CURLE_OK)
        return curl_easy_strerror(result);
    return slot->headed || slot->refused || slot->misread ? "" : "it closed inside its head";
}

void fetch_tell_end(struct fetch_slot *slot, CURLcode result)
{
    struct fetch *f = slot->fetch;
    enum err err = name_end(slot, result);

    /* Who cancels knows why, and may have noted it. */
    if (err && !slot->cancelled)
        (void)snprintf(f->detail, sizeof(f->detail), "%.*s", (int)sizeof(f->detail) - 1,
                       words_for(slot, result));
    if (err)
        fetch_setup_forget(slot);
    slot->fetch = NULL;
    f->slot = NULL;
    f->events->on_done(f, err); /* `f` may be gone, or running again, after this */
}

/* ---- what our callers do ---- */

static void start_afresh(struct fetch_slot *slot)
{
    slot->tries = 0;
    slot->reused = slot->refused = slot->cancelled = false;
    slot->paused = slot->held = slot->headed = slot->misread = slot->heard = false;
    slot->head_bytes = 0;
    slot->error[0] = '\0';
}

void fetch_start(struct fetcher *fetcher, struct fetch *f, const struct fetch_call *call,
                 const struct fetch_events *events)
{
    struct fetch_slot *slot = fetcher_take_slot(fetcher, call);

    *f = (struct fetch){ .events = events, .slot = slot };
    slot->fetch = f;
    start_afresh(slot);
    fetch_setup(slot, call);
    fetcher_turn_for(slot);
}

void fetch_cancel(struct fetch *f)
{
    if (!f->slot)
        return;
    f->slot->cancelled = true;
    fetcher_turn_for(f->slot);
}

void fetch_pause(struct fetch *f)
{
    if (f->slot)
        f->slot->paused = true;
}

void fetch_resume(struct fetch *f)
{
    if (!f->slot || !f->slot->paused)
        return;
    f->slot->paused = false;
    if (f->slot->held)
        fetcher_turn_for(f->slot);
}

/* ---- headers ---- */

static struct str find_kept(const struct fetch_kept *kept, struct str name)
{
    for (size_t i = 0; i < kept->count; i++)
        if (str_eq_nocase(kept->lines[i].name, name))
            return kept->lines[i].value;
    return (struct str){ 0 };
}

static bool next_kept(const struct fetch_kept *kept, struct fetch_header_at *at)
{
    size_t i = (size_t)(uintptr_t)at->state;

    if (i >= kept->count)
        return false;
    *at = (struct fetch_header_at){ kept->lines[i].name, kept->lines[i].value,
                                    (void *)(uintptr_t)(i + 1) };
    return true;
}

struct str fetch_header(const struct fetch *f, const char *name)
{
    struct curl_header *h;

    if (f->kept)
        return find_kept(f->kept, str_of(name));
    if (!f->head || curl_easy_header(f->head->easy, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK)
        return (struct str){ 0 };
    return str_of(h->value);
}

bool fetch_next_header(const struct fetch *f, struct fetch_header_at *at)
{
    struct curl_header *h;

    if (f->kept)
        return next_kept(f->kept, at);
    if (!f->head)
        return false;
    h = curl_easy_nextheader(f->head->easy, CURLH_HEADER, -1, at->state);
    at->state = h;
    if (!h)
        return false;
    at->name = str_of(h->name);
    at->value = str_of(h->value);
    return true;
}
