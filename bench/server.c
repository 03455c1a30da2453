/* SPDX-License-Identifier: Apache-2.0 */
#include "server.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SCRATCH_BYTES = 128 * 1024, /* a 100 KB prompt in one read */
    URL_BYTES = 64,             /* only our own short paths are looked at */
    BACKLOG = 4096,             /* thousands of streams open within a second */
};

struct visitor {
    uv_tcp_t tcp;
    llhttp_t parser;
    const struct service *service; /* lent by server_run's caller */
    size_t url_length;
    char url[URL_BYTES];
    bool keep_alive;
    max_align_t room[]; /* the service's own */
};

struct leftover {
    uv_write_t write;
    char bytes[];
};

static llhttp_settings_t settings;
static char scratch[SCRATCH_BYTES]; /* one loop reads one connection at a time */

/* ---- leaving ---------------------------------------------------------------------- */

static void on_closed(uv_handle_t *tcp)
{
    free(tcp->data);
}

void visitor_part(struct visitor *v)
{
    if (uv_is_closing((uv_handle_t *)&v->tcp))
        return;
    if (v->service->on_gone)
        v->service->on_gone(v);
    uv_close((uv_handle_t *)&v->tcp, on_closed);
}

static void on_shut(uv_shutdown_t *shut, int status)
{
    (void)status;
    visitor_part(shut->data);
    free(shut);
}

/* ---- answering -------------------------------------------------------------------- */

static void on_written(uv_write_t *write, int status)
{
    if (status < 0 && status != UV_ECANCELED)
        visitor_part(write->handle->data);
    free(write->data);
}

static void send_later(struct visitor *v, const char *bytes, size_t length)
{
    struct leftover *rest = malloc(sizeof *rest + length);
    uv_buf_t buf;

    if (!rest)
        abort();
    memcpy(rest->bytes, bytes, length);
    rest->write.data = rest;
    buf = uv_buf_init(rest->bytes, (unsigned)length);
    if (uv_write(&rest->write, (uv_stream_t *)&v->tcp, &buf, 1, on_written) < 0) {
        free(rest);
        visitor_part(v);
    }
}

void visitor_send(struct visitor *v, const char *bytes, size_t length)
{
    uv_buf_t buf = { .base = (char *)bytes, .len = length };
    int sent = uv_try_write((uv_stream_t *)&v->tcp, &buf, 1);

    if (sent < 0 && sent != UV_EAGAIN) {
        visitor_part(v);
        return;
    }
    if (sent < 0)
        sent = 0;
    if ((size_t)sent < length)
        send_later(v, bytes + sent, length - (size_t)sent);
}

void visitor_done(struct visitor *v)
{
    uv_shutdown_t *shut;

    if (v->keep_alive || uv_is_closing((uv_handle_t *)&v->tcp))
        return;
    shut = malloc(sizeof *shut);
    if (!shut)
        abort();
    shut->data = v;
    if (uv_shutdown(shut, (uv_stream_t *)&v->tcp, on_shut) < 0) {
        free(shut);
        visitor_part(v);
    }
}

void *visitor_room(struct visitor *v)
{
    return v->room;
}

bool visitor_asks(const struct visitor *v, llhttp_method_t method, const char *url)
{
    return v->parser.method == method && v->url_length == strlen(url) &&
           memcmp(v->url, url, v->url_length) == 0;
}

/* ---- hearing ---------------------------------------------------------------------- */

static int on_message_begin(llhttp_t *parser)
{
    struct visitor *v = parser->data;

    v->url_length = 0;
    if (v->service->on_request_begun)
        v->service->on_request_begun(v);
    return 0;
}

static int on_url(llhttp_t *parser, const char *bytes, size_t length)
{
    struct visitor *v = parser->data;

    if (length > URL_BYTES - v->url_length)
        length = URL_BYTES - v->url_length;
    memcpy(v->url + v->url_length, bytes, length);
    v->url_length += length;
    return 0;
}

static int on_body(llhttp_t *parser, const char *bytes, size_t length)
{
    struct visitor *v = parser->data;

    v->service->on_body(v, bytes, length);
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    struct visitor *v = parser->data;

    v->keep_alive = llhttp_should_keep_alive(parser) != 0;
    v->service->on_request(v);
    return 0;
}

static void on_room_wanted(uv_handle_t *tcp, size_t wanted, uv_buf_t *buf)
{
    (void)tcp, (void)wanted;
    *buf = uv_buf_init(scratch, SCRATCH_BYTES);
}

static void on_read(uv_stream_t *tcp, ssize_t length, const uv_buf_t *buf)
{
    struct visitor *v = tcp->data;

    if (length < 0 || llhttp_execute(&v->parser, buf->base, (size_t)length) != HPE_OK)
        visitor_part(v);
}

static void on_connection(uv_stream_t *listener, int status)
{
    const struct service *service = listener->data;
    struct visitor *v = calloc(1, sizeof *v + service->room);

    if (!v)
        abort();
    v->service = service;
    uv_tcp_init(listener->loop, &v->tcp);
    v->tcp.data = v;
    llhttp_init(&v->parser, HTTP_REQUEST, &settings);
    v->parser.data = v;
    if (status < 0 || uv_accept(listener, (uv_stream_t *)&v->tcp) < 0 ||
        uv_tcp_nodelay(&v->tcp, 1) < 0 ||
        uv_read_start((uv_stream_t *)&v->tcp, on_room_wanted, on_read) < 0)
        visitor_part(v);
}

/* ---- running ---------------------------------------------------------------------- */

static int listen_on(uv_tcp_t *listener, uint64_t port)
{
    struct sockaddr_in address;
    int length = sizeof address;
    int err = uv_ip4_addr("127.0.0.1", (int)port, &address);

    if (!err)
        err = uv_tcp_bind(listener, (struct sockaddr *)&address, 0);
    if (!err)
        err = uv_listen((uv_stream_t *)listener, BACKLOG, on_connection);
    if (!err)
        err = uv_tcp_getsockname(listener, (struct sockaddr *)&address, &length);
    if (err)
        return err;
    printf("listening on 127.0.0.1:%u\n", (unsigned)ntohs(address.sin_port));
    fflush(stdout);
    return 0;
}

int server_run(const struct service *service, uint64_t port)
{
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t listener;
    int err;

    signal(SIGPIPE, SIG_IGN);
    llhttp_settings_init(&settings);
    settings.on_message_begin = on_message_begin;
    settings.on_url = on_url;
    settings.on_body = on_body;
    settings.on_message_complete = on_message_complete;

    uv_tcp_init(loop, &listener);
    listener.data = (void *)service;
    err = listen_on(&listener, port);
    if (err) {
        fprintf(stderr, "cannot listen on port %u: %s\n", (unsigned)port, uv_strerror(err));
        return 1;
    }
    return uv_run(loop, UV_RUN_DEFAULT);
}
