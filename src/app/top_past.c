/* SPDX-License-Identifier: Apache-2.0 */
#include "top_past.h"

#include <string.h>

/* A name that is too long is known by its beginning. */
static struct str known_as(struct str model)
{
    return str_head(model, sizeof(((struct top_past_model *)0)->name) - 1);
}

/* Where it stands; the count where it does not. */
static size_t place_of(const struct top_past *p, struct str model)
{
    size_t i = 0;

    while (i < p->count && !str_eq(str_of(p->models[i].name), known_as(model)))
        i++;
    return i;
}

void top_past_note(struct top_past *p, struct str model, double rate)
{
    size_t place = place_of(p, model);
    struct top_past_model *m = &p->models[place];

    if (place == TOP_PAST_MODELS)
        return;
    if (place == p->count) {
        memcpy(m->name, model.at, known_as(model).len);
        p->count++;
    }
    if (m->count == TOP_PAST_LOOKS)
        memmove(m->rates, m->rates + 1, sizeof(m->rates[0]) * --m->count);
    m->rates[m->count++] = rate > 0 ? rate : 0;
}

void top_past_put(struct buf *out, const struct top_past *p, struct str model)
{
    static const char *const bars[] = { " ",      "\u2581", "\u2582", "\u2583", "\u2584",
                                        "\u2585", "\u2586", "\u2587", "\u2588" };
    size_t place = place_of(p, model);
    const struct top_past_model *m = &p->models[place];
    double most = 1e-9;

    if (place == p->count)
        return;
    for (unsigned i = 0; i < m->count; i++)
        most = m->rates[i] > most ? m->rates[i] : most;
    for (unsigned i = 0; i < m->count; i++)
        buf_put_text(out, bars[(int)(m->rates[i] / most * 8)]);
}
