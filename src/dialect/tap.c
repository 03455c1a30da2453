/* SPDX-License-Identifier: Apache-2.0 */
#include "tap_inner.h"

#include "assembly.h"
#include "embedding.h"
#include "inband.h"
#include "weir/base/utf8.h"

#include <string.h>

enum { NAME_BUDGET = 64 << 10 }; /* bytes of a name that has to be unescaped */

void tap_init(struct tap *t, const struct dialect *d, const struct request *r, struct str model,
              bool keep)
{
    *t = (struct tap){ .dialect = d, .request = r, .model = model, .keep = keep };
    t->answer.prompt_tokens = -1;
    t->answer.completion_tokens = -1;
    t->sequence = -1;
}

void tap_deinit(struct tap *t)
{
    buf_deinit(&t->answer.body);
    buf_deinit(&t->out);
    buf_deinit(&t->clean);
    assembly_free(t->assembly);
    t->assembly = NULL;
}

void tap_refuse(struct tap *t, const char *why_not)
{
    t->answer.storable = false;
    if (!t->answer.why_not)
        t->answer.why_not = why_not;
}

void tap_give_up(struct tap *t)
{
    t->gave_up = true;
    t->answer.keep_failed = true;
}

void tap_note_finish(struct tap *t, struct str value)
{
    char *to = t->answer.finish_reason;
    size_t len = value.len - 2;

    if (len >= sizeof(t->answer.finish_reason))
        len = sizeof(t->answer.finish_reason) - 1;
    memcpy(to, value.at + 1, len);
    to[len] = '\0';
}

static void note_name(char name[ANSWER_NAME], struct str text)
{
    size_t len = 0, next;

    while (len < text.len && (next = utf8_length(text.at + len, text.len - len)) > 0 &&
           len + next < ANSWER_NAME)
        len += next;
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char)text.at[i];

        name[i] = byte < ' ' || byte == 0x7F ? '?' : text.at[i];
    }
    name[len] = '\0';
}

void tap_note_name(char name[ANSWER_NAME], const struct scan_member *m)
{
    struct arena arena = { .budget = NAME_BUDGET };
    struct str text;

    if (name[0] || m->type != SCAN_STRING || m->value.len <= 2)
        return;
    text = scan_text(m->value, &arena, NULL);
    note_name(name, text);
    arena_deinit(&arena);
}

/* ---- text ---- */

/* True if a byte had to be replaced. */
static bool replace_broken(char *at, size_t len)
{
    bool any = false;

    for (size_t i = 0; i < len;) {
        size_t whole = utf8_length(at + i, len - i);

        if (whole == 0) {
            at[i] = '?';
            any = true;
        }
        i += whole == 0 ? 1 : whole;
    }
    return any;
}

struct str tap_readable(struct tap *t, struct str text)
{
    if (scan_check(text, NULL) == OK)
        return text;
    buf_reset(&t->clean);
    buf_put(&t->clean, text);
    if (text.len == 0 || !replace_broken(t->clean.at, t->clean.len) ||
        scan_check(buf_str(&t->clean), NULL) != OK)
        return (struct str){ NULL, 0 };
    tap_give_up(t);
    return buf_str(&t->clean);
}

/* ---- bytes ---- */

/*
 * Several data lines were joined by LF, which inside JSON can only stand where space may: as one
 * line they mean the same.
 */
static void put_as_one_line(struct buf *out, const struct tap_event *e, const struct splices *s)
{
    size_t from;

    if (e->name.len > 0) {
        buf_put(out, STR("event: "));
        buf_put(out, e->name);
        buf_put(out, STR("\n"));
    }
    buf_put(out, STR("data: "));
    from = out->len;
    splice_put(s, e->data, out);
    for (size_t i = from; i < out->len; i++) {
        if (out->at[i] == '\n' || out->at[i] == '\r')
            out->at[i] = ' ';
    }
    buf_put(out, STR("\n\n"));
}

static void put_event(struct buf *out, const struct tap_event *e, const struct splices *s)
{
    bool inside = e->data.at >= e->raw.at && e->data.at < e->raw.at + e->raw.len;
    const char *data = inside ? e->data.at
                              : memmem(e->raw.at, e->raw.len, e->data.at, e->data.len);
    size_t at = data ? (size_t)(data - e->raw.at) : 0;

    if (!data) {
        put_as_one_line(out, e, s);
        return;
    }
    buf_put(out, str_cut(e->raw, 0, at));
    splice_put(s, e->data, out);
    buf_put(out, str_cut(e->raw, at + e->data.len, e->raw.len));
}

void tap_splice(struct tap *t, const struct tap_event *e, const struct splices *splices,
                struct delta *out)
{
    if (splices->count == 0)
        return;
    buf_reset(&t->out);
    put_event(&t->out, e, splices);
    out->bytes = buf_str(&t->out);
}

void tap_splice_model(struct tap *t, struct str text, const struct scan_member *model,
                      struct splices *splices, struct buf *name)
{
    size_t from;

    if (model->type != SCAN_STRING)
        return;
    buf_reset(name);
    scan_put_string(name, t->model);
    if (str_eq(model->value, buf_str(name)))
        return;
    from = (size_t)(model->value.at - text.at);
    splice_add(splices, from, from + model->value.len, buf_str(name));
}

/* ---- what an answer can come to ---- */

bool tap_is_error(struct tap *t, const struct scan_member *error, struct str body)
{
    bool is_one = error->type != SCAN_NONE && inband_is_truthy(error->value);

    t->answer.complete = true;
    t->answer.storable = !t->answer.why_not;
    if (is_one) {
        inband_note(&t->answer, error->value, body);
        tap_refuse(t, "it is an error");
    }
    return is_one;
}

enum err tap_report(struct tap *t, struct str error, struct str around, struct delta *out)
{
    t->failed = true;
    inband_note(&t->answer, error, around);
    out->kind = DELTA_ERROR;
    return ERR_UPSTREAM_IN_BAND;
}

enum err tap_pass_unread(struct tap *t, struct delta *out)
{
    tap_give_up(t);
    if (!t->answer.has_content)
        return ERR_UPSTREAM_MALFORMED;
    out->kind = DELTA_CONTENT;
    return OK;
}

enum err tap_close(struct tap *t, bool is_over, bool (*put_plain)(struct tap *t))
{
    bool nothing = t->choices_seen == 0 && !t->answer.has_content && !t->gave_up;
    struct answer *a = &t->answer;

    if (t->failed)
        return ERR_UPSTREAM_IN_BAND;
    if (nothing)
        return ERR_UPSTREAM_EMPTY;
    a->complete = is_over || (t->choices_seen > 0 && t->choices_open == 0);
    if (!a->complete) {
        tap_refuse(t, "it was broken off");
        return ERR_UPSTREAM_TRUNCATED;
    }
    if (!t->keep) {
        tap_refuse(t, "nobody asked to keep it");
        return OK;
    }
    if (a->keep_failed || !put_plain(t)) {
        a->keep_failed = true;
        buf_deinit(&a->body);
        return OK;
    }
    return t->dialect->read_whole(t, buf_str(&a->body));
}

/* ---- events ---- */

static bool is_readable_rest(const struct tap_event *e)
{
    return e->data.at &&
           (str_starts(e->data, STR("[DONE]")) || scan_check(e->data, NULL) == OK);
}

/*
 * The stream ended inside an event. If all its data is there, only the blank line is missing,
 * and is added; half an event is not passed on, since what is said behind it would be read as
 * part of it.
 */
static enum err read_rest(struct tap *t, const struct tap_event *e, struct delta *out)
{
    struct buf whole = { 0 };
    struct tap_event event = *e;
    size_t len = e->raw.len;
    enum err err;

    if (!is_readable_rest(e)) {
        *out = (struct delta){ DELTA_SILENT, { "", 0 } };
        if (e->data.at)
            tap_give_up(t);
        return OK;
    }
    while (len > 0 && (e->raw.at[len - 1] == '\n' || e->raw.at[len - 1] == '\r'))
        len--;
    buf_put(&whole, str_cut(e->raw, 0, len));
    buf_put(&whole, STR("\n\n"));
    event.raw = buf_str(&whole);
    event.whole = true;
    err = t->dialect->read_event(t, &event, out);
    if (out->bytes.at == event.raw.at) {
        buf_reset(&t->out);
        buf_put(&t->out, event.raw);
        out->bytes = buf_str(&t->out);
    }
    buf_deinit(&whole);
    return err;
}

enum err tap_event(struct tap *t, const struct tap_event *e, struct delta *out)
{
    if (e->opaque) {
        tap_give_up(t);
        *out = (struct delta){ DELTA_OPAQUE, e->raw };
        return OK;
    }
    return e->whole ? t->dialect->read_event(t, e, out) : read_rest(t, e, out);
}

bool tap_is_finished(const struct tap *t)
{
    return t->choices_seen > 0 && t->choices_open == 0 && !t->failed;
}

enum err tap_end(struct tap *t)
{
    enum err err = t->dialect->read_end(t);

    if (t->gave_up)
        tap_refuse(t, "it could not be read");
    if (t->answer.keep_failed)
        tap_refuse(t, "its plain form could not be built");
    return err;
}

/* ---- plain answers ---- */

/* Deeper than the scanner goes is still JSON, as far as anybody can tell. */
static bool is_deep(struct str body)
{
    return scan_check(body, NULL) == ERR_TOO_LARGE;
}

static enum err splice_whole(struct tap *t, struct buf *body)
{
    const struct scan_member *model = &t->model_read;
    enum err err = OK;

    if (model->type != SCAN_STRING)
        return OK;
    buf_reset(&t->out);
    scan_put_string(&t->out, t->model);
    if (!str_eq(model->value, buf_str(&t->out)))
        err = buf_splice(body, model->at, model->at + model->value.len, buf_str(&t->out));
    return err;
}

enum err tap_whole(struct tap *t, struct buf *body)
{
    struct str text;
    size_t blank = 0;
    enum err err;

    while (blank < body->len && memchr(" \t\r\n", body->at[blank], 4))
        blank++;
    if (blank == body->len)
        return ERR_UPSTREAM_EMPTY;
    text = tap_readable(t, buf_str(body));
    if (!text.at) {
        if (!is_deep(buf_str(body)))
            return ERR_UPSTREAM_MALFORMED;
        tap_give_up(t);
        tap_refuse(t, "it could not be read");
        t->answer.complete = true;
        return OK;
    }
    err = t->dialect->read_whole(t, text);
    tap_note_name(t->answer.model, &t->model_read);
    tap_note_name(t->answer.fingerprint, &t->fingerprint_read);
    if (t->gave_up)
        tap_refuse(t, "it could not be read");
    if (err || !t->dialect->names_model)
        return err;
    err = splice_whole(t, body);
    if (!err && !t->gave_up)
        embedding_fit(t->request, body);
    return err;
}
