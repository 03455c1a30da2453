/* SPDX-License-Identifier: Apache-2.0 */
#include "judge_inner.h"

#include "member.h"
#include "pairs.h"
#include "weir/base/clock.h"
#include "weir/base/mem.h"
#include "weir/base/scan.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Baselines by hand, of ticks that are past, one histogram after the other:
 *
 *     next ─> recall its ticks ─> make and keep ─> pin, if that was asked for ─> next
 *
 * or one of counts that came with the order, which needs no recalling; or one against a control,
 * whose ticks are recalled first. What there were too few answers for is told, not made.
 */

/* What one order may ask the store for: longer nothing is kept. */
static const uint64_t MOST_MS = UINT64_C(35) * 24 * 3600 * 1000;

struct creation {
    struct judge_work work;
    struct str *members; /* in the arena, as the next */
    uint32_t *meanings;  /* of what is counted under them now */
    size_t count, at;
    uint64_t from, to;
    uint64_t most; /* answers of those that were skipped */
    bool pin, hour_of_week;
    struct str model;   /* in the arena, as the next */
    struct str control; /* a version; empty: none */
    struct pairs pairs;
    struct str of_control; /* the control's member, of the histogram that it is at */
    struct draft draft;    /* of the histogram that it is at */
    char made[BASELINE_ID];
    struct buf made_json, skipped_json;
};

static struct creation *creation_of(struct store_op *op)
{
    struct judge_work *w = container_of(op, struct judge_work, op);

    return container_of(w, struct creation, work);
}

static void next(struct creation *c);

/* ERR_MALFORMED: what was counted was not enough for any. */
static enum err refuse_few(struct creation *c)
{
    return fault_set(&c->work.order->why, ERR_MALFORMED, NULL,
                     "No baseline was made: a baseline takes %d answers, and of the %zu "
                     "histograms that fit the most in that time has %llu. Take a longer time.",
                     DRIFT_LEAST_N, c->count, (unsigned long long)c->most);
}

/* Of a version that is asked nowhere there may be answers of the past, and none to come. */
static void put_hint(const struct creation *c, struct buf *out)
{
    struct buf hint = { 0 };

    if (c->control.len == 0 || judge_names_version(c->work.judge, c->model, c->control))
        return;
    buf_put_printf(&hint, "control: this gateway has no route to the version \"%.*s\"",
                   STR_ARG(c->control));
    buf_put(out, STR(",\"hint\":"));
    scan_put_string(out, buf_str(&hint));
    buf_deinit(&hint);
}

static void end(struct creation *c, enum err err)
{
    struct buf *answer = &c->work.order->answer;

    if (!err && c->made_json.len == 0)
        err = refuse_few(c);
    if (!err) {
        buf_put_printf(answer, "{\"baselines\":[%.*s],\"skipped\":[%.*s]",
                       STR_ARG(buf_str(&c->made_json)), STR_ARG(buf_str(&c->skipped_json)));
        put_hint(c, answer);
        buf_put(answer, STR("}\n"));
    }
    buf_deinit(&c->made_json);
    buf_deinit(&c->skipped_json);
    draft_deinit(&c->draft);
    pairs_deinit(&c->pairs);
    judge_work_end(&c->work, err);
}

static void on_pinned(struct store_op *op, enum err err)
{
    struct creation *c = creation_of(op);

    judge_work_edited(&c->work, err);
    if (err) {
        end(c, err);
        return;
    }
    c->at++;
    next(c);
}

static void pin(struct creation *c)
{
    const struct judge *j = c->work.judge;
    const struct baseline *b = book_baseline(&j->book, c->made);
    struct buf name = { 0 };

    if (b)
        judge_put_pin(j, b, &name);
    else
        buf_put(&name, c->members[c->at]);
    judge_work_edit(&c->work, &(struct edit){ EDIT_PIN, buf_str(&name), str_of(c->made), 0 },
                    on_pinned);
    buf_deinit(&name);
}

static void on_kept(struct store_op *op, enum err err)
{
    struct creation *c = creation_of(op);

    if (err) {
        end(c, err);
    } else if (c->pin) {
        pin(c);
    } else {
        c->at++;
        next(c);
    }
}

static void keep(struct creation *c, struct baseline_origin *origin)
{
    struct judge *j = c->work.judge;
    const struct baseline *b;
    struct buf json = { 0 };

    origin->worded = judge_has_words(j, &origin->of);
    b = book_add_baseline(&j->book, baseline_new(origin));
    (void)snprintf(c->made, sizeof(c->made), "%s", b->id);
    baseline_put(b, &json);
    buf_put_text(&c->made_json, c->made_json.len > 0 ? ",\n" : "\n");
    buf_put(&c->made_json, buf_str(&json));
    judge_work_edit(
        &c->work,
        &(struct edit){ EDIT_BASELINE, str_of(c->made), buf_str(&json), b->created_ms },
        on_kept);
    buf_deinit(&json);
}

static void skip(struct creation *c)
{
    uint64_t n = counts_total(&c->draft.total);

    c->most = n > c->most ? n : c->most;
    buf_put_text(&c->skipped_json, c->skipped_json.len > 0 ? ",\n" : "\n");
    buf_put(&c->skipped_json, STR("{\"histogram\":"));
    scan_put_string(&c->skipped_json, c->members[c->at]);
    buf_put_printf(&c->skipped_json, ",\"n\":%llu}", (unsigned long long)n);
    c->at++;
    next(c);
}

/* ---- of ticks ------------------------------------------------------------------------------ */

static void on_tick(void *ctx, uint64_t tick, bool is_hour, const struct counts *counts)
{
    struct creation *c = ctx;

    if (is_hour)
        counts_merge(&c->draft.total, counts); /* how its ticks varied is not known */
    else
        draft_add(&c->draft, counts, DRIFT_STEP_N,
                  c->hour_of_week ? DRAFT_HOUR_STEPS : DRAFT_STEPS);
    if (c->hour_of_week)
        draft_add_hour(&c->draft, tick * c->work.judge->settings.tick_ms, counts);
}

static void keep_or_skip(struct creation *c, enum err err, struct baseline_origin *origin)
{
    if (err) {
        end(c, err);
    } else if (counts_total(&c->draft.total) < DRIFT_LEAST_N ||
               !member_read(c->members[c->at], &origin->of, &c->work.arena)) {
        skip(c);
    } else {
        origin->of.meaning = c->meanings[c->at];
        keep(c, origin);
    }
}

static void on_recalled(struct store_op *op, enum err err)
{
    struct creation *c = creation_of(op);
    const struct judge *j = c->work.judge;
    struct baseline_origin origin = {
        .total = &c->draft.total,
        .ticks = c->draft.steps,
        .tick_count = c->draft.count,
        .week = c->draft.week,
        .tick_ms = j->settings.tick_ms,
        .tolerance = j->settings.tolerance,
        .alpha = judge_alpha(j),
        .created_ms = clock_wall_ms(),
        .from = STR("ticks"),
    };

    keep_or_skip(c, err, &origin);
}

static void recall(struct creation *c, struct str member, store_recall_fn *each,
                   store_fn *on_done)
{
    struct judge *j = c->work.judge;
    struct store_recall past = { .member = member, .from = c->from, .to = c->to };

    past.now = j->upto;
    past.meaning = c->meanings[c->at];
    past.each = each;
    past.ctx = c;
    c->work.op.on_done = on_done;
    j->store->kind->recall(j->store, &past, &c->work.op);
}

/* ---- against a control ----------------------------------------------------------------------- */

static void on_own_tick(void *ctx, uint64_t tick, bool is_hour, const struct counts *counts)
{
    struct creation *c = ctx;

    pairs_add(&c->pairs, tick, is_hour, counts);
    counts_merge(&c->draft.total, counts);
}

static void on_control_tick(void *ctx, uint64_t tick, bool is_hour, const struct counts *counts)
{
    struct creation *c = ctx;

    pairs_add_control(&c->pairs, tick, is_hour, counts);
    counts_merge(&c->draft.total, counts);
}

static void on_paired(struct store_op *op, enum err err)
{
    struct creation *c = creation_of(op);
    const struct judge *j = c->work.judge;
    struct baseline_origin origin = {
        .total = &c->draft.total,
        .ticks = c->pairs.own,
        .control_ticks = c->pairs.control,
        .tick_count = c->pairs.count,
        .control = c->control,
        .tolerance = j->settings.tolerance,
        .alpha = judge_alpha(j),
        .created_ms = clock_wall_ms(),
        .from = STR("control"),
    };

    keep_or_skip(c, err, &origin);
}

static void on_control_recalled(struct store_op *op, enum err err)
{
    struct creation *c = creation_of(op);

    if (err)
        end(c, err);
    else
        recall(c, c->members[c->at], on_own_tick, on_paired);
}

static void recall_control(struct creation *c)
{
    struct tick_histogram of;
    struct buf member = { 0 };

    if (!member_read(c->members[c->at], &of, &c->work.arena)) {
        skip(c);
        return;
    }
    of.version = c->control;
    member_put(&member, &of);
    c->of_control = arena_copy(&c->work.arena, buf_str(&member));
    buf_deinit(&member);
    recall(c, c->of_control, on_control_tick, on_control_recalled);
}

static void next(struct creation *c)
{
    draft_deinit(&c->draft);
    pairs_deinit(&c->pairs);
    if (c->at == c->count)
        end(c, OK);
    else if (c->control.len > 0)
        recall_control(c);
    else
        recall(c, c->members[c->at], on_tick, on_recalled);
}

/* ---- which ---------------------------------------------------------------------------------- */

static bool fits(struct str wanted, struct str has)
{
    return !wanted.at || str_eq(wanted, has);
}

static void find_members(struct creation *c, const struct judge_recipe *r)
{
    const struct book *b = &c->work.judge->book;

    c->members = arena_take(&c->work.arena, (b->subject_count + 1) * sizeof(struct str));
    c->meanings = arena_take(&c->work.arena, (b->subject_count + 1) * sizeof(uint32_t));
    for (size_t i = 0; i < b->subject_count; i++) {
        const struct subject *s = b->subjects[i];

        if (subject_is_apart(s) || !str_eq(r->model, s->of.model) ||
            !fits(r->version, s->of.version) || !fits(r->prediction, s->of.prediction) ||
            !fits(r->segment, s->of.segment))
            continue;
        c->meanings[c->count] = s->of.meaning;
        c->members[c->count++] = arena_copy(&c->work.arena, s->member);
    }
}

static void refuse(struct creation *c, enum err err, const char *what)
{
    judge_work_end_later(&c->work, fault_set(&c->work.order->why, err, NULL, "%s", what));
}

static void refuse_range(struct creation *c)
{
    struct fault *why = &c->work.order->why;

    if (c->from > c->to)
        (void)fault_set(why, ERR_MALFORMED, NULL,
                        "from: no tick of that time is over yet. Take a longer time.");
    else
        (void)fault_set(
            why, ERR_MALFORMED, NULL,
            "from, to: a baseline is made of 35 days at most. Take a shorter time.");
    judge_work_end_later(&c->work, ERR_MALFORMED);
}

static void create_of_ticks(struct creation *c, const struct judge_recipe *r)
{
    const struct judge *j = c->work.judge;

    if (r->from_ms >= r->to_ms) {
        refuse(c, ERR_MALFORMED, "from: must lie before to.");
        return;
    }
    c->from = r->from_ms / j->settings.tick_ms;
    c->to = (r->to_ms - 1) / j->settings.tick_ms;
    if (c->to > j->upto)
        c->to = j->upto;
    find_members(c, r);
    if (c->count == 0)
        judge_work_end_later(&c->work, judge_tell_missing(j, r, &c->work.order->why));
    else if (judge_tell_control(j, r, &c->work.order->why))
        judge_work_end_later(&c->work, ERR_NO_MODEL);
    else if (c->from > c->to || (c->to - c->from) * j->settings.tick_ms > MOST_MS)
        refuse_range(c);
    else
        next(c);
}

/* Of one histogram, which need not have been seen; without a version, of any. */
static void create_of_counts(struct creation *c, const struct judge_recipe *r)
{
    const struct judge *j = c->work.judge;
    struct baseline_origin origin = {
        .of = { r->model, r->version.at ? r->version : STR("*"), r->prediction,
                r->segment.at ? r->segment : STR(""), 0 },
        .total = r->counts,
        .tolerance = j->settings.tolerance,
        .alpha = judge_alpha(j),
        .created_ms = clock_wall_ms(),
        .from = STR("file"),
    };
    struct buf member = { 0 };

    if (!r->prediction.at) {
        refuse(c, ERR_MALFORMED, "prediction: counts are of one; say of which.");
    } else if (counts_total(r->counts) < DRIFT_LEAST_N) {
        refuse(c, ERR_MALFORMED, "counts: a baseline takes 200 answers at least.");
    } else {
        member_put(&member, &origin.of);
        origin.of.meaning = judge_meaning(j, &origin.of);
        c->members = ARENA_NEW(&c->work.arena, struct str);
        c->members[c->count++] = arena_copy(&c->work.arena, buf_str(&member));
        keep(c, &origin);
    }
    buf_deinit(&member);
}

/* NULL: what is asked for goes together. */
static const char *contradiction_in(const struct judge_recipe *r)
{
    bool against = r->control.len > 0;

    if (against && (!r->version.at || str_eq(r->version, r->control)))
        return "Against a control: say which version, and not the same.";
    if (against && r->hour_of_week)
        return "A control needs no hours of the week: it answers at the same time.";
    if (r->counts && (against || r->hour_of_week))
        return "Counts are of no time: neither a control nor hours of the week go with them.";
    return NULL;
}

void judge_create_baseline(struct judge *j, struct judge_order *o, const struct judge_recipe *r,
                           judge_fn *on_done)
{
    struct creation *c = MEM_NEW(struct creation);
    const char *contradiction = contradiction_in(r);

    judge_work_begin(&c->work, j, o, on_done);
    c->pin = r->pin;
    c->hour_of_week = r->hour_of_week;
    c->model = arena_copy(&c->work.arena, r->model);
    c->control = arena_copy(&c->work.arena, r->control.at ? r->control : STR(""));
    if (j->book.baseline_count >= BOOK_BASELINES)
        refuse(c, ERR_MALFORMED,
               "There are 4096 baselines, the most that are kept. Drop some first.");
    else if (contradiction)
        refuse(c, ERR_MALFORMED, contradiction);
    else if (r->counts)
        create_of_counts(c, r);
    else
        create_of_ticks(c, r);
}
