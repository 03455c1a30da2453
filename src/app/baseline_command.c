/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/app/baseline_command.h"

#include "admin_call.h"
#include "config_fill.h"
#include "inquiry.h"
#include "value.h"
#include "weir/base/clock.h"
#include "weir/base/scan.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Words to one request, and its answer to lines that a person reads; --json prints it as it
 * came. Where to ask comes from -c, from --admin, or is the usual address; the token from -c or
 * from WEIR_ADMIN_TOKEN.
 */

enum { MOST_COUNTS = 1 << 20 };

struct options {
    const char *verb, *id;
    const char *file, *admin;
    const char *model, *version, *prediction, *segment;
    const char *last, *from, *to, *counts, *control;
    bool pin, json, hour_of_week;
};

/* ---- words --------------------------------------------------------------------------------- */

static bool read_option(struct options *o, char **words, int *i)
{
    const struct {
        const char *name;
        const char **value;
    } all[] = {
        { "-c", &o->file },           { "--admin", &o->admin },
        { "--model", &o->model },     { "--version", &o->version },
        { "--segment", &o->segment }, { "--prediction", &o->prediction },
        { "--last", &o->last },       { "--from", &o->from },
        { "--to", &o->to },           { "--counts", &o->counts },
        { "--control", &o->control },
    };

    for (size_t k = 0; k < sizeof(all) / sizeof(all[0]); k++)
        if (strcmp(words[*i], all[k].name) == 0 && words[*i + 1]) {
            *all[k].value = words[++*i];
            return true;
        }
    return false;
}

static bool read_place(struct options *o, const char *word)
{
    const char **place = o->verb ? &o->id : &o->verb;

    if (word[0] == '-' || *place)
        return false;
    *place = word;
    return true;
}

static bool read_words(struct options *o, char **words)
{
    for (int i = 0; words[i]; i++) {
        if (strcmp(words[i], "--pin") == 0)
            o->pin = true;
        else if (strcmp(words[i], "--json") == 0)
            o->json = true;
        else if (strcmp(words[i], "--hour-of-week") == 0)
            o->hour_of_week = true;
        else if (!read_option(o, words, &i) && !read_place(o, words[i]))
            return false;
    }
    return o->verb;
}

/* ---- the request --------------------------------------------------------------------------- */

struct question {
    struct admin_call call;
    struct buf path, body;
};

static int complain(const char *what, const char *about)
{
    (void)fprintf(stderr, "weir baseline: %s%s\n(weir help baseline tells more)\n", what,
                  about ? about : "");
    return 2;
}

static json_t *read_counts(const char *path)
{
    struct buf text = { 0 };
    const char *why;
    json_t *counts = NULL;

    if (config_fill_file(&text, path, MOST_COUNTS, &why))
        counts = json_loadb(text.at, text.len, 0, NULL);
    buf_deinit(&text);
    return counts;
}

static void set_text(json_t *body, const char *key, const char *value)
{
    if (value)
        json_object_set_new(body, key, json_string(value));
}

/* Milliseconds since 1970; false for what is none. */
static bool read_range(const struct options *o, json_t *body)
{
    uint64_t now_ms = clock_wall_ms(), last_us, from_ms = 0, to_ms = now_ms;

    if (o->last && value_duration(str_of(o->last), &last_us))
        from_ms = now_ms - last_us / 1000;
    else if (o->last || !o->from || !str_to_u64(str_of(o->from), &from_ms) ||
             (o->to && !str_to_u64(str_of(o->to), &to_ms)))
        return false;
    json_object_set_new(body, "from", json_integer((json_int_t)from_ms));
    json_object_set_new(body, "to", json_integer((json_int_t)to_ms));
    return true;
}

static bool put_recipe(const struct options *o, struct buf *out)
{
    json_t *body = json_object(), *counts = o->counts ? read_counts(o->counts) : NULL;
    bool good = o->counts ? json_is_object(counts) : read_range(o, body);
    char *text;

    set_text(body, "model", o->model);
    set_text(body, "version", o->version);
    set_text(body, "prediction", o->prediction);
    set_text(body, "segment", o->segment);
    set_text(body, "control", o->control);
    if (o->hour_of_week)
        json_object_set_new(body, "hour_of_week", json_true());
    json_object_set_new(body, "pin", json_boolean(o->pin));
    if (counts)
        json_object_set_new(body, "counts", counts);
    text = json_dumps(body, JSON_COMPACT);
    if (text)
        buf_put_text(out, text);
    free(text);
    json_decref(body);
    return good && text;
}

/* 0, or the exit status. */
static int make_request(const struct options *o, struct question *r)
{
    bool one = strcmp(o->verb, "show") == 0 || strcmp(o->verb, "pin") == 0 ||
               strcmp(o->verb, "drop") == 0;

    if (!one && strcmp(o->verb, "list") != 0 && strcmp(o->verb, "create") != 0)
        return complain("no such verb: ", o->verb);
    if (one && (!o->id || strspn(o->id, "0123456789abcdef") != strlen(o->id)))
        return complain(o->verb, " takes an id, of those that list shows");
    r->call.method = "GET";
    buf_put_text(&r->path, "/admin/baselines");
    if (one)
        buf_put_printf(&r->path, "/%s", o->id);
    if (strcmp(o->verb, "pin") == 0) {
        r->call.method = "POST";
        buf_put_text(&r->path, "/pin");
        buf_put_text(&r->body, "{}");
    } else if (strcmp(o->verb, "drop") == 0) {
        r->call.method = "DELETE";
    } else if (strcmp(o->verb, "create") == 0) {
        r->call.method = "POST";
        if (!o->model)
            return complain("create takes --model", NULL);
        if (o->control && !o->version)
            return complain("--control OLD takes --version NEW", NULL);
        if (!put_recipe(o, &r->body))
            return complain("create takes --last 24h, --from MS, or --counts FILE with a JSON "
                            "object",
                            NULL);
    }
    r->call.path = buf_str(&r->path);
    r->call.body = buf_str(&r->body);
    return 0;
}

/* ---- the answer ---------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

/* Which hours of the week have bounds of their own; which version it is held against. */
static void print_options(const json_t *b)
{
    json_t *hours = json_object_get(b, "hour_of_week");

    if (text_of(b, "control")[0])
        (void)printf("%18sagainst what %s says meanwhile\n", "", text_of(b, "control"));

    if (hours)
        (void)printf("%18sby the hour of the week: %lld hours alone, %lld shared, %lld as the "
                     "whole\n",
                     "", (long long)json_integer_value(json_object_get(hours, "alone")),
                     (long long)json_integer_value(json_object_get(hours, "shared")),
                     (long long)json_integer_value(json_object_get(hours, "whole")));
}

static void print_line(const json_t *b, bool pinned)
{
    char made[CLOCK_TEXT];

    clock_text((uint64_t)json_integer_value(json_object_get(b, "created_ms")), made);
    (void)printf("%s  %s  %-7s %9lld  %.19s  %s (%s) %s%s%s\n", text_of(b, "id"),
                 pinned ? "in force" : "        ", text_of(b, "from"),
                 (long long)json_integer_value(json_object_get(b, "n")), made,
                 text_of(b, "model"), text_of(b, "version"), text_of(b, "prediction"),
                 text_of(b, "segment")[0] ? " @" : "", text_of(b, "segment"));
    print_options(b);
}

static void print_list(const json_t *list)
{
    size_t i;
    json_t *row;

    if (json_array_size(list) > 0)
        (void)printf("%-16s  %-8s  %-7s %9s  %-19s  %s\n", "id", "", "from", "answers", "made",
                     "histogram");
    json_array_foreach(list, i, row)
    {
        json_t *b = json_object_get(row, "baseline");

        print_line(b ? b : row, json_is_true(json_object_get(row, "pinned")));
    }
}

static void print_answer(const struct options *o, struct str text)
{
    json_t *answer = json_loadb(text.at, text.len, 0, NULL), *skipped;
    size_t i;
    json_t *row;

    if (o->json || !answer || !json_object_get(answer, "baselines")) {
        (void)fwrite(text.at, 1, text.len, stdout);
        json_decref(answer);
        return;
    }
    print_list(json_object_get(answer, "baselines"));
    skipped = json_object_get(answer, "skipped");
    json_array_foreach(skipped, i, row)
    {
        (void)printf("skipped %s: %lld answers, and a baseline takes 200\n",
                     text_of(row, "histogram"),
                     (long long)json_integer_value(json_object_get(row, "n")));
    }
    json_decref(answer);
}

static int print_refusal(long status, struct str text)
{
    json_t *answer = json_loadb(text.at, text.len, 0, NULL);

    (void)fprintf(stderr, "weir baseline: %ld %s\n", status, text_of(answer, "detail"));
    json_decref(answer);
    return 1;
}

/* ---- doing it ------------------------------------------------------------------------------ */

static int send_request(const struct options *o, struct question *r)
{
    struct buf answer = { 0 };
    struct fault why = { 0 };
    long status = 0;
    int exit_status = 0;

    if (admin_call(&r->call, &status, &answer, &why) != OK) {
        (void)fprintf(stderr, "weir baseline: %s\n", why.text);
        exit_status = 1;
    } else if (status != 200) {
        exit_status = print_refusal(status, buf_str(&answer));
    } else {
        print_answer(o, buf_str(&answer));
    }
    buf_deinit(&answer);
    return exit_status;
}

static int ask(const struct options *o, struct question *r)
{
    struct inquiry q;
    int status = 2;

    if (inquiry_open(&q, o->file, o->admin)) {
        r->call.address = buf_str(&q.address);
        r->call.token = buf_str(&q.token);
        status = send_request(o, r);
    }
    inquiry_close(&q);
    return status;
}

int baseline_command(char **words)
{
    struct options o = { .verb = NULL };
    struct question r = { .path = { 0 } };
    int status;

    if (!read_words(&o, words))
        return complain("what is to be done?", NULL);
    status = make_request(&o, &r);
    if (status == 0)
        status = ask(&o, &r);
    buf_deinit(&r.path);
    buf_deinit(&r.body);
    return status;
}
