/* SPDX-License-Identifier: Apache-2.0 */
#include "top_draw.h"

#include "weir/base/str.h"
#include "weir/base/utf8.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum colour { PLAIN = 0, BOLD = 1, DIM = 2, RED = 31, GREEN = 32, YELLOW = 33 };

enum { MOST_BARS = 3, NAME_WIDTH = 22 };

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

/* How fast a count grows, a second. */
static double rate_of(const struct top_screen *s, const json_t *model, const char *member)
{
    double seconds = (number_of(s->now, "now_ms") - number_of(s->before, "now_ms")) / 1e3;
    const json_t *before = model_named(s->before, text_of(model, "model"));

    if (!s->before || seconds <= 0)
        return 0;
    return (number_of(model, member) - (before ? number_of(before, member) : 0)) / seconds;
}

/* ---- the past ---- */

static struct top_past *past_of(struct top_screen *s, const char *model)
{
    struct top_past *past;

    for (size_t i = 0; i < s->past_count; i++)
        if (strcmp(s->past[i].model, model) == 0)
            return &s->past[i];
    if (s->past_count == TOP_MODELS)
        return NULL;
    past = &s->past[s->past_count++];
    (void)snprintf(past->model, sizeof(past->model), "%s", model);
    return past;
}

void top_note(struct top_screen *s)
{
    size_t i;
    json_t *model;

    json_array_foreach(list_of(s->now, "models"), i, model)
    {
        struct top_past *past = past_of(s, text_of(model, "model"));

        if (!past || !s->before)
            continue;
        if (past->count == TOP_PAST)
            memmove(past->rates, past->rates + 1, sizeof(past->rates[0]) * --past->count);
        past->rates[past->count++] = rate_of(s, model, "requests");
    }
}

static void put_past(struct buf *out, const struct top_screen *s, const char *model)
{
    static const char *const steps[] = { " ",      "\u2581", "\u2582", "\u2583", "\u2584",
                                         "\u2585", "\u2586", "\u2587", "\u2588" };
    const struct top_past *past = NULL;
    double most = 1e-9;

    for (size_t i = 0; i < s->past_count; i++)
        if (strcmp(s->past[i].model, model) == 0)
            past = &s->past[i];
    for (unsigned i = 0; past && i < past->count; i++)
        most = past->rates[i] > most ? past->rates[i] : most;
    for (unsigned i = 0; past && i < past->count; i++)
        buf_put_text(out, steps[(int)(past->rates[i] / most * 8)]);
}

/* ---- lines ---- */

/* The line's first columns; a colour's letters take none. */
static void put_cut(struct buf *out, struct str line, unsigned columns)
{
    unsigned taken = 0;

    for (size_t i = 0; i < line.len && taken < columns;) {
        size_t length = utf8_length(line.at + i, line.len - i);

        length = length > 0 ? length : 1;
        buf_put(out, str_cut(line, i, i + length));
        i += length;
        taken++;
    }
}

static void put_line(struct drawing *d, enum colour colour, struct buf *line)
{
    if (d->lines < d->s->rows) {
        if (d->s->colours && colour != PLAIN)
            buf_put_printf(d->out, "\033[%dm", (int)colour);
        put_cut(d->out, buf_str(line), d->s->columns);
        buf_put_text(d->out, d->s->colours && colour != PLAIN ? "\033[0m\n" : "\n");
        d->lines++;
    }
    buf_reset(line);
}

/* A name in a column of its own: cut or filled up to `width` code points. */
static void put_name(struct buf *line, const char *name, unsigned width)
{
    struct buf cut = { 0 };

    put_cut(&cut, str_of(name), width);
    buf_put(line, buf_str(&cut));
    for (size_t n = utf8_count(buf_str(&cut)); n <= width; n++)
        buf_put_text(line, " ");
    buf_deinit(&cut);
}

static void put_ms(struct buf *line, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (json_is_number(value))
        buf_put_printf(line, "%9.*f", json_number_value(value) < 10 ? 2 : 0,
                       json_number_value(value));
    else
        buf_put_printf(line, "%9s", "-");
}

/* ---- parts ---- */

static void draw_head(struct drawing *d, struct buf *line)
{
    const json_t *now = d->s->now, *cache = json_object_get(now, "cache");
    const json_t *redis = json_object_get(now, "redis_up");
    time_t seconds = (time_t)(number_of(now, "now_ms") / 1e3);
    struct tm tm;
    char clock[16];

    (void)strftime(clock, sizeof(clock), "%H:%M:%S", localtime_r(&seconds, &tm));
    buf_put_printf(line, "weir %s at %.*s  %s  %s", text_of(now, "version"),
                   STR_ARG(d->s->address), clock,
                   json_is_true(json_object_get(now, "ready")) ? "ready" : "draining");
    put_line(d, BOLD, line);
    buf_put_printf(line,
                   "%.0f under way, %.0f connections, %.0f answers kept (%.1f MiB), Redis %s",
                   number_of(now, "in_flight"), number_of(now, "connections"),
                   number_of(cache, "entries"), number_of(cache, "bytes") / 1048576,
                   json_is_null(redis)   ? "off"
                   : json_is_true(redis) ? "up"
                                         : "away");
    put_line(d, PLAIN, line);
}

static void draw_alarms(struct drawing *d, struct buf *line)
{
    size_t i, j;
    json_t *alarm, *moved;

    json_array_foreach(list_of(d->s->alarms, "alarms"), i, alarm)
    {
        const char *state = text_of(alarm, "state");
        const json_t *evidence = json_object_get(alarm, "evidence");

        if (strcmp(state, "firing") != 0 && strcmp(state, "pending") != 0)
            continue;
        buf_put_printf(line, "ALARM %s: %s %s %s", text_of(alarm, "severity"),
                       text_of(alarm, "model"), text_of(alarm, "prediction"),
                       text_of(alarm, "segment"));
        json_array_foreach(list_of(evidence, "moved"), j, moved)
            buf_put_printf(line, "  %s %.1f%% \u2192 %.1f%%", text_of(moved, "value"),
                           number_of(moved, "before") * 100, number_of(moved, "after") * 100);
        put_line(d, RED, line);
    }
}

static void draw_models(struct drawing *d, struct buf *line)
{
    size_t i;
    json_t *model;

    put_line(d, PLAIN, line);
    put_name(line, "MODEL", NAME_WIDTH);
    buf_put_printf(line, "%9s%8s%8s%9s%9s%9s%11s%11s  %s", "REQ/S", "HIT%", "ERR%", "P50 ms",
                   "P95 ms", "P99 ms", "SPENT $", "SAVED $", "LAST LOOKS");
    put_line(d, DIM, line);
    json_array_foreach(list_of(d->s->now, "models"), i, model)
    {
        double requests = number_of(model, "requests");
        double all = requests > 0 ? requests : 1;
        double errors = 100 * number_of(model, "errors") / all;

        put_name(line, text_of(model, "model"), NAME_WIDTH);
        buf_put_printf(line, "%9.1f%8.1f%8.2f", rate_of(d->s, model, "requests"),
                       100 * number_of(model, "hits") / all, errors);
        put_ms(line, model, "p50_ms");
        put_ms(line, model, "p95_ms");
        put_ms(line, model, "p99_ms");
        buf_put_printf(line, "%11.4f%11.4f  ", number_of(model, "cost_usd"),
                       number_of(model, "saved_usd"));
        put_past(line, d->s, text_of(model, "model"));
        put_line(d, rate_of(d->s, model, "errors") > 0 ? YELLOW : PLAIN, line);
    }
}

static void draw_upstreams(struct drawing *d, struct buf *line)
{
    size_t i, j;
    json_t *upstream, *endpoint;

    put_line(d, PLAIN, line);
    put_name(line, "UPSTREAM", NAME_WIDTH);
    buf_put_printf(line, "%-12s%10s%10s%12s  %s", "STATE", "UNDER WAY", "WAITING", "LATENCY ms",
                   "ENDPOINT");
    put_line(d, DIM, line);
    json_array_foreach(list_of(d->s->now, "upstreams"), i, upstream)
    {
        json_array_foreach(list_of(upstream, "endpoints"), j, endpoint)
        {
            bool healthy = json_is_true(json_object_get(endpoint, "healthy"));

            put_name(line, text_of(upstream, "name"), NAME_WIDTH);
            put_name(line, text_of(endpoint, "state"), 11);
            buf_put_printf(line, "%10.0f%10.0f   ", number_of(endpoint, "in_flight"),
                           number_of(upstream, "waiting"));
            put_ms(line, endpoint, "latency_ms");
            buf_put_printf(line, "  %s", text_of(endpoint, "url"));
            put_line(d, healthy ? PLAIN : RED, line);
        }
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

static void draw_drift(struct drawing *d, struct buf *line)
{
    size_t i;
    json_t *h;

    if (json_array_size(list_of(d->s->drift, "histograms_list")) == 0)
        return;
    put_line(d, PLAIN, line);
    put_name(line, "PREDICTION", 36);
    buf_put_printf(line, "%-18s%8s%10s  %s", "STATE", "SCORE", "ANSWERS", "MOVED");
    put_line(d, DIM, line);
    json_array_foreach(list_of(d->s->drift, "histograms_list"), i, h)
    {
        const char *state = text_of(h, "state");
        char name[160];

        (void)snprintf(name, sizeof(name), "%s %s %s", text_of(h, "model"),
                       text_of(h, "prediction"), text_of(h, "segment"));
        put_name(line, name, 36);
        put_name(line, state, 17);
        buf_put_printf(line, "%8.2f%10.0f", number_of(h, "score"), number_of(h, "n"));
        put_moves(line, h);
        put_line(d,
                 strcmp(state, "confirmed") == 0   ? RED
                 : strcmp(state, "suspected") == 0 ? YELLOW
                                                   : PLAIN,
                 line);
    }
}

void top_draw(const struct top_screen *s, struct buf *out)
{
    struct drawing d = { .s = s, .out = out };
    struct buf line = { 0 };

    draw_head(&d, &line);
    draw_alarms(&d, &line);
    draw_models(&d, &line);
    draw_upstreams(&d, &line);
    draw_drift(&d, &line);
    buf_deinit(&line);
}
