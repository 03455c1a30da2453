/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/route/accept.h"

#include "weir/base/escape.h"
#include "weir/base/scan.h"

static bool is_on(const struct str *list, size_t count, struct str word)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(list[i], word))
            return true;
    return false;
}

static bool is_word_fine(const struct accept *a, struct str word)
{
    if (a->is_count > 0 && !is_on(a->is, a->is_count, word))
        return false;
    return !is_on(a->is_not, a->is_not_count, word);
}

static bool is_number_fine(const struct accept *a, const struct scan_member *at)
{
    double value;

    if (!a->has_least && !a->has_most)
        return true;
    if (at->type != SCAN_NUMBER || !scan_number(at->value, &value))
        return false;
    return (!a->has_least || value >= a->at_least) && (!a->has_most || value <= a->at_most);
}

static bool is_value_fine(const struct accept *a, const struct scan_member *at,
                          struct arena *texts)
{
    struct str word = at->value;

    if (!is_number_fine(a, at))
        return false;
    if (a->is_count + a->is_not_count == 0)
        return true;
    if (at->type == SCAN_STRING)
        word = scan_text(at->value, texts, NULL);
    return at->type != SCAN_OBJECT && at->type != SCAN_ARRAY && is_word_fine(a, word);
}

static bool is_prediction_fine(const struct accept *a, struct str body)
{
    struct str word = prediction_value(a->prediction, body);

    return !str_eq(word, STR("missing")) && !str_eq(word, prediction_invalid()) &&
           is_word_fine(a, word);
}

bool accept_holds(const struct accept *a, struct str body)
{
    struct str from = a->prediction ? a->prediction->from : a->pointer;
    struct scan_member at;
    struct arena texts;
    bool fine;

    if (body.len == 0 || scan_check(body, NULL))
        return false;
    /* Bounds are for the number that a prediction reads, not for the name of its bin. */
    if (a->prediction && !a->has_least && !a->has_most)
        return is_prediction_fine(a, body);
    arena_init(&texts, 0);
    fine = prediction_at(body, from, &texts, &at) && is_value_fine(a, &at, &texts);
    arena_deinit(&texts);
    return fine;
}

/* ---- in words ----------------------------------------------------------------------------- */

static enum err put_list(struct buf *out, char mark, const struct str *list, size_t count)
{
    enum err err = OK;

    for (size_t i = 0; i < count && !err; i++) {
        buf_put_printf(out, "%c", mark);
        err = escape_add(out, list[i]);
    }
    return err;
}

/*
 * A word depends on what the others are: a label that is taken off the list becomes "other". So
 * the whole definition belongs to a test of words. Bounds look at the number itself.
 */
static enum err put_prediction(const struct accept *a, struct buf *out)
{
    static const char kinds[] = {
        [PREDICTION_LABEL] = 'l', [PREDICTION_NUMBER] = 'n', [PREDICTION_LENGTH] = 'c',
        [PREDICTION_TOOL] = 't',  [PREDICTION_JSON] = 'j',   [PREDICTION_CONFIDENCE] = 'p',
        [PREDICTION_SCRIPT] = 's'
    };
    const struct prediction *p = a->prediction;
    size_t bins = p->bound_count > 0 ? p->bound_count + 1 : 0;
    enum err err = put_list(out, ':', &p->name, 1);

    if (err || a->has_least || a->has_most)
        return err;
    buf_put_printf(out, "=%c", kinds[p->kind]);
    err = put_list(out, ',', p->labels, p->label_count);
    if (!err && p->match)
        err = put_list(out, '/', &p->match_text, 1);
    return err ? err : put_list(out, ',', p->bound_words, bins);
}

enum err accept_put(const struct accept *a, struct buf *out)
{
    struct str from = a->prediction ? a->prediction->from : a->pointer;
    enum err err = put_list(out, a->prediction ? '*' : '?', &from, 1);

    if (!err && a->prediction)
        err = put_prediction(a, out);
    if (a->has_least)
        buf_put_printf(out, ">%.17g", a->at_least);
    if (a->has_most)
        buf_put_printf(out, "<%.17g", a->at_most);
    if (!err)
        err = put_list(out, '+', a->is, a->is_count);
    if (!err)
        err = put_list(out, '!', a->is_not, a->is_not_count);
    return err;
}
