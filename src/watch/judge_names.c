/* SPDX-License-Identifier: Apache-2.0 */
#include "judge_inner.h"

#include "weir/base/map.h"

#include <stddef.h>

/*
 * Names that fit nothing that was counted: which of them it is, and what comes near. They are
 * looked at in the order of a histogram's name, each among those that the ones before it fit.
 */

enum { MOST_WORD = 40 }; /* bytes of what somebody wrote */

struct named {
    const char *what;
    size_t offset; /* in a histogram's name */
    struct str wanted;
};

static struct str part_of(const struct tick_histogram *of, const struct named *n)
{
    return *(const struct str *)(const void *)((const char *)of + n->offset);
}

static bool fits(const struct tick_histogram *of, const struct named *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (names[i].wanted.at && !str_eq(names[i].wanted, part_of(of, &names[i])))
            return false;
    return true;
}

/* What the i-th name could have been. */
static struct map *gather(const struct book *b, const struct named *names, size_t i)
{
    struct map *found = map_new();

    for (size_t k = 0; k < b->subject_count; k++)
        if (fits(&b->subjects[k]->of, names, i))
            (void)map_put(found, part_of(&b->subjects[k]->of, &names[i]), b->subjects[k]);
    return found;
}

static enum err tell(const struct named *n, const struct map *known, struct fault *why)
{
    struct str near = map_nearest(known, n->wanted);
    struct buf hint = { 0 };
    enum err err;

    if (near.at)
        buf_put_printf(&hint, " (did you mean \"%.*s\"?)", STR_ARG(str_head(near, MOST_WORD)));
    for (size_t i = 0; !near.at && i < map_size(known) && hint.len < 2 * MOST_WORD; i++)
        buf_put_printf(&hint, "%s\"%.*s\"", i > 0 ? ", " : ": there is ",
                       STR_ARG(str_head(map_key_at(known, i), MOST_WORD)));
    err = fault_set(why, ERR_NO_MODEL, NULL, "%s: nothing was counted so far of \"%.*s\"%.*s",
                    n->what, STR_ARG(str_head(n->wanted, MOST_WORD)), STR_ARG(buf_str(&hint)));
    buf_deinit(&hint);
    return err;
}

enum err judge_tell_missing(const struct judge *j, const struct judge_recipe *r,
                            struct fault *why)
{
    const struct named names[] = {
        { "model", offsetof(struct tick_histogram, model), r->model },
        { "version", offsetof(struct tick_histogram, version), r->version },
        { "prediction", offsetof(struct tick_histogram, prediction), r->prediction },
        { "segment", offsetof(struct tick_histogram, segment), r->segment },
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        AUTO(map_free) struct map *known = gather(&j->book, names, i);

        if (names[i].wanted.at && !map_get(known, names[i].wanted))
            return tell(&names[i], known, why);
    }
    return fault_set(why, ERR_NO_MODEL, NULL, "Nothing was counted so far.");
}

enum err judge_tell_control(const struct judge *j, const struct judge_recipe *r,
                            struct fault *why)
{
    const struct named names[] = {
        { "model", offsetof(struct tick_histogram, model), r->model },
        { "control", offsetof(struct tick_histogram, version), r->control },
    };
    AUTO(map_free) struct map *known = gather(&j->book, names, 1);

    if (r->control.len == 0 || map_get(known, r->control))
        return OK;
    return tell(&names[1], known, why);
}
