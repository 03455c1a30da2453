/* SPDX-License-Identifier: Apache-2.0 */
#include "drift_body.h"

#include "weir/base/buf.h"
#include "weir/base/map.h"
#include "weir/base/scan.h"
#include "weir/route/plan.h"
#include "weir/watch/watchlist.h"

#include <string.h>

/*
 * Counts that people bring, such as those of a test set, held against the configuration: a
 * baseline with a value that the prediction never has, or of a model that there is not, would
 * judge by what cannot come, or nothing.
 */

enum {
    LEAST_ANSWERS = 200,
    MOST_COUNT = 1000 * 1000 * 1000,
    MOST_DIGITS = 24, /* of a number that is shown */
};

/* ---- which prediction ------------------------------------------------------------------------ */

static enum err refuse_name(const char *member, struct str name, const char *what,
                            const struct map *names, struct fault *why)
{
    struct buf text = { 0 };

    buf_put_printf(&text, "%s: %s ", member, what);
    drift_put_word(&text, name);
    drift_put_hint(&text, names, name);
    return drift_fault(why, &text);
}

/* What the counts are of: a model's own list, or that of names that are handed on. */
static const struct watchlist *find_model(const struct plan *plan, struct str name)
{
    const struct model *m = map_get(plan->models, name);

    if (!m && plan->any && str_eq(plan->any->watch->model, name))
        m = plan->any;
    return m ? m->watch : NULL;
}

static const struct prediction *find_prediction(const struct watchlist *l, struct str name)
{
    const struct prediction *p;

    for (size_t i = 0; (p = watchlist_prediction(l, i)); i++)
        if (str_eq(p->name, name))
            return p;
    return NULL;
}

static enum err refuse_prediction(const struct watchlist *l, struct str name, struct fault *why)
{
    AUTO(map_free) struct map *names = map_new();
    const struct prediction *p;

    /* Those of the configuration first: they are more likely what was meant. */
    for (size_t i = 0; i < l->prediction_count; i++)
        (void)map_put(names, l->predictions[i].name, NULL);
    for (size_t i = 0; (p = watchlist_prediction(l, i)); i++)
        (void)map_put(names, p->name, NULL);
    return refuse_name("prediction", name, "the model has none of the name", names, why);
}

/* ---- which segment --------------------------------------------------------------------------- */

/* "plan=pro,country=de" is one of the segment made of plan and country. */
static bool has_names(const struct segment *all, const struct segment *s, struct str text)
{
    size_t count = s->kind == SEGMENT_TOGETHER ? s->part_count : 1, i = 0;
    struct str part, name;

    while (str_split(&text, ',', &part)) {
        const struct segment *one = s->kind == SEGMENT_TOGETHER && i < count ? &all[s->parts[i]]
                                                                             : s;

        if (i++ == count || !memchr(part.at, '=', part.len) || !str_split(&part, '=', &name) ||
            !str_eq(name, one->name))
            return false;
    }
    return i == count;
}

static enum err check_segment(const struct watchlist *l, struct str text, struct fault *why)
{
    AUTO(map_free) struct map *names = map_new();

    if (text.len == 0)
        return OK;
    for (size_t i = 0; i < l->segment_count; i++) {
        if (has_names(l->segments, &l->segments[i], text))
            return OK;
        if (l->segments[i].kind != SEGMENT_TOGETHER)
            (void)map_put(names, l->segments[i].name, NULL);
    }
    return refuse_name("segment", text, "expected name=value of the model's segments, not",
                       names, why);
}

/* ---- values ---------------------------------------------------------------------------------- */

static enum err refuse_value(struct str value, const char *what, struct fault *why)
{
    struct buf text = { 0 };

    buf_put(&text, STR("counts: "));
    drift_put_word(&text, value);
    buf_put_printf(&text, " %s", what);
    return drift_fault(why, &text);
}

static enum err refuse_count(struct str value, const struct scan_member *m, struct fault *why)
{
    struct buf text = { 0 };

    buf_put(&text, STR("counts: "));
    drift_put_word(&text, value);
    if (m->type == SCAN_NUMBER)
        buf_put_printf(&text, " is %.*s: ", STR_ARG(str_head(m->value, MOST_DIGITS)));
    else
        buf_put(&text, STR(" is no number: "));
    buf_put_printf(&text, "expected a whole number from 0 to %u", (unsigned)MOST_COUNT);
    return drift_fault(why, &text);
}

static enum err take_value(struct drift_body *b, const struct map *words, struct map *seen,
                           const struct scan_member *m, struct fault *why)
{
    struct str quoted = { m->key.at - 1, m->key.len + 2 };
    struct str value = scan_text(quoted, &b->arena, NULL);
    uint64_t n;

    if (!map_put(seen, value, NULL))
        return refuse_value(value, "stands twice: add the two up", why);
    if (m->type != SCAN_NUMBER || !scan_u64(m->value, &n) || n > MOST_COUNT)
        return refuse_count(value, m, why);
    if (!map_get(words, value))
        return refuse_name("counts", value, "the prediction has no value", words, why);
    counts_add(&b->table, value, n);
    return OK;
}

static struct map *words_of(const struct prediction *p)
{
    struct map *words = map_new();

    /* Its own words first, and the three that all predictions have last. */
    for (unsigned i = 0, places = prediction_places(p); i < places; i++)
        (void)map_put(words, prediction_word(p, (i + PREDICTION_FIRST) % places),
                      (void *)(uintptr_t)p);
    return words;
}

static enum err read_values(struct drift_body *b, const struct prediction *p, struct fault *why)
{
    AUTO(map_free) struct map *words = words_of(p);
    AUTO(map_free) struct map *seen = map_new();
    struct scan_member m;
    struct scan s;

    scan_start(&s, b->counts);
    while (scan_next(&s, &m)) {
        enum err err = take_value(b, words, seen, &m, why);

        if (err)
            return err;
    }
    return OK;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static enum err check_total(const struct drift_body *b, struct fault *why)
{
    uint64_t total = counts_total(&b->table);

    if (total >= LEAST_ANSWERS)
        return OK;
    return fault_set(why, ERR_MALFORMED, NULL,
                     "counts: %llu answers together are too few: a baseline takes %u at least",
                     (unsigned long long)total, (unsigned)LEAST_ANSWERS);
}

enum err drift_counts_read(struct drift_body *b, const struct plan *plan, struct fault *why)
{
    const struct watchlist *list;
    const struct prediction *p;
    enum err err;

    if (!b->counts.at)
        return OK;
    list = find_model(plan, b->model);
    if (!list)
        return refuse_name("model", b->model, "there is none of the name", plan->models, why);
    if (!b->prediction.at)
        return fault_set(why, ERR_MALFORMED, NULL,
                         "prediction: counts are of one prediction; say of which");
    p = find_prediction(list, b->prediction);
    if (!p)
        return refuse_prediction(list, b->prediction, why);
    err = check_segment(list, b->segment, why);
    if (!err)
        err = read_values(b, p, why);
    return err ? err : check_total(b, why);
}
