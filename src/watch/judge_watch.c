/* SPDX-License-Identifier: Apache-2.0 */
#include "judge_inner.h"

#include "meaning.h"
#include "weir/base/clock.h"
#include "weir/base/mem.h"

#include <stdlib.h>

/*
 * What the configuration no longer names is no longer watched: a model, or its version,
 * prediction or segment. Nothing comes any more that could end its alarm, so that ends here, and
 * the promise is no longer held for it.
 *
 * Gateways that share a store change their configurations one after the other, and those that
 * have yet to count on. So a histogram is gone only when it has been quiet for a while, too; and
 * when there are answers again, it is back. What has been quiet for so long that it is about to
 * be forgotten is gone, whatever is configured.
 */

enum { QUIET_TICKS = 60 };

static void drop_models(struct judge *j)
{
    for (size_t i = 0; i < j->model_count; i++)
        watchlist_unref(j->models[i].list);
    free(j->models);
    arena_deinit(&j->versions);
}

void judge_watch(struct judge *j, const struct judge_model *models, size_t count)
{
    drop_models(j);
    j->models = mem_new_array(count + 1, sizeof(j->models[0]));
    j->model_count = count;
    j->knows_models = true;
    for (size_t i = 0; i < count; i++) {
        size_t versions = models[i].version_count;
        struct str *copies = arena_take(&j->versions, (versions + 1) * sizeof(copies[0]));

        for (size_t k = 0; k < versions; k++)
            copies[k] = arena_copy(&j->versions, models[i].versions[k]);
        j->models[i] = (struct judge_model){ watchlist_ref(models[i].list), copies, versions };
    }
}

void judge_watch_deinit(struct judge *j)
{
    drop_models(j);
}

/* ---- is it named? -------------------------------------------------------------------------- */

static const struct judge_model *find_model(const struct judge *j, struct str name)
{
    for (size_t i = 0; i < j->model_count; i++)
        if (str_eq(j->models[i].list->model, name))
            return &j->models[i];
    return NULL;
}

static bool has_version(const struct judge_model *m, struct str version)
{
    for (size_t i = 0; i < m->version_count; i++)
        if (str_eq(m->versions[i], version))
            return true;
    return false;
}

static const struct prediction *find_prediction(const struct watchlist *l, struct str name)
{
    const struct prediction *p;

    for (size_t i = 0; (p = watchlist_prediction(l, i)); i++)
        if (str_eq(p->name, name))
            return p;
    return NULL;
}

/* "plan=pro,country=de" and "plan=none,country=none" are of one segment. */
static bool names_same(struct str one, struct str other)
{
    struct str part, its;

    while (str_split(&one, ',', &part)) {
        struct str name, its_name;

        if (!str_split(&other, ',', &its) || !str_split(&part, '=', &name) ||
            !str_split(&its, '=', &its_name) || !str_eq(name, its_name))
            return false;
    }
    return other.len == 0;
}

static const struct segment *find_segment(const struct watchlist *l, struct str segment)
{
    for (size_t i = 0; i < l->segment_count; i++)
        if (names_same(segment, segment_text(&l->segments[i], SEGMENT_NONE)))
            return &l->segments[i];
    return NULL;
}

static bool is_named(const struct judge *j, const struct tick_histogram *of)
{
    const struct judge_model *m = find_model(j, of->model);

    return m && has_version(m, of->version) && find_prediction(m->list, of->prediction) &&
           (of->segment.len == 0 || find_segment(m->list, of->segment));
}

uint32_t judge_meaning(const struct judge *j, const struct tick_histogram *of)
{
    const struct judge_model *m = find_model(j, of->model);
    const struct prediction *p = m ? find_prediction(m->list, of->prediction) : NULL;
    const struct segment *s = m && of->segment.len > 0 ? find_segment(m->list, of->segment)
                                                       : NULL;

    if (!p || (of->segment.len > 0 && !s))
        return 0;
    return meaning_join(p->meaning, s ? segment_meaning_of(s, of->segment) : 0);
}

/* ---- in each round ------------------------------------------------------------------------- */

static bool is_gone(const struct judge *j, const struct subject *s)
{
    uint64_t last = s->last > s->tick ? s->last : s->tick;

    if (subject_is_apart(s) || last + QUIET_TICKS >= j->upto)
        return false;
    return last < j->oldest || (j->knows_models && !is_named(j, &s->of));
}

void judge_look_round(struct judge *j)
{
    for (size_t i = 0; i < j->book.subject_count; i++)
        j->book.subjects[i]->gone = is_gone(j, j->book.subjects[i]);
}

/* A gateway of an older version may have held against a baseline what is now apart. */
void judge_let_go(struct judge *j)
{
    for (size_t i = 0; i < j->book.subject_count; i++) {
        struct subject *s = j->book.subjects[i];

        if ((!s->gone && !subject_is_apart(s)) || s->unread || !s->drift ||
            s->drift->latch.on == LATCHED_NOT)
            continue;
        judge_resolve(j, s, clock_wall_ms(), STR("gone"));
        subject_settle(s);
    }
}

/* ---- what else it says ----------------------------------------------------------------------- */

bool judge_has_words(const struct judge *j, const struct tick_histogram *of)
{
    const struct judge_model *m = find_model(j, of->model);
    const struct prediction *p;

    for (size_t i = 0; m && (p = watchlist_prediction(m->list, i)); i++)
        if (str_eq(p->name, of->prediction))
            return p->bound_count == 0;
    return false;
}

/* Before it is known what is configured, all is. */
bool judge_names_version(const struct judge *j, struct str model, struct str version)
{
    const struct judge_model *m = find_model(j, model);

    return !j->knows_models || (m && has_version(m, version));
}
