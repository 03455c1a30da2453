/* SPDX-License-Identifier: Apache-2.0 */
#include "judge_inner.h"

#include "effect.h"
#include "weir/base/clock.h"
#include "weir/base/scan.h"

#include <stdlib.h>

/*
 * What operators are told when they ask: the page of drift, of alarms, changes, silences and
 * baselines. All of it is read out of the book as the last round has left it, or this one has
 * come to; nothing is asked of the store.
 */

static void put_text(struct buf *out, const char *key, struct str value)
{
    buf_put_printf(out, "\"%s\":", key);
    scan_put_string(out, value.at ? value : STR(""));
    buf_put(out, STR(","));
}

/* Since the change, if there is one; else the last hour, or day where that has few answers. */
static uint64_t sum_now(const struct judge *j, const struct drift *d,
                        uint64_t before[ECUSUM_BINS], uint64_t after[ECUSUM_BINS])
{
    uint64_t hour = j->upto > WINDOW_HOUR ? j->upto - WINDOW_HOUR + 1 : 0;
    uint64_t day = j->upto > DRIFT_DAY ? j->upto - DRIFT_DAY + 1 : 0;
    uint64_t from = hour;

    if (d->latch.on != LATCHED_NOT)
        from = d->latch.since;
    else if (window_sum(&d->window, hour, after) < DRIFT_LEAST_N)
        from = day;
    drift_before(d, from, before);
    return window_sum(&d->window, from, after);
}

/* How its hours of the week stand, where it is by the hour; and its control, if it has one. */
static void put_options(const struct baseline *b, struct buf *out)
{
    struct season_feet feet;

    if (b->control.len > 0) {
        buf_put(out, STR(",\"control\":"));
        scan_put_string(out, b->control);
    }
    if (!b->season)
        return;
    feet = season_feet(b->season);
    buf_put_printf(out, ",\"hour_of_week\":{\"alone\":%u,\"shared\":%u,\"whole\":%u}",
                   feet.alone, feet.shared, feet.whole);
}

/* It has answers, and nothing comes of them: the control had none in any of a day's ticks. */
static bool lacks_control(const struct judge *j, const struct subject *s)
{
    uint64_t ignored[ECUSUM_BINS], day = j->upto > DRIFT_DAY ? j->upto - DRIFT_DAY : 0;
    bool folded = s->revision == 0; /* a tick, since that is what it is held against */

    return s->drift && s->drift->baseline->control.len > 0 && folded && s->tick >= day &&
           window_sum(&s->drift->against, day, ignored) == 0 &&
           subject_verdict(s, j->upto) == DRIFT_INSUFFICIENT_DATA;
}

static void put_lack(const struct subject *s, struct buf *out)
{
    struct buf reason = { 0 };

    buf_put_printf(&reason, "control version %.*s has no answers: misspelt?",
                   STR_ARG(s->drift->baseline->control));
    put_text(out, "reason", buf_str(&reason));
    buf_deinit(&reason);
}

static void put_judged(const struct judge *j, const struct drift *d, struct buf *out)
{
    uint64_t before[ECUSUM_BINS], after[ECUSUM_BINS];
    uint64_t n = sum_now(j, d, before, after);

    buf_put_printf(out,
                   "\"score\":%.6g,\"n\":%llu,\"baseline\":{\"id\":\"%s\",\"n\":%llu,"
                   "\"created_ms\":%llu",
                   drift_score(d, j->threshold), (unsigned long long)n, d->baseline->id,
                   (unsigned long long)d->baseline->n,
                   (unsigned long long)d->baseline->created_ms);
    put_options(d->baseline, out);
    buf_put(out, STR("},"));
    effect_put(&(struct effect){ d->baseline, before, after }, out);
}

static void put_drafted(const struct subject *s, struct buf *out)
{
    const struct counts *total = &s->draft.total;

    buf_put_printf(out, "\"score\":null,\"n\":%llu,\"baseline\":null,\"values\":[",
                   (unsigned long long)counts_total(total));
    for (size_t i = 0; i < total->size; i++) {
        double n = (double)counts_total(total);

        buf_put_text(out, i > 0 ? ",{\"value\":" : "{\"value\":");
        scan_put_string(out, total->at[i].value);
        buf_put_printf(out,
                       ",\"before\":null,\"after\":%.6g,\"before_count\":0,"
                       "\"after_count\":%llu}",
                       (double)total->at[i].n / n, (unsigned long long)total->at[i].n);
    }
    buf_put(out, STR("],\"moved\":[],\"distances\":null"));
}

static void put_subject(const struct judge *j, const struct subject *s, struct buf *out)
{
    buf_put(out, STR("{"));
    put_text(out, "model", s->of.model);
    put_text(out, "version", s->of.version);
    put_text(out, "prediction", s->of.prediction);
    put_text(out, "segment", s->of.segment);
    put_text(out, "state", str_of(drift_word(subject_verdict(s, j->upto))));
    if (judge_reason(j, s))
        put_text(out, "reason", str_of(judge_reason(j, s)));
    else if (lacks_control(j, s))
        put_lack(s, out);
    if (s->drift)
        put_judged(j, s->drift, out);
    else
        put_drafted(s, out);
    buf_put(out, STR("}"));
}

static const char *who_judges(const struct judge *j)
{
    if (j->stopping || j->failed || j->upto == 0)
        return "off";
    return j->book.ours ? "this replica" : "another";
}

void judge_put_drift(const struct judge *j, struct buf *out)
{
    bool any = false;

    buf_put_printf(out, "{\"promise\":{\"probability\":%.6g,\"per_s\":%llu},\"tick_s\":%.6g,",
                   j->settings.probability, (unsigned long long)(j->settings.per_ms / 1000),
                   (double)j->settings.tick_ms / 1000);
    buf_put_printf(out,
                   "\"threshold\":%.6g,\"histograms\":%zu,\"judged\":%zu,\"judge\":\"%s\",",
                   j->threshold, book_watched(&j->book), book_judged(&j->book), who_judges(j));
    buf_put(out, STR("\"histograms_list\":["));
    for (size_t i = 0; i < j->book.subject_count; i++) {
        if (!subject_is_watched(j->book.subjects[i]))
            continue;
        buf_put_text(out, any ? ",\n" : "\n");
        put_subject(j, j->book.subjects[i], out);
        any = true;
    }
    buf_put(out, STR("]}\n"));
}

static int by_change(const void *left, const void *right)
{
    const struct alarm *const *a = left, *const *b = right;

    return ((*a)->updated_ms < (*b)->updated_ms) - ((*a)->updated_ms > (*b)->updated_ms);
}

void judge_put_alarms(const struct judge *j, struct buf *out)
{
    size_t count = j->book.alarm_count;

    if (count > 1)
        qsort(j->book.alarms, count, sizeof(j->book.alarms[0]), by_change);
    buf_put(out, STR("{\"alarms\":["));
    for (size_t i = 0; i < count; i++) {
        buf_put_text(out, i > 0 ? ",\n" : "\n");
        alarm_put(j->book.alarms[i], out);
    }
    buf_put(out, STR("]}\n"));
}

void judge_put_change_list(const struct judge *j, size_t most, struct buf *out)
{
    buf_put(out, STR("["));
    for (size_t i = 0; i < j->book.change_count && i < most; i++) {
        buf_put_text(out, i > 0 ? ",\n" : "\n");
        change_put(j->book.changes[i], out);
    }
    buf_put(out, STR("]"));
}

void judge_put_changes(const struct judge *j, struct buf *out)
{
    buf_put(out, STR("{\"changes\":"));
    judge_put_change_list(j, BOOK_CHANGES, out);
    buf_put(out, STR("}\n"));
}

void judge_put_silences(const struct judge *j, struct buf *out)
{
    uint64_t now_ms = clock_wall_ms();
    bool first = true;

    buf_put(out, STR("{\"silences\":["));
    for (size_t i = 0; i < j->book.silence_count; i++) {
        if (j->book.silences[i].until_ms <= now_ms)
            continue;
        buf_put_text(out, first ? "\n" : ",\n");
        buf_put_text(out, j->book.silences[i].json);
        first = false;
    }
    buf_put(out, STR("]}\n"));
}

static void put_baseline(const struct judge *j, const struct baseline *b, struct buf *out)
{
    const char *unfit = judge_unfit(j, b);

    buf_put_printf(out, "{\"pinned\":%s,",
                   book_is_in_force(&j->book, b->id) ? "true" : "false");
    if (unfit)
        put_text(out, "not_judged", str_of(unfit));
    buf_put(out, STR("\"baseline\":"));
    baseline_put(b, out);
    buf_put(out, STR("}"));
}

void judge_put_baselines(const struct judge *j, struct buf *out)
{
    buf_put(out, STR("{\"baselines\":["));
    for (size_t i = 0; i < j->book.baseline_count; i++) {
        buf_put_text(out, i > 0 ? ",\n" : "\n");
        put_baseline(j, j->book.baselines[i], out);
    }
    buf_put(out, STR("]}\n"));
}

bool judge_put_baseline(const struct judge *j, const char *id, struct buf *out)
{
    const struct baseline *b = book_baseline(&j->book, id);

    if (!b)
        return false;
    put_baseline(j, b, out);
    buf_put(out, STR("\n"));
    return true;
}

/* ---- deliveries ---------------------------------------------------------------------------- */

bool judge_each_delivery(const struct judge *j, judge_delivery_fn *fn, void *ctx)
{
    for (size_t i = 0; j->book.ours && i < j->book.delivery_count; i++)
        fn(ctx, str_of(j->book.deliveries[i].key), str_of(j->book.deliveries[i].json));
    return j->book.ours;
}

void judge_on_delivery(struct judge *j, void (*fn)(void *owner), void *owner)
{
    j->on_delivery = fn;
    j->delivery_owner = owner;
}
