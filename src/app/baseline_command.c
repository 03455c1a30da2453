/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/app/baseline_command.h"

#include "admin_call.h"
#include "baseline_words.h"
#include "config_fill.h"
#include "inquiry.h"
#include "weir/base/clock.h"
#include "weir/base/ensure.h"
#include "weir/base/scan.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Words to one request, and its answer to lines that a person reads; --json prints it as it
 * came. Where to ask comes from -c, from --admin, or is the usual address; the token from -c or
 * from WEIR_ADMIN_TOKEN.
 */

enum { MOST_COUNTS = 1 << 20 };

/* ---- the request --------------------------------------------------------------------------- */

struct question {
    struct admin_call call;
    struct buf path, body;
};

/* Returns the status given. */
static int complain(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int complain(int status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)fputs("weir baseline: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputs("\n", stderr);
    va_end(args);
    return status;
}

/*
 * The text of the file, which is one JSON object. It goes out as it is: what only a reader of
 * bytes can tell, such as a value that stands twice, is the gateway's to say.
 */
static bool read_counts(const char *path, struct buf *text)
{
    json_error_t where;
    json_t *counts;
    const char *why;
    bool good;

    if (!config_fill_file(text, path, MOST_COUNTS, &why))
        return complain(0, "%s: %s", path, why);
    counts = json_loadb(text->at ? text->at : "", text->len, 0, &where);
    good = json_is_object(counts);
    if (!counts)
        (void)complain(0, "%s:%d: this is no JSON: %s", path, where.line, where.text);
    else if (!good)
        (void)complain(0, "%s: expected one JSON object, from value to count", path);
    json_decref(counts);
    return good;
}

static void set_text(json_t *body, const char *key, const char *value)
{
    if (value)
        json_object_set_new(body, key, json_string(value));
}

/* What the words say, but for the counts, as an object; owned by the caller. */
static json_t *make_recipe(const struct baseline_words *o)
{
    json_t *body = json_object();

    if (!o->counts) {
        json_object_set_new(body, "from", json_integer((json_int_t)o->from_ms));
        json_object_set_new(body, "to", json_integer((json_int_t)o->to_ms));
    }
    set_text(body, "model", o->model);
    set_text(body, "version", o->version);
    set_text(body, "prediction", o->prediction);
    set_text(body, "segment", o->segment);
    set_text(body, "control", o->control);
    if (o->hour_of_week)
        json_object_set_new(body, "hour_of_week", json_true());
    json_object_set_new(body, "pin", json_boolean(o->pin));
    return body;
}

static bool put_recipe(const struct baseline_words *o, struct buf *out)
{
    struct buf counts = { 0 };
    json_t *body = make_recipe(o);
    char *text = json_dumps(body, JSON_COMPACT);
    bool good = !o->counts || read_counts(o->counts, &counts);

    ensure(text); /* of texts that are UTF-8 */
    if (good && o->counts) {
        text[strlen(text) - 1] = '\0'; /* its last brace */
        buf_put_printf(out, "%s,\"counts\":%.*s}", text, STR_ARG(buf_str(&counts)));
    } else if (good) {
        buf_put_text(out, text);
    }
    free(text);
    json_decref(body);
    buf_deinit(&counts);
    return good;
}

/* False: it has been told why. */
static bool make_request(const struct baseline_words *o, struct question *r)
{
    r->call.method = "GET";
    buf_put_text(&r->path, "/admin/baselines");
    if (o->id)
        buf_put_printf(&r->path, "/%s", o->id);
    switch (o->verb) {
    case BASELINE_LIST:
    case BASELINE_SHOW: break;
    case BASELINE_PIN:
        r->call.method = "POST";
        buf_put_text(&r->path, "/pin");
        buf_put_text(&r->body, "{}");
        break;
    case BASELINE_DROP: r->call.method = "DELETE"; break;
    case BASELINE_CREATE:
        r->call.method = "POST";
        if (!put_recipe(o, &r->body))
            return false;
        break;
    }
    r->call.path = buf_str(&r->path);
    r->call.body = buf_str(&r->body);
    return true;
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

/* Those of a list say themselves whether they are pinned; those that were just made do not. */
static void print_list(const json_t *list, bool pinned)
{
    size_t i;
    json_t *row;

    if (json_array_size(list) == 0)
        (void)puts("There are no baselines yet.");
    else
        (void)printf("%-16s  %-8s  %-7s %9s  %-19s  %s\n", "id", "", "from", "answers", "made",
                     "histogram");
    json_array_foreach(list, i, row)
    {
        json_t *b = json_object_get(row, "baseline");

        print_line(b ? b : row, b ? json_is_true(json_object_get(row, "pinned")) : pinned);
        if (text_of(row, "not_judged")[0])
            (void)printf("%18snot judged by: it is of another definition\n", "");
    }
}

static void print_skipped(const json_t *skipped)
{
    size_t i;
    json_t *row;

    json_array_foreach(skipped, i, row)
    {
        (void)printf("skipped %s: %lld answers, and a baseline takes 200\n",
                     text_of(row, "histogram"),
                     (long long)json_integer_value(json_object_get(row, "n")));
    }
}

static void print_answer(const struct baseline_words *o, struct str text)
{
    json_t *answer = o->json ? NULL : json_loadb(text.at, text.len, 0, NULL);

    if (json_object_get(answer, "baselines")) {
        print_list(json_object_get(answer, "baselines"), o->pin);
        print_skipped(json_object_get(answer, "skipped"));
        if (text_of(answer, "hint")[0])
            (void)printf("hint: --%s\n", text_of(answer, "hint"));
    } else if (json_object_get(answer, "pinned") && o->verb == BASELINE_PIN) {
        (void)printf("%s is in force for %s from the next tick on\n", text_of(answer, "pinned"),
                     text_of(answer, "histogram"));
    } else if (json_object_get(answer, "dropped")) {
        (void)printf("%s is dropped\n", text_of(answer, "dropped"));
    } else {
        (void)fwrite(text.at, 1, text.len, stdout);
    }
    json_decref(answer);
}

/* ---- refusals ------------------------------------------------------------------------------- */

/* "counts: ..." is about the file, "model: ..." about --model: names that this command knows. */
static int print_detail(const struct baseline_words *o, const char *detail)
{
    static const char *const members[] = { "model",   "version", "prediction", "segment",
                                           "control", "from",    "to" };
    size_t length = strcspn(detail, ":");

    if (o->counts && strncmp(detail, "counts: ", 8) == 0)
        return complain(1, "%s: %s", o->counts, detail + 8);
    if (o->last && strncmp(detail, "from", 4) == 0)
        return complain(1, "--last%s", detail + strcspn(detail, ":"));
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        if (strlen(members[i]) == length && strncmp(members[i], detail, length) == 0)
            return complain(1, "--%s", detail);
    return complain(1, "%s", detail);
}

static int print_refusal(const struct baseline_words *o, const struct admin_call *call,
                         long status, struct str text)
{
    json_t *answer = json_loadb(text.at ? text.at : "", text.len, 0, NULL);
    const char *detail = text_of(answer, "detail");

    if (status == 401 && call->token.len == 0)
        (void)complain(1,
                       "%.*s asks for a token: name the configuration with -c FILE, or set "
                       "WEIR_ADMIN_TOKEN",
                       STR_ARG(call->address));
    else if (status == 401)
        (void)complain(1, "%.*s does not take the token %s", STR_ARG(call->address),
                       getenv("WEIR_ADMIN_TOKEN") ? "of WEIR_ADMIN_TOKEN" : "of the file");
    else if (!detail[0])
        (void)complain(1, "%.*s is no admin address of this version (status %ld)",
                       STR_ARG(call->address), status);
    else
        (void)print_detail(o, detail);
    json_decref(answer);
    return 1;
}

/* ---- doing it ------------------------------------------------------------------------------ */

static int send_request(const struct baseline_words *o, struct question *r)
{
    struct buf answer = { 0 };
    struct fault why = { 0 };
    long status = 0;
    int exit_status = 0;

    if (admin_call(&r->call, &status, &answer, &why) != OK)
        exit_status = complain(1, "%s", why.text);
    else if (status != 200)
        exit_status = print_refusal(o, &r->call, status, buf_str(&answer));
    else
        print_answer(o, buf_str(&answer));
    buf_deinit(&answer);
    return exit_status;
}

static int ask(const struct baseline_words *o, struct question *r)
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
    struct baseline_words o;
    struct question r = { .path = { 0 } };
    struct buf why = { 0 };
    int status = 2;

    if (!baseline_words_read(&o, words, clock_wall_ms(), &why))
        (void)fprintf(stderr, "weir baseline: %.*s", STR_ARG(buf_str(&why)));
    else if (make_request(&o, &r))
        status = ask(&o, &r);
    buf_deinit(&why);
    buf_deinit(&r.path);
    buf_deinit(&r.body);
    return status;
}
