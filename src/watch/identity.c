/* SPDX-License-Identifier: Apache-2.0 */
#include "identity.h"

#include "member.h"
#include "weir/base/ensure.h"
#include "weir/base/escape.h"
#include "weir/base/mem.h"
#include "weir/base/scan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double CHANCE = 1e-6;      /* of missing a name that is still there */
static const double LEAST_SHARE = 0.01; /* of one whose going is news */

void identity_deinit(struct identity *i)
{
    free(i->names);
    *i = (struct identity){ 0 };
}

static bool has_learned(const struct identity *i)
{
    return i->ticks >= IDENTITY_LEARNS;
}

/* ---- what is said -------------------------------------------------------------------------- */

static double before_of(const struct identity_name *n)
{
    return fmax(0, n->n - n->since);
}

static double after_of(const struct identity_name *n)
{
    return n->since;
}

/* Of those that are still about. */
static double present_of(const struct identity_name *n)
{
    return n->absent < IDENTITY_ABSENT ? n->n : 0;
}

typedef double weigh_fn(const struct identity_name *n);

static double sum(const struct identity *i, weigh_fn *weigh)
{
    double all = 0;

    for (size_t k = 0; k < i->count; k++)
        all += weigh(&i->names[k]);
    return all;
}

/* {"values":[{"value":"fp_a","share":0.9}, ...]} */
static void put_shares(const struct identity *i, weigh_fn *weigh, struct buf *out)
{
    double all = sum(i, weigh);
    bool any = false;

    buf_put(out, STR("{\"values\":["));
    for (size_t k = 0; k < i->count; k++) {
        if (weigh(&i->names[k]) <= 0)
            continue;
        buf_put_text(out, any ? ",{\"value\":" : "{\"value\":");
        scan_put_string(out, str_of(i->names[k].text));
        buf_put_printf(out, ",\"share\":%.4g}", weigh(&i->names[k]) / all);
        any = true;
    }
    buf_put(out, STR("]}"));
}

static bool is_missing(double share, double answers)
{
    return answers > 0 && pow(1 - share, answers) <= CHANCE;
}

/* It was in use before the new name came, and is no longer. */
static bool was_replaced(const struct identity_name *n, double before)
{
    return n->absent > 0 && is_missing(before_of(n) / fmax(1, before), (double)n->missed);
}

/* The one name that was in use before, if it is no longer, and the new one alone is. */
static const struct identity_name *only_replaced(const struct identity *i,
                                                 const struct identity_name *new)
{
    const struct identity_name *one = NULL;
    double before = sum(i, before_of);

    for (size_t k = 0; k < i->count; k++) {
        const struct identity_name *n = &i->names[k];

        if (n == new || (before_of(n) <= 0 && n->absent > 0))
            continue;
        if (one || !was_replaced(n, before))
            return NULL;
        one = n;
    }
    return one;
}

static void tell_new(struct identity *i, struct identity_name *new, identity_fn *tell,
                     void *ctx)
{
    struct buf before = { 0 }, after = { 0 }, words = { 0 };
    const struct identity_name *old = only_replaced(i, new);
    double all = sum(i, before_of);

    if (old)
        buf_put_printf(&words, "%s \u2192 %s", old->text, new->text);
    else
        buf_put_printf(&words, "%s is new, in %.1f %% of answers", new->text,
                       100 * new->since / fmax(1, i->since));
    put_shares(i, before_of, &before);
    put_shares(i, after_of, &after);
    tell(ctx, &(struct identity_news){ IDENTITY_NEW, new->first, buf_str(&before),
                                       buf_str(&after), buf_str(&words) });
    for (size_t k = 0; k < i->count; k++) /* those that it has replaced are told with it */
        if (was_replaced(&i->names[k], all))
            i->names[k].gone = true;
    buf_deinit(&before);
    buf_deinit(&after);
    buf_deinit(&words);
}

static void tell_gone(struct identity *i, const struct identity_name *old, double share,
                      identity_fn *tell, void *ctx)
{
    struct buf before = { 0 }, after = { 0 }, words = { 0 };

    buf_put_printf(&words, "%s is no longer seen; it was in %.1f %% of answers", old->text,
                   100 * share);
    buf_put(&before, STR("{\"values\":[{\"value\":"));
    scan_put_string(&before, str_of(old->text));
    buf_put_printf(&before, ",\"share\":%.4g}]}", share);
    put_shares(i, present_of, &after);
    tell(ctx, &(struct identity_news){ IDENTITY_GONE, old->last + 1, buf_str(&before),
                                       buf_str(&after), buf_str(&words) });
    buf_deinit(&before);
    buf_deinit(&after);
    buf_deinit(&words);
}

static bool is_of_each_answer(const struct identity *i)
{
    return 3 * i->fresh >= i->answers;
}

static void tell_changing(const struct identity *i, identity_fn *tell, void *ctx)
{
    struct buf after = { 0 }, words = { 0 };

    buf_put_printf(&words, "%s: %llu new ones in %llu answers",
                   is_of_each_answer(i) ? "changes with each answer" : "keeps changing",
                   (unsigned long long)i->fresh, (unsigned long long)i->answers);
    buf_put_printf(&after, "{\"new\":%llu,\"answers\":%llu}", (unsigned long long)i->fresh,
                   (unsigned long long)i->answers);
    tell(ctx, &(struct identity_news){ IDENTITY_CHANGING, i->last, STR("null"), buf_str(&after),
                                       buf_str(&words) });
    buf_deinit(&after);
    buf_deinit(&words);
}

/* ---- names --------------------------------------------------------------------------------- */

static struct identity_name *find(const struct identity *i, struct str text)
{
    for (size_t k = 0; k < i->count; k++)
        if (str_eq(str_of(i->names[k].text), text))
            return &i->names[k];
    return NULL;
}

static void drop(struct identity *i, size_t k)
{
    i->names[k] = i->names[--i->count];
}

/* Those on trial first, then those that have gone, and of these whichever was not seen longest. */
static size_t least_missed(const struct identity *i)
{
    size_t best = 0;

    for (size_t k = 1; k < i->count; k++) {
        const struct identity_name *a = &i->names[k], *b = &i->names[best];
        int rank = (a->known + (a->known && !a->gone)) - (b->known + (b->known && !b->gone));

        if (rank < 0 || (rank == 0 && a->last < b->last))
            best = k;
    }
    return best;
}

static struct identity_name *add(struct identity *i, uint64_t tick, struct str text)
{
    struct identity_name *new;

    if (!i->names)
        i->names = mem_new_array(IDENTITY_NAMES, sizeof(i->names[0]));
    if (i->count == IDENTITY_NAMES)
        drop(i, least_missed(i));
    new = &i->names[i->count++];
    *new = (struct identity_name){ .known = !has_learned(i), .first = tick };
    (void)snprintf(new->text, sizeof(new->text), "%.*s", STR_ARG(text));
    i->fresh++;
    i->since = 0;
    for (size_t k = 0; k < i->count; k++)
        i->names[k].since = 0;
    return new;
}

static void forget_old(struct identity *i)
{
    for (size_t k = i->count; k > 0; k--) {
        const struct identity_name *n = &i->names[k - 1];
        uint64_t keep = n->known ? IDENTITY_MONTH : IDENTITY_DAY;

        if (n->last + keep < i->last)
            drop(i, k - 1);
    }
}

/* ---- a tick -------------------------------------------------------------------------------- */

static const double FADE = 1 - 1.0 / IDENTITY_DAY;

static void begin_day(struct identity *i, uint64_t tick)
{
    if (i->day == tick / IDENTITY_DAY)
        return;
    if (i->restless && i->fresh < IDENTITY_CALM) {
        i->restless = false;
        for (size_t k = 0; k < i->count; k++)
            i->names[k].known = i->names[k].gone = true;
    }
    i->day = tick / IDENTITY_DAY;
    i->fresh = i->told = i->answers = 0;
}

static void fade(struct identity *i, uint64_t answers)
{
    i->n = i->n * FADE;
    for (size_t k = 0; k < i->count; k++) {
        i->names[k].n *= FADE;
        i->names[k].absent++;
        i->names[k].missed += answers;
    }
}

static void see(struct identity *i, uint64_t tick, struct str text)
{
    struct identity_name *name = find(i, text);

    if (!name)
        name = add(i, tick, text);
    name->last = tick;
    name->ticks++;
    name->absent = name->missed = 0;
}

/* The tick that a new name comes in is neither before nor after it, and has no weight. */
static void see_all(struct identity *i, uint64_t tick, const struct counts *counts)
{
    uint64_t fresh = i->fresh;

    for (size_t k = 0; k < counts->size; k++) {
        if (str_eq(counts->at[k].value, STR("other")))
            i->fresh += IDENTITY_RESTLESS; /* more than can be told apart */
        else
            see(i, tick, counts->at[k].value);
    }
    for (size_t k = 0; i->fresh == fresh && k < counts->size; k++) {
        struct identity_name *name = find(i, counts->at[k].value);

        name->n += (double)counts->at[k].n;
        name->since += (double)counts->at[k].n;
        i->since += (double)counts->at[k].n;
        i->n += (double)counts->at[k].n;
    }
}

/* While it learns, many names at once are its ways, unless there is one for each answer. */
static bool is_restless(const struct identity *i)
{
    return i->fresh >= IDENTITY_RESTLESS && (has_learned(i) || is_of_each_answer(i));
}

static void look_for_new(struct identity *i, identity_fn *tell, void *ctx)
{
    for (size_t k = 0; k < i->count; k++) {
        struct identity_name *n = &i->names[k];

        if (n->known || n->ticks < IDENTITY_PERSISTS || n->since <= 0)
            continue;
        n->known = true;
        if (i->told++ < IDENTITY_TOLD)
            tell_new(i, n, tell, ctx);
    }
}

static void look_for_gone(struct identity *i, identity_fn *tell, void *ctx)
{
    for (size_t k = 0; k < i->count; k++) {
        struct identity_name *n = &i->names[k];
        double share = i->n > 0 ? n->n / i->n : 0;

        if (!n->known || n->gone || n->absent < IDENTITY_ABSENT || share < LEAST_SHARE ||
            !is_missing(share, (double)n->missed))
            continue;
        n->gone = true;
        if (i->told++ < IDENTITY_TOLD)
            tell_gone(i, n, share, tell, ctx);
    }
}

void identity_fold(struct identity *i, uint64_t tick, const struct counts *counts,
                   identity_fn *tell, void *ctx)
{
    uint64_t answers = counts_total(counts);

    if (answers == 0)
        return;
    begin_day(i, tick);
    forget_old(i);
    fade(i, answers);
    i->answers += answers;
    see_all(i, tick, counts);
    i->last = tick;
    if (is_restless(i) && !i->restless) {
        i->restless = true;
        tell_changing(i, tell, ctx);
    } else if (has_learned(i) && !i->restless) {
        look_for_new(i, tell, ctx);
        look_for_gone(i, tell, ctx);
    }
    if (!has_learned(i) && ++i->ticks == IDENTITY_LEARNS)
        i->fresh = i->answers = 0;
}

/* ---- as text ------------------------------------------------------------------------------- */

enum { FLAG_KNOWN = 1, FLAG_GONE = 2 };

static void put_name(const struct identity_name *n, struct buf *out)
{
    enum err err;

    buf_put(out, STR(" "));
    err = escape_add(out, str_of(n->text));
    ensure(!err);
    buf_put_printf(out, ",%d,%llu,%llu,%llu,%llu,%llu,%.17g,%.17g",
                   (n->known ? FLAG_KNOWN : 0) | (n->gone ? FLAG_GONE : 0),
                   (unsigned long long)n->first, (unsigned long long)n->last,
                   (unsigned long long)n->ticks, (unsigned long long)n->absent,
                   (unsigned long long)n->missed, n->n, n->since);
}

void identity_put(const struct identity *i, struct buf *out)
{
    buf_put_printf(out, "%llu,%llu,%llu,%llu,%llu,%llu,%d,%.17g,%.17g",
                   (unsigned long long)i->last, (unsigned long long)i->ticks,
                   (unsigned long long)i->day, (unsigned long long)i->fresh,
                   (unsigned long long)i->told, (unsigned long long)i->answers, i->restless,
                   i->n, i->since);
    for (size_t k = 0; k < i->count; k++)
        put_name(&i->names[k], out);
}

static bool read_numbers(struct str *row, uint64_t *const *whole, size_t wholes,
                         double *const *real, size_t reals)
{
    struct str piece;

    for (size_t k = 0; k < wholes; k++)
        if (!str_split(row, ',', &piece) || !str_to_u64(piece, whole[k]))
            return false;
    for (size_t k = 0; k < reals; k++)
        if (!str_split(row, ',', &piece) || !scan_number(piece, real[k]) || *real[k] < 0)
            return false;
    return row->len == 0;
}

static bool read_text(struct str escaped, char out[IDENTITY_BYTES])
{
    struct buf text = { 0 };
    bool good = member_unescape(&text, escaped) && text.len < IDENTITY_BYTES;

    if (good && text.len > 0)
        memcpy(out, text.at, text.len);
    buf_deinit(&text);
    return good;
}

static bool read_name(struct identity_name *n, struct str row)
{
    uint64_t flags = 0;
    uint64_t *const whole[] = {
        &flags, &n->first, &n->last, &n->ticks, &n->absent, &n->missed
    };
    double *const real[] = { &n->n, &n->since };
    struct str text;

    *n = (struct identity_name){ .known = false };
    if (!str_split(&row, ',', &text) || !read_text(text, n->text) ||
        !read_numbers(&row, whole, 6, real, 2))
        return false;
    n->known = flags & FLAG_KNOWN;
    n->gone = flags & FLAG_GONE;
    return true;
}

bool identity_read(struct identity *i, struct str line)
{
    uint64_t restless = 0;
    uint64_t *const whole[] = { &i->last, &i->ticks,   &i->day,  &i->fresh,
                                &i->told, &i->answers, &restless };
    double *const real[] = { &i->n, &i->since };
    struct str row;

    if (!str_split(&line, ' ', &row) || !read_numbers(&row, whole, 7, real, 2))
        return false;
    i->restless = restless > 0;
    i->names = mem_new_array(IDENTITY_NAMES, sizeof(i->names[0]));
    while (str_split(&line, ' ', &row))
        if (i->count == IDENTITY_NAMES || !read_name(&i->names[i->count++], row))
            return false;
    return true;
}
