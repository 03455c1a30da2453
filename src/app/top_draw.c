/* SPDX-License-Identifier: Apache-2.0 */
#include "top_draw.h"

#include "top_line.h"
#include "weir/base/str.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum colour { PLAIN = 0, BOLD = 1, DIM = 2, RED = 31, GREEN = 32, YELLOW = 33 };

enum { MOST_BARS = 3, MOST_CHANGES = 2, NAME_WIDTH = 22, WIDE = 100, NARROW = 80 };

/* A screen under way: lines are made one by one, so that each can be cut. */
struct drawing {
    const struct top_screen *s;
    struct buf *out;
    unsigned lines;
};

/* ---- reading JSON ---- */

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

static double number_of(const json_t *object, const char *name)
{
    return json_number_value(json_object_get(object, name));
}

static json_t *list_of(const json_t *object, const char *name)
{
    return json_object_get(object, name);
}

static json_t *model_named(const json_t *overview, const char *name)
{
    size_t i;
    json_t *model;

    json_array_foreach(list_of(overview, "models"), i, model)
    {
        if (strcmp(text_of(model, "model"), name) == 0)
            return model;
    }
    return NULL;
}

/* How fast a count grows, a second. A count that fell is of a gateway that began anew. */
static double rate_of(const struct top_screen *s, const json_t *model, const char *member)
{
    double seconds = (number_of(s->now, "now_ms") - number_of(s->before, "now_ms")) / 1e3;
    double count = number_of(model, member);
    double before = number_of(model_named(s->before, text_of(model, "model")), member);

    if (!s->before || seconds <= 0)
        return 0;
    return (count < before ? count : count - before) / seconds;
}

void top_note(struct top_screen *s)
{
    size_t i;
    json_t *model;

    if (!s->before)
        return;
    json_array_foreach(list_of(s->now, "models"), i, model)
        top_past_note(&s->past, str_of(text_of(model, "model")), rate_of(s, model, "requests"));
}

/* ---- lines ---- */

static void put_line(struct drawing *d, enum colour colour, struct buf *line)
{
    if (d->lines < d->s->rows) {
        if (d->s->colours && colour != PLAIN)
            buf_put_printf(d->out, "\033[%dm", (int)colour);
        (void)top_line_put(d->out, buf_str(line), d->s->columns);
        buf_put_text(d->out, d->s->colours && colour != PLAIN ? "\033[0m\n" : "\n");
        d->lines++;
    }
    buf_reset(line);
}

static void put_name(struct buf *line, const char *name, unsigned width)
{
    top_line_column(line, str_of(name), width);
}

/* In so many columns; 0: as many as it takes. */
static void put_ms(struct buf *line, const json_t *object, const char *name, int width)
{
    const json_t *value = json_object_get(object, name);

    if (json_is_number(value))
        buf_put_printf(line, "%*.*f", width, json_number_value(value) < 10 ? 2 : 0,
                       json_number_value(value));
    else
        buf_put_printf(line, "%*s", width, "-");
}

/* A terminal may be narrow: then there are fewer columns, or two lines for one. */
static bool is_wide(const struct drawing *d)
{
    return d->s->columns >= WIDE;
}

static bool is_narrow(const struct drawing *d)
{
    return d->s->columns < NARROW;
}

/* ---- parts ---- */

static const char *redis_word(const json_t *now)
{
    const json_t *up = json_object_get(now, "redis_up");

    return json_is_null(up) ? "off" : json_is_true(up) ? "up" : "away";
}

static void draw_head(struct drawing *d, struct buf *line)
{
    const json_t *now = d->s->now, *cache = json_object_get(now, "cache");
    const char *ready = json_is_true(json_object_get(now, "ready")) ? "ready" : "draining";
    time_t seconds = (time_t)(number_of(now, "now_ms") / 1e3);
    struct tm tm;
    char clock[16];

    (void)strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&seconds, &tm));
    if (is_narrow(d))
        buf_put_printf(line, "weir %s %s  %.*s", clock, ready, STR_ARG(d->s->address));
    else
        buf_put_printf(line, "weir %s at %.*s  %s  %s", text_of(now, "version"),
                       STR_ARG(d->s->address), clock, ready);
    put_line(d, BOLD, line);
    if (is_narrow(d))
        buf_put_printf(line, "%.0f under way, Redis %s", number_of(now, "in_flight"),
                       redis_word(now));
    else
        buf_put_printf(
            line, "%.0f under way, %.0f connections, %.0f answers kept (%.1f MiB), Redis %s",
            number_of(now, "in_flight"), number_of(now, "connections"),
            number_of(cache, "entries"), number_of(cache, "bytes") / 1048576, redis_word(now));
    put_line(d, PLAIN, line);
}

static bool is_on(const json_t *alarm)
{
    const char *state = text_of(alarm, "state");

    return strcmp(state, "firing") == 0 || strcmp(state, "pending") == 0;
}

static void draw_alarm(struct drawing *d, struct buf *line, const json_t *alarm)
{
    size_t i;
    json_t *moved;

    buf_put_printf(line, is_narrow(d) ? "! %s" : "ALARM %s:", text_of(alarm, "severity"));
    buf_put_printf(line, " %s %s %s", text_of(alarm, "model"), text_of(alarm, "prediction"),
                   text_of(alarm, "segment"));
    json_array_foreach(list_of(json_object_get(alarm, "evidence"), "moved"), i, moved)
        buf_put_printf(line, "  %s %.1f%% \u2192 %.1f%%", text_of(moved, "value"),
                       number_of(moved, "before") * 100, number_of(moved, "after") * 100);
    put_line(d, RED, line);
}

/* A third of the screen at most: below them stands how it is. */
static void draw_alarms(struct drawing *d, struct buf *line)
{
    unsigned most = d->s->rows / 3 + 1, on = 0;
    size_t i;
    json_t *alarm;

    json_array_foreach(list_of(d->s->alarms, "alarms"), i, alarm)
    {
        if (is_on(alarm) && on++ < most)
            draw_alarm(d, line, alarm);
    }
    if (on <= most)
        return;
    buf_put_printf(line, "and %u alarms more", on - most);
    put_line(d, RED, line);
}

/* The newest that are younger than an hour. */
static void draw_changes(struct drawing *d, struct buf *line)
{
    size_t i;
    json_t *change;

    json_array_foreach(list_of(d->s->now, "changes"), i, change)
    {
        double minutes = (number_of(d->s->now, "now_ms") - number_of(change, "at_ms")) / 6e4;

        if (i == MOST_CHANGES || minutes >= 60)
            return;
        buf_put_printf(line, is_narrow(d) ? "~ %.0fm" : "CHANGED %.0f min ago:", minutes);
        buf_put_printf(line, " %s %s", text_of(change, "model"), text_of(change, "sentence"));
        put_line(d, YELLOW, line);
    }
}

/* What a row of a model says, worked out. */
struct model_row {
    const json_t *model;
    const char *name;
    double rate, hits, errors;
};

static void put_wide(const struct drawing *d, struct buf *line, const struct model_row *r)
{
    put_name(line, r->name, NAME_WIDTH);
    buf_put_printf(line, "%9.1f%8.1f%8.2f", r->rate, r->hits, r->errors);
    put_ms(line, r->model, "p50_ms", 9);
    put_ms(line, r->model, "p95_ms", 9);
    put_ms(line, r->model, "p99_ms", 9);
    buf_put_printf(line, "%11.4f%11.4f  ", number_of(r->model, "cost_usd"),
                   number_of(r->model, "saved_usd"));
    top_past_put(line, &d->s->past, str_of(r->name));
}

/* 80 columns. */
static void put_usual(struct buf *line, const struct model_row *r)
{
    put_name(line, r->name, NAME_WIDTH - 7);
    buf_put_printf(line, "%8.1f%6.1f%6.2f", r->rate, r->hits, r->errors);
    put_ms(line, r->model, "p50_ms", 8);
    put_ms(line, r->model, "p95_ms", 8);
    put_ms(line, r->model, "p99_ms", 8);
    buf_put_printf(line, "%10.2f%10.2f", number_of(r->model, "cost_usd"),
                   number_of(r->model, "saved_usd"));
}

/* Two lines of 40 columns, of which this is the second. */
static void put_below(struct buf *line, const struct model_row *r)
{
    buf_put_text(line, " ms ");
    put_ms(line, r->model, "p50_ms", 0);
    buf_put_text(line, "/");
    put_ms(line, r->model, "p95_ms", 0);
    buf_put_text(line, "/");
    put_ms(line, r->model, "p99_ms", 0);
    buf_put_printf(line, "  $%.2f, saved %.2f", number_of(r->model, "cost_usd"),
                   number_of(r->model, "saved_usd"));
}

static void draw_model(struct drawing *d, struct buf *line, const json_t *model)
{
    double requests = number_of(model, "requests"), all = requests > 0 ? requests : 1;
    enum colour colour = rate_of(d->s, model, "errors") > 0 ? YELLOW : PLAIN;
    struct model_row r = { .model = model,
                           .name = text_of(model, "model"),
                           .rate = rate_of(d->s, model, "requests"),
                           .hits = 100 * number_of(model, "hits") / all,
                           .errors = 100 * number_of(model, "errors") / all };

    if (is_wide(d)) {
        put_wide(d, line, &r);
    } else if (!is_narrow(d)) {
        put_usual(line, &r);
    } else {
        put_name(line, r.name, 13);
        buf_put_printf(line, "%6.1f/s hit%3.0f%% err%4.1f%%", r.rate, r.hits, r.errors);
        put_line(d, colour, line);
        put_below(line, &r);
    }
    put_line(d, colour, line);
}

static void draw_models(struct drawing *d, struct buf *line)
{
    size_t i;
    json_t *model;

    if (!is_narrow(d)) {
        put_line(d, PLAIN, line);
        put_name(line, "MODEL", is_wide(d) ? NAME_WIDTH : NAME_WIDTH - 7);
        if (is_wide(d))
            buf_put_printf(line, "%9s%8s%8s%9s%9s%9s%11s%11s  %s", "REQ/S", "HIT%", "ERR%",
                           "P50 ms", "P95 ms", "P99 ms", "SPENT $", "SAVED $", "LAST LOOKS");
        else
            buf_put_printf(line, "%8s%6s%6s%8s%8s%8s%10s%10s", "REQ/S", "HIT%", "ERR%", "P50ms",
                           "P95ms", "P99ms", "SPENT $", "SAVED $");
        put_line(d, DIM, line);
    }
    json_array_foreach(list_of(d->s->now, "models"), i, model) draw_model(d, line, model);
}

/* "closed" is a breaker's word for all is well, and reads like the contrary. */
static const char *word_of(const json_t *endpoint, bool healthy)
{
    const char *state = text_of(endpoint, "state");

    return healthy && strcmp(state, "closed") == 0 ? "healthy" : state;
}

static void draw_endpoint(struct drawing *d, struct buf *line, const json_t *upstream,
                          const json_t *endpoint)
{
    bool healthy = json_is_true(json_object_get(endpoint, "healthy"));

    put_name(line, text_of(upstream, "name"), is_narrow(d) ? NAME_WIDTH - 7 : NAME_WIDTH);
    put_name(line, word_of(endpoint, healthy), 11);
    if (is_narrow(d)) {
        put_ms(line, endpoint, "latency_ms", 9);
    } else {
        buf_put_printf(line, "%10.0f%10.0f   ", number_of(endpoint, "in_flight"),
                       number_of(upstream, "waiting"));
        put_ms(line, endpoint, "latency_ms", 9);
        buf_put_printf(line, "  %s", text_of(endpoint, "url"));
    }
    put_line(d, healthy ? PLAIN : RED, line);
}

static void draw_upstreams(struct drawing *d, struct buf *line)
{
    size_t i, j;
    json_t *upstream, *endpoint;

    if (!is_narrow(d)) {
        put_line(d, PLAIN, line);
        put_name(line, "UPSTREAM", NAME_WIDTH);
        buf_put_printf(line, "%-12s%10s%10s%12s  %s", "STATE", "UNDER WAY", "WAITING",
                       "LATENCY ms", "ENDPOINT");
        put_line(d, DIM, line);
    }
    json_array_foreach(list_of(d->s->now, "upstreams"), i, upstream)
    {
        json_array_foreach(list_of(upstream, "endpoints"), j, endpoint)
            draw_endpoint(d, line, upstream, endpoint);
    }
}

static void put_moves(struct buf *line, const json_t *histogram)
{
    size_t i;
    json_t *moved;

    json_array_foreach(list_of(histogram, "moved"), i, moved)
    {
        if (i < MOST_BARS)
            buf_put_printf(line, "  %s %.1f\u2192%.1f%%", text_of(moved, "value"),
                           number_of(moved, "before") * 100, number_of(moved, "after") * 100);
    }
}

static enum colour colour_of(const char *state)
{
    return strcmp(state, "confirmed") == 0   ? RED
           : strcmp(state, "suspected") == 0 ? YELLOW
                                             : PLAIN;
}

static void draw_histogram(struct drawing *d, struct buf *line, const json_t *h)
{
    const char *state = text_of(h, "state");
    char name[160];

    (void)snprintf(name, sizeof(name), "%s %s %s", text_of(h, "model"),
                   text_of(h, "prediction"), text_of(h, "segment"));
    if (is_wide(d)) {
        put_name(line, name, 36);
        put_name(line, state, 17);
        buf_put_printf(line, "%8.2f%10.0f", number_of(h, "score"), number_of(h, "n"));
    } else {
        put_name(line, name, is_narrow(d) ? 20 : 28);
        put_name(line, state, 10);
        buf_put_printf(line, "%6.2f", number_of(h, "score"));
    }
    put_moves(line, h);
    put_line(d, colour_of(state), line);
}

static void draw_drift(struct drawing *d, struct buf *line)
{
    size_t i;
    json_t *h;

    if (json_array_size(list_of(d->s->drift, "histograms_list")) == 0)
        return;
    if (!is_narrow(d)) {
        put_line(d, PLAIN, line);
        put_name(line, "PREDICTION", is_wide(d) ? 36 : 28);
        if (is_wide(d))
            buf_put_printf(line, "%-18s%8s%10s  %s", "STATE", "SCORE", "ANSWERS", "MOVED");
        else
            buf_put_printf(line, "%-11s%6s  %s", "STATE", "SCORE", "MOVED");
        put_line(d, DIM, line);
    }
    json_array_foreach(list_of(d->s->drift, "histograms_list"), i, h)
        draw_histogram(d, line, h);
}

void top_draw(const struct top_screen *s, struct buf *out)
{
    struct drawing d = { .s = s, .out = out };
    struct buf line = { 0 };

    draw_head(&d, &line);
    draw_alarms(&d, &line);
    draw_changes(&d, &line);
    draw_models(&d, &line);
    draw_upstreams(&d, &line);
    draw_drift(&d, &line);
    buf_deinit(&line);
}
