/* SPDX-License-Identifier: Apache-2.0 */
#include "caller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SCRATCH_BYTES = 64 * 1024,
    TARGET_BYTES = 64,
};

static char scratch[SCRATCH_BYTES]; /* one loop reads one connection at a time */

bool target_read(struct sockaddr_in *target, const char *text)
{
    const char *colon = text ? strrchr(text, ':') : NULL;
    char host[TARGET_BYTES];

    if (!colon || (size_t)(colon - text) >= sizeof host) {
        fprintf(stderr, "--target wants ADDRESS:PORT\n");
        return false;
    }
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    if (uv_ip4_addr(host, (int)strtol(colon + 1, NULL, 10), target) != 0) {
        fprintf(stderr, "--target wants a numeric address, not %s\n", host);
        return false;
    }
    return true;
}

void caller_leave(struct caller *c)
{
    if (c->left)
        return;
    c->left = true;
    uv_close((uv_handle_t *)&c->tcp, NULL);
}

static void fail(struct caller *c, const char *why)
{
    if (c->left)
        return;
    caller_leave(c);
    c->listener->on_failed(c, why);
}

static int on_body(llhttp_t *parser, const char *bytes, size_t length)
{
    struct caller *c = parser->data;

    if (c->listener->on_body)
        c->listener->on_body(c, bytes, length);
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    struct caller *c = parser->data;

    c->listener->on_answered(c, parser->status_code);
    return 0;
}

static void on_room_wanted(uv_handle_t *tcp, size_t wanted, uv_buf_t *buf)
{
    (void)tcp, (void)wanted;
    *buf = uv_buf_init(scratch, SCRATCH_BYTES);
}

static void on_read(uv_stream_t *tcp, ssize_t length, const uv_buf_t *buf)
{
    struct caller *c = tcp->data;

    if (length < 0)
        fail(c, uv_strerror((int)length));
    else if (llhttp_execute(&c->parser, buf->base, (size_t)length) != HPE_OK)
        fail(c, llhttp_get_error_reason(&c->parser));
}

static void on_written(uv_write_t *write, int status)
{
    if (status < 0)
        fail(write->data, uv_strerror(status));
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct caller *c = connect->data;
    uv_buf_t buf = { .base = (char *)c->question, .len = strlen(c->question) };

    if (status == 0)
        status = uv_read_start((uv_stream_t *)&c->tcp, on_room_wanted, on_read);
    if (status == 0)
        status = uv_write(&c->write, (uv_stream_t *)&c->tcp, &buf, 1, on_written);
    if (status < 0)
        fail(c, uv_strerror(status));
}

void caller_ask(struct caller *c, const struct listener *listener,
                const struct sockaddr_in *target, const char *question)
{
    static llhttp_settings_t settings;
    int err;

    if (!settings.on_body) {
        llhttp_settings_init(&settings);
        settings.on_body = on_body;
        settings.on_message_complete = on_message_complete;
    }
    c->listener = listener;
    c->question = question;
    c->left = false;
    uv_tcp_init(uv_default_loop(), &c->tcp);
    c->tcp.data = c->connect.data = c->write.data = c;
    llhttp_init(&c->parser, HTTP_RESPONSE, &settings);
    c->parser.data = c;
    err = uv_tcp_connect(&c->connect, &c->tcp, (const struct sockaddr *)target, on_connected);
    if (err)
        fail(c, uv_strerror(err));
}
