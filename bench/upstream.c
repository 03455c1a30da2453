/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model provider that costs next to nothing: it answers any POST with one constant
 * chat completion, plain, or as events where the body says "stream":true. Each event
 * carries the monotonic time at which it was sent, between two @, so that whoever reads
 * it on this machine knows how long it was under way.
 *
 *     upstream --port 9001 --delay 0 --events 100 --every 100     delay, every: in ms
 *
 * GET /count tells how many POSTs came; any other GET is answered with {}.
 *
 * Where the body says "fault":true, it fails, in each of a provider's ways in turn.
 */
#include "flags.h"
#include "server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEAD_BYTES = 256,
    EVENT_BYTES = 512, /* our longest event is half of that */
};

/* Finds one text in a body that comes in pieces. Works for texts that start with ". */
struct finder {
    const char *text;
    size_t matched;
};

struct order {
    struct finder stream;
    struct finder usage;
    struct finder fault;
    struct telling *telling; /* the answer under way, or NULL; frees itself */
};

/* One answer that takes time. */
struct telling {
    uv_timer_t timer;
    struct visitor *visitor; /* lent; outlives this, as on_gone ends the telling */
    uint64_t event;
    bool streamed;
};

static const char plain[] =
    "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1700000000,"
    "\"model\":\"bench-model\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
    "\"content\":\"Your refund is on its way. It reaches your account within three working "
    "days, and you get a mail as soon as it has been sent.\"},\"logprobs\":null,"
    "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":61,\"completion_tokens\":29,"
    "\"total_tokens\":90}}";

static const char stream_head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                  "Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n";

static const char chunk_head[] =
    "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
    "\"model\":\"bench-model\",\"choices\":";

static uint64_t port, delay_ms, events = 100, every_ms = 100;
static uint64_t posts;

static void finder_feed(struct finder *f, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length && f->text[f->matched]; i++) {
        if (bytes[i] == f->text[f->matched])
            f->matched++;
        else
            f->matched = bytes[i] == f->text[0];
    }
}

static bool finder_found(const struct finder *f)
{
    return f->text[f->matched] == '\0';
}

/* ---- saying ----------------------------------------------------------------------- */

static void say_json(struct visitor *v, const char *json)
{
    char text[HEAD_BYTES + sizeof plain];
    int length = snprintf(text, sizeof text,
                          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                          "Content-Length: %zu\r\n\r\n%s",
                          strlen(json), json);

    visitor_send(v, text, (size_t)length);
    visitor_done(v);
}

static void say_event(struct visitor *v, const char *open, const char *data)
{
    size_t size = strlen("data: \n\n") + strlen(open) + strlen(data);
    char text[EVENT_BYTES];
    int length = snprintf(text, sizeof text, "%zx\r\ndata: %s%s\n\n\r\n", size, open, data);

    visitor_send(v, text, (size_t)length);
}

static void say_start(struct visitor *v)
{
    visitor_send(v, stream_head, sizeof stream_head - 1);
    say_event(v, chunk_head,
              "[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
              "\"finish_reason\":null}]}");
}

static void say_token(struct visitor *v)
{
    char data[EVENT_BYTES / 2];

    snprintf(data, sizeof data,
             "[{\"index\":0,\"delta\":{\"content\":\"@%" PRIu64 "@ \"},"
             "\"finish_reason\":null}]}",
             uv_hrtime());
    say_event(v, chunk_head, data);
}

static void say_end(struct visitor *v)
{
    static const char last_chunk[] = "0\r\n\r\n";
    const struct order *order = visitor_room(v);

    say_event(v, chunk_head, "[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}");
    if (finder_found(&order->usage))
        say_event(v, chunk_head,
                  "[],\"usage\":{\"prompt_tokens\":61,\"completion_tokens\":29,"
                  "\"total_tokens\":90}}");
    say_event(v, "", "[DONE]");
    visitor_send(v, last_chunk, sizeof last_chunk - 1);
    visitor_done(v);
}

/* ---- taking time ------------------------------------------------------------------ */

static void on_timer_closed(uv_handle_t *timer)
{
    free(timer->data);
}

static void leave_off(struct visitor *v)
{
    struct order *order = visitor_room(v);

    if (!order->telling)
        return;
    uv_close((uv_handle_t *)&order->telling->timer, on_timer_closed);
    order->telling = NULL;
}

static void on_time(uv_timer_t *timer)
{
    struct telling *t = timer->data;
    struct visitor *v = t->visitor;

    if (!t->streamed) {
        leave_off(v);
        say_json(v, plain);
    } else if (t->event++ < events) {
        say_token(v);
    } else {
        leave_off(v);
        say_end(v);
    }
}

static void tell_later(struct visitor *v, bool streamed)
{
    struct order *order = visitor_room(v);
    struct telling *t = calloc(1, sizeof *t);

    if (!t)
        abort();
    *t = (struct telling){ .visitor = v, .streamed = streamed };
    order->telling = t;
    uv_timer_init(uv_default_loop(), &t->timer);
    t->timer.data = t;
    uv_timer_start(&t->timer, on_time, delay_ms, streamed ? every_ms : 0);
}

/* ---- failing ---------------------------------------------------------------------- */

static void say(struct visitor *v, const char *text)
{
    visitor_send(v, text, strlen(text));
}

static void refuse(struct visitor *v)
{
    say(v, "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n"
           "Content-Length: 30\r\n\r\n{\"error\":{\"message\":\"failed\"}}");
    visitor_done(v);
}

static void refuse_for_now(struct visitor *v)
{
    say(v, "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\n"
           "Content-Length: 28\r\n\r\n{\"error\":{\"message\":\"busy\"}}");
    visitor_done(v);
}

static void babble(struct visitor *v)
{
    say(v, "this is no HTTP\r\n\r\n");
    visitor_part(v);
}

static void break_off(struct visitor *v)
{
    const struct order *order = visitor_room(v);

    if (finder_found(&order->stream)) {
        say_start(v);
        say_token(v);
    } else {
        say(v, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
               "Content-Length: 1000\r\n\r\n{\"id\":");
    }
    visitor_part(v);
}

/* The caller waits until it has had enough. */
static void keep_silent(struct visitor *v)
{
    (void)v;
}

static void fail(struct visitor *v)
{
    static void (*const ways[])(struct visitor * v) = {
        refuse, refuse_for_now, visitor_part, babble, break_off, keep_silent,
    };
    static size_t turn;

    ways[turn++ % (sizeof ways / sizeof ways[0])](v);
}

/* ---- hearing ---------------------------------------------------------------------- */

static void begin(struct visitor *v)
{
    struct order *order = visitor_room(v);

    order->stream = (struct finder){ .text = "\"stream\":true" };
    order->usage = (struct finder){ .text = "\"include_usage\":true" };
    order->fault = (struct finder){ .text = "\"fault\":true" };
}

static void look(struct visitor *v, const char *bytes, size_t length)
{
    struct order *order = visitor_room(v);

    finder_feed(&order->stream, bytes, length);
    finder_feed(&order->usage, bytes, length);
    finder_feed(&order->fault, bytes, length);
}

static void answer(struct visitor *v)
{
    const struct order *order = visitor_room(v);
    char count[64];

    if (visitor_asks(v, HTTP_GET, "/count")) {
        snprintf(count, sizeof count, "{\"posts\":%" PRIu64 "}", posts);
        say_json(v, count);
        return;
    }
    if (!visitor_asks(v, HTTP_POST, "/v1/chat/completions")) {
        say_json(v, "{}");
        return;
    }
    posts++;
    if (finder_found(&order->fault)) {
        fail(v);
    } else if (finder_found(&order->stream)) {
        tell_later(v, true); /* first, so that a send that fails ends it */
        say_start(v);
    } else if (delay_ms > 0) {
        tell_later(v, false);
    } else {
        say_json(v, plain);
    }
}

int main(int count, char **words)
{
    static const struct service service = {
        .on_request_begun = begin,
        .on_body = look,
        .on_request = answer,
        .on_gone = leave_off,
        .room = sizeof(struct order),
    };
    static const struct flag flags[] = {
        { "--port", &port, NULL },     { "--delay", &delay_ms, NULL },
        { "--events", &events, NULL }, { "--every", &every_ms, NULL },
        { NULL, NULL, NULL },
    };

    if (!flags_read(flags, count, words))
        return 2;
    return server_run(&service, port);
}
