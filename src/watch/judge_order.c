/* SPDX-License-Identifier: Apache-2.0 */
#include "judge_inner.h"

#include "member.h"
#include "weir/base/clock.h"
#include "weir/base/digest.h"
#include "weir/base/mem.h"
#include "weir/base/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What people change: checked against the book, written to the store, then true in the book. */

/* ---- an order's life ----------------------------------------------------------------------- */

void judge_work_begin(struct judge_work *w, struct judge *j, struct judge_order *o,
                      judge_fn *on_done)
{
    w->judge = j;
    w->order = o;
    arena_init(&w->arena, 0);
    o->on_done = on_done;
    o->work = w;
    o->answer = (struct buf){ 0 };
    o->why = (struct fault){ 0 };
    j->orders++;
}

void judge_work_end(struct judge_work *w, enum err err)
{
    struct judge_order *o = w->order;

    w->judge->orders--;
    arena_deinit(&w->arena);
    free(w);
    o->work = NULL;
    o->on_done(o, err);
}

static void on_turn(struct deferred *d)
{
    struct judge_work *w = container_of(d, struct judge_work, turn);

    judge_work_end(w, w->err);
}

void judge_work_end_later(struct judge_work *w, enum err err)
{
    w->err = err;
    loop_defer(w->judge->loop, &w->turn, on_turn);
}

void judge_work_edited(struct judge_work *w, enum err err)
{
    if (!err)
        store_apply(&w->judge->book, &w->edit);
}

void judge_work_edit(struct judge_work *w, const struct edit *edit, store_fn *on_done)
{
    struct judge *j = w->judge;

    w->edit = *edit;
    w->edit.key = arena_copy(&w->arena, edit->key);
    w->edit.text = arena_copy(&w->arena, edit->text.at ? edit->text : STR(""));
    w->op.on_done = on_done;
    j->store->kind->edit(j->store, &j->book, &w->edit, &w->op);
}

/* ---- orders of one edit --------------------------------------------------------------------- */

static void on_edited(struct store_op *op, enum err err)
{
    struct judge_work *w = container_of(op, struct judge_work, op);

    judge_work_edited(w, err);
    judge_work_end(w, err);
}

static struct judge_work *begin(struct judge *j, struct judge_order *o, judge_fn *on_done)
{
    struct judge_work *w = MEM_NEW(struct judge_work);

    judge_work_begin(w, j, o, on_done);
    return w;
}

static void refuse(struct judge_work *w, enum err err, const char *what)
{
    judge_work_end_later(w, fault_set(&w->order->why, err, NULL, "%s", what));
}

#define NO_BASELINE "There is no baseline of that id: /admin/baselines lists them."

static const struct baseline *find(const struct judge *j, struct str id)
{
    char text[BASELINE_ID];

    if (id.len != BASELINE_ID - 1)
        return NULL;
    (void)snprintf(text, sizeof(text), "%.*s", STR_ARG(id));
    return book_baseline(&j->book, text);
}

void judge_pin(struct judge *j, struct judge_order *o, struct str id, judge_fn *on_done)
{
    struct judge_work *w = begin(j, o, on_done);
    const struct baseline *b = find(j, id);
    const char *unfit = b ? judge_unfit(j, b) : NULL;
    struct buf member = { 0 };

    if (!b || unfit) {
        refuse(w, b ? ERR_MALFORMED : ERR_NO_MODEL, b ? unfit : NO_BASELINE);
        return;
    }
    member_put(&member, &b->of);
    buf_put_printf(&o->answer, "{\"pinned\":\"%s\",\"histogram\":", b->id);
    scan_put_string(&o->answer, buf_str(&member));
    buf_put(&o->answer, STR("}\n"));
    buf_reset(&member);
    judge_put_pin(j, b, &member);
    judge_work_edit(w, &(struct edit){ EDIT_PIN, buf_str(&member), id, 0 }, on_edited);
    buf_deinit(&member);
}

static const char in_force[] =
    "It is in force: a histogram is judged by it. Pin another one for that histogram first; "
    "that one is judged by from the next tick on.";

static void on_dropped(struct store_op *op, enum err err)
{
    struct judge_work *w = container_of(op, struct judge_work, op);

    if (err == ERR_MALFORMED)
        (void)fault_set(&w->order->why, err, NULL, "%s", in_force);
    on_edited(op, err);
}

static void drop(struct judge_work *w, struct str id)
{
    buf_put_printf(&w->order->answer, "{\"dropped\":\"%.*s\"}\n", STR_ARG(id));
    judge_work_edit(w, &(struct edit){ .kind = EDIT_DROP, .key = id }, on_dropped);
}

static void on_unpinned(struct store_op *op, enum err err)
{
    struct judge_work *w = container_of(op, struct judge_work, op);

    judge_work_edited(w, err);
    if (err)
        judge_work_end(w, err);
    else
        drop(w, w->id);
}

/* Of another definition, and pinned for the day when that is back: nothing is judged by it. */
static bool is_set_aside(const struct judge *j, const struct baseline *b, struct str pin)
{
    const char *pinned = book_pin_of(&j->book, pin);

    return judge_unfit(j, b) && pinned && strcmp(pinned, b->id) == 0 &&
           !book_is_judged_by(&j->book, b);
}

void judge_drop(struct judge *j, struct judge_order *o, struct str id, judge_fn *on_done)
{
    struct judge_work *w = begin(j, o, on_done);
    const struct baseline *b = find(j, id);
    struct buf pin = { 0 };

    if (!b) {
        refuse(w, ERR_NO_MODEL, NO_BASELINE);
        return;
    }
    judge_put_pin(j, b, &pin);
    if (is_set_aside(j, b, buf_str(&pin))) {
        w->id = arena_copy(&w->arena, id);
        judge_work_edit(w, &(struct edit){ .kind = EDIT_PIN, .key = buf_str(&pin) },
                        on_unpinned);
    } else if (book_is_in_force(&j->book, b->id)) {
        refuse(w, ERR_MALFORMED, in_force);
    } else {
        drop(w, id);
    }
    buf_deinit(&pin);
}

void judge_acknowledge(struct judge *j, struct judge_order *o, struct str id, judge_fn *on_done)
{
    struct judge_work *w = begin(j, o, on_done);
    char text[ALARM_ID];
    const struct alarm *a;

    (void)snprintf(text, sizeof(text), "%.*s", STR_ARG(str_head(id, ALARM_ID - 1)));
    a = book_alarm(&j->book, text);
    if (!a || id.len != ALARM_ID - 1) {
        refuse(w, ERR_NO_MODEL, "There is no alarm of that id.");
    } else if (a->state != ALARM_FIRING && a->state != ALARM_ACKNOWLEDGED) {
        refuse(w, ERR_MALFORMED, "Only an alarm that is firing can be acknowledged.");
    } else {
        buf_put_printf(&o->answer, "{\"acknowledged\":\"%s\"}\n", text);
        judge_work_edit(w, &(struct edit){ .kind = EDIT_ACKNOWLEDGE, .key = id }, on_edited);
    }
}

/* ---- silences -------------------------------------------------------------------------------- */

static void put_matcher(struct buf *out, const char *key, struct str value)
{
    if (!value.at)
        return;
    buf_put_printf(out, ",\"%s\":", key);
    scan_put_string(out, value);
}

/* Longer is a slip of units, which would hide all alarms to come. */
static const uint64_t SILENCE_MOST_MS = UINT64_C(400) * 24 * 60 * 60 * 1000;

static size_t count_silences(const struct book *b)
{
    uint64_t now_ms = clock_wall_ms();
    size_t n = 0;

    for (size_t i = 0; i < b->silence_count; i++)
        n += b->silences[i].until_ms > now_ms ? 1 : 0;
    return n;
}

void judge_silence(struct judge *j, struct judge_order *o, const struct judge_silence *s,
                   judge_fn *on_done)
{
    struct judge_work *w = begin(j, o, on_done);
    struct digest random;
    char hex[DIGEST_HEX];
    struct str id;
    struct edit edit;

    if (s->until_ms <= clock_wall_ms() || s->until_ms > clock_wall_ms() + SILENCE_MOST_MS) {
        refuse(
            w, ERR_MALFORMED,
            "until_ms: says when the silence ends, in milliseconds since 1970: ahead of now, "
            "and within 400 days.");
        return;
    }
    if (count_silences(&j->book) >= JUDGE_SILENCES) {
        refuse(w, ERR_MALFORMED, "There are 100 silences. End one of them first.");
        return;
    }
    digest_random(&random, sizeof(random));
    digest_hex(&random, hex);
    id = str_head(str_of(hex), ALARM_ID - 1);
    buf_put_printf(&o->answer, "{\"id\":\"%.*s\",\"until_ms\":%llu", STR_ARG(id),
                   (unsigned long long)s->until_ms);
    put_matcher(&o->answer, "model", s->model);
    put_matcher(&o->answer, "version", s->version);
    put_matcher(&o->answer, "prediction", s->prediction);
    put_matcher(&o->answer, "segment", s->segment);
    put_matcher(&o->answer, "why", s->why);
    buf_put(&o->answer, STR("}"));
    edit = (struct edit){ EDIT_SILENCE, id, buf_str(&o->answer), s->until_ms };
    judge_work_edit(w, &edit, on_edited);
    buf_put(&o->answer, STR("\n"));
}

static bool has_silence(const struct book *b, struct str id)
{
    for (size_t i = 0; i < b->silence_count; i++)
        if (str_eq(str_of(b->silences[i].id), id))
            return true;
    return false;
}

void judge_unsilence(struct judge *j, struct judge_order *o, struct str id, judge_fn *on_done)
{
    struct judge_work *w = begin(j, o, on_done);

    if (!has_silence(&j->book, id)) {
        refuse(w, ERR_NO_MODEL, "There is no silence of that id.");
        return;
    }
    buf_put(&o->answer, STR("{\"ended\":"));
    scan_put_string(&o->answer, id);
    buf_put(&o->answer, STR("}\n"));
    judge_work_edit(w, &(struct edit){ .kind = EDIT_UNSILENCE, .key = id }, on_edited);
}

void judge_delivered(struct judge *j, struct judge_order *o, struct str key, judge_fn *on_done)
{
    struct judge_work *w = begin(j, o, on_done);

    judge_work_edit(w, &(struct edit){ .kind = EDIT_DELIVERED, .key = key }, on_edited);
}
