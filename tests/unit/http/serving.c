/* SPDX-License-Identifier: Apache-2.0 */
#include "serving.h"

#include "weir/base/mem.h"
#include "weir/net/timer.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- the handler ---- */

struct waiter {
    struct http_watcher watcher;
    struct timer timer;
    struct http_conn *conn;
    struct serving *serving;
    struct str body;
};

static void on_gone(struct http_watcher *w)
{
    struct waiter *waiter = container_of(w, struct waiter, watcher);

    timer_disarm(&waiter->timer);
    sem_post(&waiter->serving->gone);
    free(waiter);
}

/* A turn's worth, and more in the next turn unless the client must take some first. */
static void flood(struct timer *t)
{
    static char bytes[1000];
    struct waiter *waiter = container_of(t, struct waiter, timer);

    for (int i = 0; i < 1000 && !http_conn_is_full(waiter->conn); i++)
        http_conn_write(waiter->conn, (struct str){ bytes, sizeof(bytes) });
    if (!http_conn_is_full(waiter->conn))
        timer_arm(t, 1000);
}

static void on_drained(struct http_watcher *w)
{
    timer_arm(&container_of(w, struct waiter, watcher)->timer, 1000);
}

static void answer_later(struct timer *t)
{
    struct waiter *waiter = container_of(t, struct waiter, timer);
    struct http_answer a = { .status = 200, .body = { waiter->body } };

    http_conn_answer(waiter->conn, &a);
    free(waiter);
}

static struct waiter *wait_on(struct serving *s, struct http_conn *c)
{
    struct waiter *waiter = MEM_NEW(struct waiter);

    waiter->watcher = (struct http_watcher){ .on_gone = on_gone, .on_drained = on_drained };
    waiter->conn = c;
    waiter->serving = s;
    timer_init(&waiter->timer, s->loop, answer_later);
    http_conn_watch(c, &waiter->watcher);
    return waiter;
}

static void answer_hit(struct http_conn *c, const struct http_request *r)
{
    char text[300];
    struct http_answer a = { .status = 200, .fields = STR("X-Test: yes\r\n") };
    int n = snprintf(text, sizeof(text), "%.*s %.*s %zu", STR_ARG(r->method_text),
                     STR_ARG(r->path), r->body.len);

    a.body[0] = (struct str){ text, (size_t)n };
    http_conn_answer(c, &a);
}

static void stream(struct http_conn *c)
{
    http_conn_begin(c, 200, STR("Content-Type: text/plain\r\n"));
    http_conn_write(c, STR("one"));
    http_conn_write(c, STR(""));
    http_conn_write(c, STR("two"));
    http_conn_write(c, STR("three"));
    http_conn_end(c);
}

static void on_request(void *owner, struct http_conn *c, struct http_request *r)
{
    struct serving *s = owner;
    struct waiter *waiter;

    if (str_eq(r->path, STR("/later"))) {
        waiter = wait_on(s, c);
        http_conn_keep(c, r);
        waiter->body = r->body;
        timer_arm(&waiter->timer, 20 * 1000);
    } else if (str_eq(r->path, STR("/wait"))) {
        (void)wait_on(s, c);
    } else if (str_eq(r->path, STR("/wait-blindly"))) {
        waiter = wait_on(s, c);
        http_conn_watch(c, NULL);
        waiter->body = STR("late");
        timer_arm(&waiter->timer, 300 * 1000);
    } else if (str_eq(r->path, STR("/flood"))) {
        waiter = wait_on(s, c);
        http_conn_begin(c, 200, STR(""));
        timer_init(&waiter->timer, s->loop, flood);
        flood(&waiter->timer);
    } else if (str_eq(r->path, STR("/stream"))) {
        stream(c);
    } else if (str_eq(r->path, STR("/empty"))) {
        http_conn_answer(c, &(struct http_answer){ .status = 204 });
    } else {
        answer_hit(c, r);
    }
    sem_post(&s->reached);
}

static int64_t on_head(void *owner, struct http_conn *c, const struct http_request *r)
{
    struct serving *s = owner;

    if (str_eq(r->path, STR("/small")))
        return 10;
    if (!str_eq(r->path, STR("/refused")))
        return (int64_t)s->settings.body_bytes;
    http_conn_answer(c, &(struct http_answer){ .status = 403, .body = { STR("no") } });
    return -1;
}

static void put_error(void *owner, const struct http_refusal *r, struct buf *fields,
                      struct buf *body)
{
    (void)owner;
    buf_put_text(fields, "Content-Type: text/plain\r\n");
    buf_put_text(body, r->what);
}

/* ---- the server's thread ---- */

struct errand {
    struct letter letter;
    struct serving *serving;
    void (*verb)(struct http_server *s);
    unsigned busy;
};

static void run_errand(struct letter *l)
{
    struct errand *e = container_of(l, struct errand, letter);

    if (e->verb)
        e->verb(e->serving->server);
    else
        e->busy = http_server_busy(e->serving->server);
    sem_post(&e->serving->released);
}

void serving_do(struct serving *s, void (*verb)(struct http_server *s))
{
    struct errand e = { .serving = s, .verb = verb };

    loop_send(s->loop, &e.letter, run_errand);
    sem_wait(&s->released);
}

unsigned serving_busy(struct serving *s)
{
    struct errand e = { .serving = s };

    loop_send(s->loop, &e.letter, run_errand);
    sem_wait(&s->released);
    return e.busy;
}

int64_t serving_refused(struct serving *s, struct str reason)
{
    return metric_read(s->metrics, METRIC_CONNECTIONS_REFUSED, METRIC_LABEL(reason));
}

static void *run(void *arg)
{
    struct serving *s = arg;

    loop_run(s->loop);
    return NULL;
}

#define CHANGE(member)   \
    if (changes->member) \
    s->settings.member = changes->member

static void change(struct serving *s, const struct http_settings *changes)
{
    CHANGE(most_connections);
    CHANGE(body_bytes);
    CHANGE(header_timeout_us);
    CHANGE(body_timeout_us);
    CHANGE(idle_timeout_us);
    CHANGE(slow_reader_timeout_us);
}

struct serving *serving_start(const struct http_settings *changes)
{
    struct serving *s = MEM_NEW(struct serving);
    struct http_handler handler = {
        .on_head = on_head, .on_request = on_request, .put_error = put_error, .owner = s
    };

    s->metrics = metrics_new();
    s->loop = loop_new(metrics_shard(s->metrics));
    s->settings = (struct http_settings){ .address = STR("127.0.0.1:0"),
                                          .most_connections = 100,
                                          .connections = &s->connections,
                                          .body_bytes = 1 << 20,
                                          .header_timeout_us = 5000000,
                                          .body_timeout_us = 5000000,
                                          .idle_timeout_us = 5000000,
                                          .slow_reader_timeout_us = 5000000,
                                          .high_bytes = 256 << 10,
                                          .low_bytes = 64 << 10 };
    if (changes)
        change(s, changes);
    sem_init(&s->gone, 0, 0);
    sem_init(&s->reached, 0, 0);
    sem_init(&s->released, 0, 0);
    cr_assert_eq(http_server_open(&s->server, s->loop, &s->settings, &handler, NULL), OK);
    http_server_start(s->server);
    s->port = http_server_port(s->server);
    cr_assert_eq(pthread_create(&s->thread, NULL, run, s), 0);
    return s;
}

static void free_server(struct http_server *server)
{
    http_server_free(server);
}

struct halt {
    struct letter letter;
    struct loop *loop;
};

static void run_halt(struct letter *l)
{
    loop_stop(container_of(l, struct halt, letter)->loop);
}

void serving_end(struct serving *s)
{
    struct halt halt = { .loop = s->loop };

    serving_do(s, free_server);
    loop_send(s->loop, &halt.letter, run_halt);
    pthread_join(s->thread, NULL);
    loop_free(s->loop);
    metrics_free(s->metrics);
    free(s);
}

/* ---- the client ---- */

int client_open(const struct serving *s)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)s->port),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct timeval patience = { .tv_sec = 4 };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

void client_send(int fd, const char *text)
{
    cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static char answer[1 << 16];

static bool read_byte(int fd, size_t at)
{
    cr_assert_lt(at, sizeof(answer) - 1);
    if (recv(fd, answer + at, 1, 0) != 1)
        return false;
    answer[at + 1] = '\0';
    return true;
}

static bool ends_with(size_t len, const char *end)
{
    return len >= strlen(end) && memcmp(answer + len - strlen(end), end, strlen(end)) == 0;
}

const char *client_read(int fd)
{
    size_t len = 0, head, left = 0;
    const char *length;
    bool is_chunked;

    answer[0] = '\0';
    while (!ends_with(len, "\r\n\r\n")) {
        if (!read_byte(fd, len++))
            return NULL;
    }
    head = len;
    is_chunked = strstr(answer, "Transfer-Encoding: chunked") != NULL;
    length = strstr(answer, "Content-Length: ");
    if (length)
        left = (size_t)strtoul(length + 16, NULL, 10);
    while (is_chunked ? !ends_with(len, "0\r\n\r\n") || len == head : left-- > 0) {
        if (!read_byte(fd, len++))
            return NULL;
    }
    return answer;
}

const char *client_ask(int fd, const char *text)
{
    client_send(fd, text);
    return client_read(fd);
}

const char *client_read_all(int fd)
{
    size_t len = 0;

    answer[0] = '\0';
    while (read_byte(fd, len))
        len++;
    return answer;
}

bool client_sees_end(int fd)
{
    char byte;

    return recv(fd, &byte, 1, 0) == 0;
}
