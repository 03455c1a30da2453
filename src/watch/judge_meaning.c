/* SPDX-License-Identifier: Apache-2.0 */
#include "judge_inner.h"

#include "meaning.h"
#include "member.h"
#include "weir/base/clock.h"
#include "weir/base/log.h"

#include <string.h>

/*
 * Ticks of one name may have been counted by different definitions (meaning.h): of a prediction
 * before and after somebody changed it, or by gateways of which some have the change and some not
 * yet. A histogram is held against nothing but what was counted by the same one:
 *
 *   a tick of another definition   its alarm ends, what was gathered goes, and the baseline that
 *                                  is pinned for that definition is adopted, or a new one drafted
 *   a tick of several              its alarm ends, and the tick is passed over
 *   a tick that does not say       it was counted by an older version, and goes with any
 *
 * Pins are kept by definition, so going back to the old one takes up what was judged by then.
 */

static void log_meaning(const struct subject *s, const char *event)
{
    log_info(event, F_STR("model", s->of.model), F_STR("version", s->of.version),
             F_STR("prediction", s->of.prediction), F_STR("segment", s->of.segment));
}

static void end_alarm(struct judge *j, struct subject *s, uint64_t tick)
{
    if (!s->drift || s->drift->latch.on == LATCHED_NOT)
        return;
    judge_resolve(j, s, (tick + 1) * j->settings.tick_ms, STR("redefined"));
    subject_settle(s);
}

void judge_adopt_pinned(struct judge *j, struct subject *s)
{
    const char *id = book_pinned(&j->book, s);
    const struct baseline *b = id ? book_baseline(&j->book, id) : NULL;

    /* An older version that shares the store may have pinned what does not fit. */
    if (b && b != subject_baseline(s) && !meaning_differs(b->of.meaning, s->of.meaning))
        judge_adopt(j, s, b);
}

static void redefine(struct judge *j, struct subject *s, const struct drift_tick *t)
{
    end_alarm(j, s, t->tick);
    if (s->gathered.size > 0)
        judge_write_hour(j, s, s->hour, &s->gathered);
    subject_redefine(s, t->meaning);
    log_meaning(s, "drift_redefined");
    judge_adopt_pinned(j, s);
}

bool judge_take_meaning(struct judge *j, struct subject *s, const struct drift_tick *t)
{
    if (t->tick <= s->tick)
        return true;
    if (t->mixed) {
        if (!s->mixed)
            log_meaning(s, "drift_mixed");
        end_alarm(j, s, t->tick);
        subject_skip(s, t->tick);
        return false;
    }
    if (meaning_differs(s->of.meaning, t->meaning)) {
        redefine(j, s, t);
    } else if (s->of.meaning != t->meaning && t->meaning != 0) {
        s->of.meaning = t->meaning;
        judge_adopt_pinned(j, s);
    }
    return true;
}

/* ---- baselines and their definitions ------------------------------------------------------- */

void judge_put_pin(const struct judge *j, const struct baseline *b, struct buf *out)
{
    struct tick_histogram of = b->of;

    if (of.meaning == 0)
        of.meaning = judge_meaning(j, &b->of);
    book_put_pin(out, &of);
}

/* It was pinned when nobody knew of definitions, and now by which one it is judged. */
bool judge_wants_claim(const struct judge *j, const struct subject *s)
{
    const struct baseline *b = subject_baseline(s);
    struct buf name = { 0 };
    bool claimed;

    if (s->unread || !b || b->of.meaning != 0 || s->of.meaning == 0)
        return false;
    book_put_pin(&name, &s->of);
    claimed = book_pin_of(&j->book, buf_str(&name));
    buf_deinit(&name);
    return !claimed;
}

static bool is_of(const struct baseline *b, const struct subject *s)
{
    return (str_eq(b->of.version, s->of.version) || str_eq(b->of.version, STR("*"))) &&
           str_eq(b->of.prediction, s->of.prediction) && str_eq(b->of.model, s->of.model) &&
           str_eq(b->of.segment, s->of.segment);
}

const char *judge_unfit(const struct judge *j, const struct baseline *b)
{
    for (size_t i = 0; i < j->book.subject_count; i++)
        if (is_of(b, j->book.subjects[i]) &&
            meaning_differs(b->of.meaning, j->book.subjects[i]->of.meaning))
            return "Its prediction or segment was defined otherwise when it was made, so "
                   "nothing is judged by it. It is judged by again when that definition is "
                   "back.";
    return NULL;
}

const char *judge_reason(const struct judge *j, const struct subject *s)
{
    if (s->mixed)
        return "Its last tick was counted by different definitions of its prediction or "
               "segment, as while gateways get a new one; such a tick is not judged.";
    if (!s->redefined)
        return NULL;
    return judge_makes_baseline(j, s)
               ? "Its prediction or segment was redefined; the baseline of the old definition "
                 "is not judged by, and a new one is being gathered."
               : "Its prediction or segment was redefined; the baseline of the old definition "
                 "is not judged by. Make a new one: weir baseline create.";
}
