/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libcurl is told about a call.
 *
 * Handles are reused as they are while their calls go to the same place; for another place,
 * or after a failure, they are reset and set anew. What changes with each call is little:
 * headers, which lie in memory that the slot keeps, and the body.
 *
 * A small body goes out together with the head, in one write, which libcurl does only for
 * a body in one piece: so its parts are gathered. A large one is read from where it lies.
 */
#include "fetch_inner.h"

#include "weir/base/ensure.h"
#include "weir/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
    SMALL_BODY = 64 * 1024,       /* libcurl's own bound for sending head and body as one */
    UPLOAD_PIECE = 128 * 1024,    /* one write of a large body */
    LAST_RESORT_S = 24 * 60 * 60, /* when every timer of our callers' has failed */
    KEEP_ALIVE_S = 30,
};

/* A handle takes any option that this libcurl knows; anything else is our own mistake. */
#define set(slot, option, value) \
    ensure(curl_easy_setopt((slot)->easy, (option), (value)) == CURLE_OK)

static char *copy_or_null(const char *text)
{
    return text ? mem_copy_text(text) : NULL;
}

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool fetch_setup_fits(const struct fetch_slot *slot, const struct fetch_call *call)
{
    return slot->shaped && same(slot->url, call->url) &&
           same(slot->addresses, call->addresses) &&
           same(slot->ca_file, call->target->ca_file) &&
           slot->connect_timeout_us == call->target->connect_timeout_us &&
           slot->idle_s == call->target->idle_s;
}

void fetch_setup_forget(struct fetch_slot *slot)
{
    free(slot->url);
    free(slot->addresses);
    free(slot->ca_file);
    curl_url_cleanup(slot->parts);
    curl_slist_free_all(slot->resolve);
    slot->url = slot->addresses = slot->ca_file = NULL;
    slot->parts = NULL;
    slot->resolve = NULL;
    slot->shaped = false;
}

/* "HOST:PORT:ADDRESSES" for libcurl. */
static struct curl_slist *make_resolve(CURLU *parts, const char *addresses)
{
    char *host = NULL;
    char *port = NULL;
    struct curl_slist *list = NULL;

    if (curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        struct buf text = { 0 };

        buf_put_printf(&text, "%s:%s:%s", host, port, addresses);
        buf_put(&text, STR("\0"));
        list = curl_slist_append(NULL, text.at);
        buf_deinit(&text);
    }
    curl_free(host);
    curl_free(port);
    return list;
}

/*
 * Where the URL's host is. libcurl must never resolve, for that would block the loop. Of
 * several addresses it takes whichever answers. A single one is part of what a connection is:
 * pooled ones are found by name, and would be used for another address of the same name.
 */
static void set_addresses(struct fetch_slot *slot, const char *addresses)
{
    struct buf text = { 0 };

    if (strchr(addresses, ',')) {
        slot->resolve = make_resolve(slot->parts, addresses);
        set(slot, CURLOPT_RESOLVE, slot->resolve);
        return;
    }
    buf_put_printf(&text, "::%s:", addresses); /* for any host and port: this one, same port */
    buf_put(&text, STR("\0"));
    slot->resolve = curl_slist_append(NULL, text.at);
    set(slot, CURLOPT_CONNECT_TO, slot->resolve);
    buf_deinit(&text);
}

/*
 * In its parts, the URL is read once: given as text, libcurl would take it apart with every
 * call, and print it anew. A URL that cannot be read is left to libcurl to complain of.
 */
static void set_url(struct fetch_slot *slot, const struct fetch_call *call)
{
    slot->parts = curl_url();
    ensure(slot->parts);
    if (curl_url_set(slot->parts, CURLUPART_URL, call->url, CURLU_PATH_AS_IS) != CURLUE_OK) {
        set(slot, CURLOPT_URL, call->url);
        return;
    }
    set(slot, CURLOPT_CURLU, slot->parts);
    if (call->addresses)
        set_addresses(slot, call->addresses);
}

static void shape(struct fetch_slot *slot, const struct fetch_call *call)
{
    const struct fetch_target *target = call->target;
    long connect_ms = (long)((target->connect_timeout_us + 999) / 1000);

    fetch_setup_forget(slot);
    curl_easy_reset(slot->easy);
    fetch_hear(slot);
    set(slot, CURLOPT_NOSIGNAL, 1L);
    set(slot, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    set(slot, CURLOPT_PROTOCOLS_STR, "http,https");
    set(slot, CURLOPT_PROXY, "");   /* or the environment's would apply */
    set(slot, CURLOPT_NOPROXY, ""); /* and would be asked for with every call */
    set(slot, CURLOPT_PATH_AS_IS, 1L);
    set(slot, CURLOPT_TCP_KEEPALIVE, 1L);
    set(slot, CURLOPT_TCP_KEEPIDLE, (long)KEEP_ALIVE_S);
    set(slot, CURLOPT_TCP_KEEPINTVL, (long)KEEP_ALIVE_S);
    set(slot, CURLOPT_TIMEOUT, (long)LAST_RESORT_S);
    set(slot, CURLOPT_CONNECTTIMEOUT_MS, connect_ms > 0 ? connect_ms : 1L);
    set(slot, CURLOPT_MAXAGE_CONN, target->idle_s > 0 ? (long)target->idle_s : 1L);
    if (target->ca_file)
        set(slot, CURLOPT_CAINFO, target->ca_file);
    set_url(slot, call);

    slot->url = mem_copy_text(call->url);
    slot->addresses = copy_or_null(call->addresses);
    slot->ca_file = copy_or_null(target->ca_file);
    slot->connect_timeout_us = target->connect_timeout_us;
    slot->idle_s = target->idle_s;
    slot->fresh = false;
    slot->shaped = true;
}

/*
 * The headers as libcurl wants them, in memory that the slot keeps from call to call. For each
 * that it might add itself it looks through all of ours: a large body alone needs the first,
 * or it would wait a second for leave to come.
 */
static void set_headers(struct fetch_slot *slot, const char *const *headers, bool large)
{
    static const char no_expect[] = "Expect:";
    size_t count = 0;
    size_t bytes = sizeof(no_expect);
    char *at;

    for (const char *const *h = headers; h && *h; h++, count++)
        bytes += strlen(*h) + 1;
    count += large ? 1 : 0;
    if (count > slot->nodes_capacity) {
        slot->nodes = mem_grow(slot->nodes, count * 2 * sizeof(struct curl_slist));
        slot->nodes_capacity = count * 2;
    }
    buf_reset(&slot->text);
    ensure(buf_room(&slot->text, bytes, &at) == OK);
    for (size_t i = 0; i < count; i++) {
        const char *line = !large ? headers[i] : i == 0 ? no_expect : headers[i - 1];
        size_t size = strlen(line) + 1;

        memcpy(at, line, size);
        slot->nodes[i].data = at;
        slot->nodes[i].next = i + 1 < count ? &slot->nodes[i + 1] : NULL;
        at += size;
    }
    buf_grown(&slot->text, bytes);
    set(slot, CURLOPT_HTTPHEADER, count > 0 ? slot->nodes : NULL);
}

static curl_off_t length_of(const struct fetch_call *call)
{
    curl_off_t length = 0;

    for (size_t i = 0; i < call->body_parts; i++)
        length += (curl_off_t)call->body[i].len;
    return length;
}

static void set_body(struct fetch_slot *slot, const struct fetch_call *call, curl_off_t length)
{
    slot->parts_left = 0;
    slot->part_at = 0;
    set(slot, CURLOPT_POSTFIELDSIZE_LARGE, length);
    if (length >= SMALL_BODY) {
        slot->part = call->body;
        slot->parts_left = call->body_parts;
        set(slot, CURLOPT_POSTFIELDS, NULL);
        set(slot, CURLOPT_POST, 1L);
        set(slot, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_PIECE);
        return;
    }
    buf_reset(&slot->body);
    for (size_t i = 0; call->body_parts > 1 && i < call->body_parts; i++)
        buf_put(&slot->body, call->body[i]);
    if (length == 0)
        set(slot, CURLOPT_POSTFIELDS, "");
    else if (call->body_parts > 1)
        set(slot, CURLOPT_POSTFIELDS, slot->body.at);
    else
        set(slot, CURLOPT_POSTFIELDS, call->body[0].at);
}

void fetch_setup(struct fetch_slot *slot, const struct fetch_call *call)
{
    bool get = strcmp(call->method, "GET") == 0;
    bool post = strcmp(call->method, "POST") == 0;
    curl_off_t length = length_of(call);

    if (!fetch_setup_fits(slot, call))
        shape(slot, call);
    set_headers(slot, call->headers, length >= SMALL_BODY);
    set_body(slot, call, length);
    if (get)
        set(slot, CURLOPT_HTTPGET, 1L);
    set(slot, CURLOPT_CUSTOMREQUEST, get || post ? NULL : call->method);
    if (slot->fresh != call->fresh)
        set(slot, CURLOPT_FRESH_CONNECT, call->fresh ? 1L : 0L);
    slot->fresh = call->fresh;
}
