/* SPDX-License-Identifier: Apache-2.0 */
#include "alert_text.h"

#include "alert_parts.h"
#include "change_text.h"

#include "weir/base/base64.h"
#include "weir/base/clock.h"
#include "weir/base/digest.h"
#include "weir/base/scan.h"

enum { MOST_MOVED = 3 }; /* values that a description names */

/* ---- silences ------------------------------------------------------------------------------ */

static bool matches(struct str silence, const char *key, struct str value)
{
    struct scan_member m;

    return !scan_get(silence, str_of(key), &m) || scan_text_is(&m, value);
}

static bool covers(struct str silence, const struct tick_histogram *of, uint64_t now_ms)
{
    struct scan_member until;
    uint64_t until_ms;

    return scan_get(silence, STR("until_ms"), &until) && scan_u64(until.value, &until_ms) &&
           until_ms > now_ms && matches(silence, "model", of->model) &&
           matches(silence, "version", of->version) &&
           matches(silence, "prediction", of->prediction) &&
           matches(silence, "segment", of->segment);
}

bool alert_text_covers(const struct tick_histogram *of, const struct alert_scene *s)
{
    struct scan_member list, one;
    struct scan walk;

    if (!scan_get(s->silences, STR("silences"), &list))
        return false;
    for (scan_start(&walk, list.value); scan_next(&walk, &one);)
        if (covers(one.value, of, s->now_ms))
            return true;
    return false;
}

bool alert_text_is_silenced(const struct alarm *a, const struct alert_scene *s)
{
    return alert_text_covers(&a->of, s);
}

/* ---- an alert ------------------------------------------------------------------------------ */

static const char *severity_word(bool confirmed)
{
    return confirmed ? "confirmed" : "suspected";
}

static void put_labels(struct buf *out, const struct alarm *a, bool confirmed)
{
    buf_put(out, STR("\"labels\":{\"alertname\":\"WeirDrift\","));
    alert_parts_put_member(out, "severity", str_of(severity_word(confirmed)));
    alert_parts_put_member(out, "model", a->of.model);
    alert_parts_put_member(out, "version", a->of.version);
    alert_parts_put_member(out, "prediction", a->of.prediction);
    if (a->of.segment.len > 0)
        alert_parts_put_member(out, "segment", a->of.segment);
    buf_put_printf(out, "\"alarm\":\"%s\"},", a->id);
}

static double share_of(struct str move, const char *key)
{
    struct scan_member m;
    double share;

    return scan_get(move, str_of(key), &m) && scan_number(m.value, &share) ? share : 0;
}

/* "complaint 2.4 % → 100.0 %; refund ..." */
static void put_moves(struct buf *out, struct str evidence)
{
    struct scan_member list, move, value;
    struct scan walk;
    unsigned count = 0;

    if (!scan_get(evidence, STR("moved"), &list))
        return;
    for (scan_start(&walk, list.value); count < MOST_MOVED && scan_next(&walk, &move);) {
        struct arena arena = { 0 };

        if (!scan_get(move.value, STR("value"), &value) || value.type != SCAN_STRING)
            continue;
        buf_put_text(out, count++ > 0 ? "; " : " Moved most: ");
        buf_put(out, scan_text(value.value, &arena, NULL));
        buf_put_printf(out, " %.1f %% \u2192 %.1f %%", 100 * share_of(move.value, "before"),
                       100 * share_of(move.value, "after"));
        arena_deinit(&arena);
    }
    if (count > 0)
        buf_put(out, STR("."));
}

static void put_description(struct buf *out, const struct alarm *a)
{
    struct buf text = { 0 };
    char since[CLOCK_TEXT];
    struct scan_member n;

    clock_text(a->began_ms, since);
    buf_put_printf(&text, "Since %s, %.*s of %.*s (version %.*s", since,
                   STR_ARG(a->of.prediction), STR_ARG(a->of.model), STR_ARG(a->of.version));
    if (a->of.segment.len > 0)
        buf_put_printf(&text, ", segment %.*s", STR_ARG(a->of.segment));
    buf_put_printf(&text, ") is not what it was in baseline %s", a->baseline);
    if (scan_get(a->evidence, STR("n"), &n))
        buf_put_printf(&text, ", by %.*s answers", STR_ARG(n.value));
    buf_put(&text, STR("."));
    put_moves(&text, a->evidence);
    alert_parts_put_member(out, "description", buf_str(&text));
    buf_deinit(&text);
}

static void put_annotations(struct buf *out, const struct alarm *a)
{
    buf_put(out, STR("\"annotations\":{"));
    alert_parts_put_member(out, "summary",
                           a->sentence.len > 0 ? a->sentence
                                               : STR("a prediction has left its baseline"));
    put_description(out, a);
    buf_put_printf(out, "\"score\":\"%.3g\",\"runbook_url\":\"docs/alerts.md#weirdrift\"},",
                   a->score);
}

static void put_alert(struct buf *out, const struct alarm *a, bool confirmed, uint64_t ends_ms,
                      struct str link)
{
    buf_put(out, STR("{"));
    put_labels(out, a, confirmed);
    put_annotations(out, a);
    alert_parts_end_alert(out, a->since_ms, ends_ms, link);
}

/* ---- all that stand ------------------------------------------------------------------------ */

struct gathering {
    struct buf *out;
    const struct alert_scene *scene;
    uint64_t ends_ms;
    size_t count;
};

static void gather(struct gathering *g, const struct alarm *a, bool confirmed, uint64_t ends_ms)
{
    buf_put_text(g->out, g->count++ > 0 ? ",\n" : "\n");
    put_alert(g->out, a, confirmed, ends_ms, g->scene->link);
}

/* Its severity is a label, so the change from one to the other ends one alert. */
static void gather_alarm(struct gathering *g, const struct alarm *a)
{
    bool fresh = g->scene->now_ms < a->updated_ms + ALERT_TEXT_HOLDS_MS;
    uint64_t changed_ms = a->updated_ms > a->since_ms ? a->updated_ms : a->since_ms;

    if (a->state == ALARM_RESOLVED && !fresh)
        return;
    if (alert_text_is_silenced(a, g->scene))
        return;
    if (a->state == ALARM_RESOLVED)
        gather(g, a, a->confirmed, changed_ms);
    else
        gather(g, a, a->confirmed, g->ends_ms);
    if (a->state == ALARM_FIRING && fresh && a->updated_ms > a->since_ms)
        gather(g, a, false, changed_ms);
}

static void gather_change(struct gathering *g, const struct change *c)
{
    struct tick_histogram name = change_text_name(c);

    if (!change_text_stands(c, g->scene->now_ms) || alert_text_covers(&name, g->scene))
        return;
    buf_put_text(g->out, g->count++ > 0 ? ",\n" : "\n");
    change_text_put_alert(g->out, c, g->scene->link);
}

static void gather_changes(struct gathering *g)
{
    struct scan_member list, one;
    struct scan walk;

    if (!g->scene->changes.at || !scan_get(g->scene->changes, STR("changes"), &list))
        return;
    for (scan_start(&walk, list.value); scan_next(&walk, &one);) {
        AUTO(change_free) struct change *c = change_read(one.value);

        if (c)
            gather_change(g, c);
    }
}

size_t alert_text_put_alerts(struct buf *out, const struct alert_scene *s, uint64_t ends_ms)
{
    struct gathering g = { .out = out, .scene = s, .ends_ms = ends_ms };
    struct scan_member list, one;
    struct scan walk;

    buf_put(out, STR("["));
    if (scan_get(s->alarms, STR("alarms"), &list)) {
        for (scan_start(&walk, list.value); scan_next(&walk, &one);) {
            AUTO(alarm_free) struct alarm *a = alarm_read(one.value);

            if (a)
                gather_alarm(&g, a);
        }
    }
    gather_changes(&g);
    buf_put(out, STR("]\n"));
    return g.count;
}

/* ---- an event ------------------------------------------------------------------------------ */

void alert_text_put_event(struct buf *out, const struct alarm *a, struct str json,
                          struct str link)
{
    buf_put_printf(out, "{\"type\":\"drift.%s\",", alarm_state_word(a->state));
    alert_parts_end_event(out, a->updated_ms, link, json);
}

void alert_text_put_signature(struct buf *out, struct str key, struct str id,
                              uint64_t timestamp_s, struct str body)
{
    struct buf signed_text = { 0 };
    struct digest made;

    buf_put(&signed_text, id);
    buf_put_printf(&signed_text, ".%llu.", (unsigned long long)timestamp_s);
    buf_put(&signed_text, body);
    digest_hmac(&made, key, buf_str(&signed_text));
    buf_put(out, STR("v1,"));
    base64_put(out, (struct str){ (const char *)made.bytes, sizeof(made.bytes) });
    buf_deinit(&signed_text);
}
