/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listens to many streams at once and tells how late their events came. The upstream of
 * this folder writes into each event the monotonic time at which it was sent, between two
 * @; on one machine the clocks are one, so the difference on arrival is the whole way:
 * the gateway, both sockets, and this reader. Events are stamped once a read, so a
 * reader that falls behind counts against the gateway, never for it.
 *
 *     streams --target 127.0.0.1:8080 --streams 2000 --ramp 2000 --model bench
 *
 * Streams are opened evenly over --ramp ms, which also spreads their phases. A stall is a
 * gap of more than --stall ms between two events of one stream; --patience ms after the
 * ramp whatever has not ended counts as failed. One JSON object on standard output.
 */
#include "caller.h"
#include "flags.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    QUESTION_BYTES = 768,
    HEAD_BYTES = 256,
    STEP_MS = 5, /* streams are opened in small groups, this often */
    SAMPLES_AT_FIRST = 1 << 16,
};

struct stream {
    struct caller caller;
    uint64_t last_event_ns;
    uint64_t stamp;
    uint64_t tokens;
    bool in_stamp;
    bool ended;
    char question[QUESTION_BYTES];
};

/* Delays in microseconds, in the order of arrival until they are sorted. */
struct samples {
    uint32_t *us;
    size_t count, room;
};

static uint64_t wanted = 2000, ramp_ms = 2000, stall_ms = 500, patience_ms = 60000;
static uint64_t expected_tokens;
static const char *model = "bench";
static struct sockaddr_in target;
static struct stream *streams;
static uint64_t opened, ended, failed, stalls, begun_ns;
static struct samples delays;
static uv_timer_t opening, giving_up;

static void samples_add(struct samples *s, uint64_t us)
{
    if (s->count == s->room) {
        s->room = s->room ? 2 * s->room : SAMPLES_AT_FIRST;
        s->us = realloc(s->us, s->room * sizeof *s->us);
        if (!s->us)
            abort();
    }
    s->us[s->count++] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static double percentile_ms(const struct samples *s, double share)
{
    return s->count ? s->us[(size_t)(share * (double)(s->count - 1))] / 1000.0 : 0;
}

/* ---- hearing ---------------------------------------------------------------------- */

static void note_event(struct stream *s, uint64_t now_ns)
{
    if (s->last_event_ns && now_ns - s->last_event_ns > stall_ms * 1000000)
        stalls++;
    s->last_event_ns = now_ns;
    s->tokens++;
    samples_add(&delays, now_ns > s->stamp ? (now_ns - s->stamp) / 1000 : 0);
}

static void on_body(struct caller *c, const char *bytes, size_t length)
{
    struct stream *s = (struct stream *)c; /* its first member */
    uint64_t now_ns = uv_hrtime();

    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '@') {
            if (s->in_stamp)
                note_event(s, now_ns);
            s->in_stamp = !s->in_stamp;
            s->stamp = 0;
        } else if (s->in_stamp) {
            s->stamp = 10 * s->stamp + (uint64_t)(bytes[i] - '0');
        }
    }
}

static void settle(struct stream *s, const char *fault)
{
    if (s->ended)
        return;
    s->ended = true;
    ended++;
    caller_leave(&s->caller);
    if (fault && failed++ == 0)
        fprintf(stderr, "streams: a stream failed: %s\n", fault);
    if (ended == wanted)
        uv_stop(uv_default_loop());
}

static void on_answered(struct caller *c, int status)
{
    struct stream *s = (struct stream *)c;

    if (status != 200)
        settle(s, "its status is not 200");
    else if (s->tokens < expected_tokens || s->tokens == 0)
        settle(s, "it ended early");
    else
        settle(s, NULL);
}

static void on_failed(struct caller *c, const char *why)
{
    settle((struct stream *)c, why);
}

/* ---- opening ---------------------------------------------------------------------- */

static void open_one(struct stream *s, uint64_t number)
{
    static const struct listener listener = {
        .on_body = on_body,
        .on_answered = on_answered,
        .on_failed = on_failed,
    };
    char body[QUESTION_BYTES - HEAD_BYTES];
    int length = snprintf(body, sizeof body,
                          "{\"model\":\"%s\",\"stream\":true,\"messages\":"
                          "[{\"role\":\"user\",\"content\":\"stream %" PRIu64 "\"}]}",
                          model, number);

    snprintf(s->question, sizeof s->question,
             "POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\n"
             "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
             length, body);
    caller_ask(&s->caller, &listener, &target, s->question);
}

static void on_opening_time(uv_timer_t *timer)
{
    uint64_t elapsed_ms = (uv_hrtime() - begun_ns) / 1000000 + STEP_MS;
    uint64_t due = ramp_ms ? wanted * elapsed_ms / ramp_ms : wanted;

    for (; opened < due && opened < wanted; opened++)
        open_one(&streams[opened], opened);
    if (opened == wanted)
        uv_timer_stop(timer);
}

static void on_patience_lost(uv_timer_t *timer)
{
    (void)timer;
    for (uint64_t i = 0; i < opened; i++)
        settle(&streams[i], "it did not end in time");
    uv_stop(uv_default_loop());
}

static void report(void)
{
    qsort(delays.us, delays.count, sizeof *delays.us, by_size);
    printf("{\"streams\": %" PRIu64 ", \"failed\": %" PRIu64 ", \"events\": %zu, "
           "\"stalls\": %" PRIu64 ", \"seconds\": %.2f, "
           "\"delay_ms\": {\"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f}}\n",
           wanted, failed + wanted - ended, delays.count, stalls,
           (double)(uv_hrtime() - begun_ns) / 1e9, percentile_ms(&delays, 0.5),
           percentile_ms(&delays, 0.99), percentile_ms(&delays, 1));
}

int main(int count, char **words)
{
    const char *where = NULL;
    const struct flag flags[] = {
        { "--target", NULL, &where },           { "--model", NULL, &model },
        { "--streams", &wanted, NULL },         { "--ramp", &ramp_ms, NULL },
        { "--stall", &stall_ms, NULL },         { "--patience", &patience_ms, NULL },
        { "--events", &expected_tokens, NULL }, { NULL, NULL, NULL },
    };

    if (!flags_read(flags, count, words) || !target_read(&target, where) || wanted == 0)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    streams = calloc(wanted, sizeof *streams);
    if (!streams)
        abort();
    begun_ns = uv_hrtime();
    uv_timer_init(uv_default_loop(), &opening);
    uv_timer_start(&opening, on_opening_time, 0, STEP_MS);
    uv_timer_init(uv_default_loop(), &giving_up);
    uv_timer_start(&giving_up, on_patience_lost, ramp_ms + patience_ms, 0);
    uv_run(uv_default_loop(), UV_RUN_DEFAULT);
    report();
    free(streams);
    free(delays.us);
    return failed > 0;
}
