/* SPDX-License-Identifier: Apache-2.0 */
#include "judge_inner.h"

#include "effect.h"
#include "meaning.h"
#include "weir/base/clock.h"
#include "weir/base/log.h"

#include <math.h>
#include <string.h>

/*
 * From the turns of a fold to alarms. All times in an alarm are those of its ticks, so that
 * whoever folds them raises the same alarm to the letter.
 */

enum { ORPHANS = 8 }; /* alarms of one histogram, ended in one round */

/* Rounded up to a power of two, so that what is made of it does not wobble. */
static double round_up(size_t histograms)
{
    double rounded = 1;

    while (rounded < (double)histograms)
        rounded *= 2;
    return rounded;
}

void judge_set_threshold(struct judge *j)
{
    double ticks = fmax(1, (double)j->settings.per_ms / (double)j->settings.tick_ms);

    j->threshold = ecusum_threshold(ticks, round_up(book_judged(&j->book)),
                                    j->settings.probability);
}

double judge_alpha(const struct judge *j)
{
    return j->settings.alpha / round_up(book_watched(&j->book));
}

static uint64_t end_ms(const struct judge *j, uint64_t tick)
{
    return (tick + 1) * j->settings.tick_ms;
}

static void tell(const struct alarm *a)
{
    log_at(a->state == ALARM_FIRING ? LOG_WARN : LOG_INFO, "drift_alarm",
           F_TEXT("state", alarm_state_word(a->state)), F_STR("model", a->of.model),
           F_STR("version", a->of.version), F_STR("prediction", a->of.prediction),
           F_STR("segment", a->of.segment), F_STR("what", a->sentence), F_TEXT("id", a->id),
           F_TEXT("baseline", a->baseline), F_STR("why", a->ended));
}

/* Into the book, and to be written with its histogram's state. */
static void set(struct judge *j, struct subject *s, struct alarm *a)
{
    book_write_alarm(&j->book, s, a);
    tell(a);
    book_put_alarm(&j->book, a);
}

static struct alarm *make(const struct judge *j, const struct subject *s)
{
    const struct drift_latch *latch = &s->drift->latch;
    struct alarm *a = alarm_new(&s->of);

    alarm_name(a, s->member, s->drift->baseline->id, latch->tick);
    a->began_ms = latch->since * j->settings.tick_ms;
    a->since_ms = a->updated_ms = end_ms(j, latch->tick);
    return a;
}

static void raise_alarm(struct judge *j, struct subject *s, const struct subject_news *news)
{
    struct alarm *a = make(j, s);
    uint64_t before[ECUSUM_BINS], after[ECUSUM_BINS], since = s->drift->latch.since;

    (void)window_sum(&s->drift->window, since, after);
    drift_before(s->drift, since, before);
    alarm_explain(a, &(struct effect){ s->drift->baseline, before, after }, &s->gathered);
    a->confirmed = news->turn == DRIFT_ALARM;
    a->state = a->confirmed ? ALARM_FIRING : ALARM_PENDING;
    a->score = news->score;
    a->updated_ms = end_ms(j, s->tick);
    set(j, s, a);
}

static void set_resolved(struct judge *j, struct subject *s, struct alarm *a, uint64_t at_ms,
                         struct str why)
{
    a->state = ALARM_RESOLVED;
    a->ended = why;
    a->updated_ms = at_ms;
    set(j, s, a);
}

static struct alarm *copy(const struct alarm *known)
{
    struct buf json = { 0 };
    struct alarm *a;

    alarm_put(known, &json);
    a = alarm_read(buf_str(&json));
    buf_deinit(&json);
    return a;
}

/* What is known of it, or its bare name where that has been forgotten. */
void judge_resolve(struct judge *j, struct subject *s, uint64_t at_ms, struct str why)
{
    struct alarm *bare = make(j, s), *known = book_alarm(&j->book, bare->id);
    struct alarm *a = known ? copy(known) : NULL;

    set_resolved(j, s, a ? a : bare, at_ms, why);
    if (a)
        alarm_free(bare);
}

static bool is_of(const struct alarm *a, const struct tick_histogram *of)
{
    return str_eq(a->of.prediction, of->prediction) && str_eq(a->of.model, of->model) &&
           str_eq(a->of.version, of->version) && str_eq(a->of.segment, of->segment);
}

/*
 * The state may have been lost with Redis, or be one from before the alarm: then what is raised
 * anew has another name, and nothing else would ever end the old one. Those of later ticks wait
 * until these are folded again.
 */
static const struct alarm *find_orphan(const struct judge *j, const struct subject *s,
                                       uint64_t now_ms)
{
    struct alarm *own = s->drift->latch.on != LATCHED_NOT ? make(j, s) : NULL;
    const struct alarm *found = NULL;

    for (size_t i = 0; i < j->book.alarm_count && !found; i++) {
        const struct alarm *a = j->book.alarms[i];

        if (a->state != ALARM_RESOLVED && a->since_ms <= now_ms && is_of(a, &s->of) &&
            !(own && strcmp(a->id, own->id) == 0))
            found = a;
    }
    alarm_free(own);
    return found;
}

/* One a tick will do, of the last few: what a round writes of one histogram is bounded. */
static void resolve_orphan(struct judge *j, struct subject *s, uint64_t tick)
{
    const struct alarm *orphan = NULL;
    struct alarm *a;

    if (s->drift && tick + ORPHANS > j->upto)
        orphan = find_orphan(j, s, end_ms(j, tick));
    a = orphan ? copy(orphan) : NULL;
    if (a)
        set_resolved(j, s, a, end_ms(j, tick), STR("lost"));
}

/* Behind an hour's counts, where who looks for pairs of value and count finds none. */
static void put_meaning(const struct subject *s, struct buf *out)
{
    if (s->of.meaning == 0)
        return;
    buf_put(out, STR(" #"));
    meaning_put(s->of.meaning, out);
}

void judge_write_hour(struct judge *j, struct subject *s, uint64_t hour,
                      const struct counts *counts)
{
    struct buf text = { 0 };

    counts_put(counts, &text);
    put_meaning(s, &text);
    book_write_hour(&j->book, s, hour, buf_str(&text));
    buf_deinit(&text);
}

void judge_fold(void *judge, struct subject *s, const struct drift_tick *t)
{
    struct judge *j = judge;
    struct subject_rules rules = { .threshold = j->threshold, .tick_ms = j->settings.tick_ms };
    struct subject_news news = { .turn = DRIFT_STAYED };

    if (!judge_take_meaning(j, s, t))
        return;
    if (judge_makes_baseline(j, s)) {
        rules.by_hour = j->settings.hour_of_week;
        rules.draft_steps = rules.by_hour ? DRAFT_HOUR_STEPS : DRAFT_STEPS;
    }
    if (j->settings.changes && t->tick > s->tick)
        judge_notice(j, s, t->tick, t->counts);
    subject_fold(s, &rules, t, &news);
    if (news.hour_closed) {
        put_meaning(s, &news.hour_text);
        book_write_hour(&j->book, s, news.hour, buf_str(&news.hour_text));
    }
    buf_deinit(&news.hour_text);
    switch (news.turn) {
    case DRIFT_STAYED: break;
    case DRIFT_SUSPICION:
    case DRIFT_ALARM: raise_alarm(j, s, &news); break;
    case DRIFT_OVER: judge_resolve(j, s, end_ms(j, t->tick), STR("calm")); break;
    }
    resolve_orphan(j, s, t->tick);
}

void judge_adopt(struct judge *j, struct subject *s, const struct baseline *b)
{
    if (s->drift && s->drift->latch.on != LATCHED_NOT)
        judge_resolve(j, s, clock_wall_ms(), STR("baseline"));
    (void)subject_adopt(s, b);
    log_info("drift_baseline", F_STR("model", s->of.model), F_STR("version", s->of.version),
             F_STR("prediction", s->of.prediction), F_STR("segment", s->of.segment),
             F_TEXT("id", b->id), F_U64("n", b->n));
}
