/* SPDX-License-Identifier: Apache-2.0 */
#include "judge_inner.h"

#include "member.h"
#include "reading.h"
#include "weir/base/log.h"
#include "weir/base/metric.h"

#include <string.h>
#include <time.h>

/*
 * From folds that have no baseline to changes (change.h). As of alarms, all that is said of one
 * comes of its ticks, and it is written with the state that it came of.
 */

/* What is known before anything has changed. */
struct scene {
    struct judge *judge;
    struct subject *subject;
    uint64_t tick;
    uint64_t nth;        /* change of this tick */
    struct buf upstream; /* its name */
};

static void tell(const struct change *c)
{
    log_info("model_changed", F_TEXT("kind", change_word(c->kind)), F_STR("model", c->model),
             F_STR("version", c->version), F_STR("upstream", c->upstream),
             F_STR("what", c->sentence), F_TEXT("id", c->id));
}

static void note(struct scene *scene, struct change *c)
{
    struct judge *j = scene->judge;
    struct subject *s = scene->subject;

    change_name(c, s->member, scene->tick, scene->nth++);
    c->model = s->of.model;
    c->version = s->of.version;
    c->upstream = buf_str(&scene->upstream);
    c->at_ms = (scene->tick + 1) * j->settings.tick_ms;
    book_write_change(&j->book, s, c);
    book_put_change(&j->book, change_copy(c));
    tell(c);
    if (j->shard)
        metric_add(j->shard, METRIC_MODEL_CHANGES, 1,
                   METRIC_LABEL(c->model, c->upstream, str_of(change_word(c->kind))));
}

/* ---- names --------------------------------------------------------------------------------- */

static void put_upstream(const struct subject *s, struct buf *out)
{
    struct str segment = s->of.segment, name;

    if (str_split(&segment, '=', &name) && !member_unescape(out, segment))
        buf_reset(out);
}

static void on_identity(void *ctx, const struct identity_news *news)
{
    struct scene *scene = ctx;
    const struct subject *s = scene->subject;
    bool model = str_eq(s->of.prediction, READING_RETURNED_MODEL);
    struct buf sentence = { 0 };
    struct change c = {
        .kind = model ? CHANGE_RETURNED_MODEL : CHANGE_FINGERPRINT,
        .before = news->before,
        .after = news->after,
        .since_ms = news->since * scene->judge->settings.tick_ms,
    };

    buf_put_printf(&sentence, "%.*s %.*s", STR_ARG(s->of.prediction), STR_ARG(news->words));
    c.sentence = buf_str(&sentence);
    note(scene, &c);
    buf_deinit(&sentence);
}

/* ---- length and speed ---------------------------------------------------------------------- */

static void put_number(double value, bool tokens, struct buf *out)
{
    buf_put_printf(out, tokens ? "%.0f" : "%.3g", value);
}

static void put_quantiles(const struct regime_quantiles *q, bool tokens, struct buf *out)
{
    const double values[] = { q->p10, q->p50, q->p90 };
    static const char *const names[] = { "p10", "p50", "p90" };

    buf_put_printf(out, "{\"n\":%llu", (unsigned long long)q->n);
    for (size_t i = 0; i < 3; i++) {
        buf_put_printf(out, ",\"%s\":", names[i]);
        put_number(values[i], tokens, out);
    }
    buf_put(out, STR("}"));
}

static void put_clock(uint64_t ms, struct buf *out)
{
    time_t s = (time_t)(ms / 1000);
    struct tm at;
    char text[16];

    if (gmtime_r(&s, &at) && strftime(text, sizeof(text), "%H:%M", &at) > 0)
        buf_put_printf(out, " since %s UTC", text);
}

static void on_regime(struct scene *scene, const struct regime_news *news)
{
    const struct subject *s = scene->subject;
    bool tokens = str_eq(s->of.prediction, READING_LENGTH);
    struct buf before = { 0 }, after = { 0 }, sentence = { 0 };
    struct change c = {
        .kind = tokens ? CHANGE_OUTPUT_TOKENS : CHANGE_LATENCY,
        .since_ms = news->since * scene->judge->settings.tick_ms,
    };

    put_quantiles(&news->before, tokens, &before);
    put_quantiles(&news->after, tokens, &after);
    buf_put_printf(&sentence, "%s median about ", change_word(c.kind));
    put_number(news->before.p50, tokens, &sentence);
    buf_put(&sentence, STR(" \u2192 "));
    put_number(news->after.p50, tokens, &sentence);
    buf_put_text(&sentence, tokens ? "" : " s");
    put_clock(c.since_ms, &sentence);
    c.before = buf_str(&before);
    c.after = buf_str(&after);
    c.sentence = buf_str(&sentence);
    note(scene, &c);
    buf_deinit(&before);
    buf_deinit(&after);
    buf_deinit(&sentence);
}

/* ---- either -------------------------------------------------------------------------------- */

void judge_notice(struct judge *j, struct subject *s, uint64_t tick,
                  const struct counts *counts)
{
    struct scene scene = { .judge = j, .subject = s, .tick = tick };
    struct regime_news news;

    if (subject_is_apart(s))
        put_upstream(s, &scene.upstream);
    if (s->identity)
        identity_fold(s->identity, tick, counts, on_identity, &scene);
    if (s->regime &&
        regime_fold(s->regime, regime_threshold(j->settings.tick_ms), tick, counts, &news))
        on_regime(&scene, &news);
    buf_deinit(&scene.upstream);
}
