/* SPDX-License-Identifier: Apache-2.0 */
#include "course_names.h"

#include "member.h"

void course_names_init(struct course_names *n)
{
    n->series_ids = map_new();
    n->word_ids = map_new();
    arena_init(&n->text, 0);
}

void course_names_deinit(struct course_names *n)
{
    map_free(n->series_ids);
    map_free(n->word_ids);
    arena_deinit(&n->text);
}

static int known(const struct map *ids, struct str text)
{
    return (int)(uintptr_t)map_get(ids, text) - 1;
}

/* From then on it is known by `number`. */
static int keep(struct map *ids, struct str text, unsigned *count)
{
    unsigned number = (*count)++;

    (void)map_put(ids, text, (void *)(uintptr_t)(number + 1));
    return (int)number;
}

/* What stands before the mark, which must be there; `rest` moves on behind it. */
static bool take_off(struct str *rest, char mark, struct str *piece)
{
    size_t whole = rest->len;

    return str_split(rest, mark, piece) && piece->len < whole;
}

/* A copy without escapes; false: they are faulty. */
static bool plain(struct course_names *n, struct str text, struct str *out)
{
    struct buf buf = { 0 };
    bool good = member_unescape(&buf, text);

    *out = arena_copy(&n->text, buf_str(&buf));
    buf_deinit(&buf);
    return good;
}

/* "support-chat:qwen2.5@plan=pro" */
static bool read_series(struct course_names *n, struct str text, struct course_series *out)
{
    struct str name, model;

    if (!str_split(&text, '@', &name) || !take_off(&name, ':', &model))
        return false;
    out->segment = arena_copy(&n->text, text);
    return plain(n, model, &out->model) && plain(n, name, &out->version);
}

int course_names_series(struct course_names *n, struct str text, uint64_t tick)
{
    int id = known(n->series_ids, text);

    if (id < 0 && n->series_count == COURSE_SERIES) {
        n->turned_away = true;
        return -1;
    }
    if (id < 0 && !read_series(n, text, &n->series[n->series_count]))
        return -1;
    if (id < 0)
        id = keep(n->series_ids, text, &n->series_count);
    if (tick > n->series[id].last)
        n->series[id].last = tick;
    return id;
}

/* "intent=refund" */
static bool read_word(struct course_names *n, struct str text, struct course_word *out)
{
    struct str prediction;
    uint64_t number;

    if (!take_off(&text, '=', &prediction) || !plain(n, prediction, &out->prediction) ||
        !plain(n, text, &out->value))
        return false;
    if (!str_eq(out->prediction, COURSE_SECONDS))
        return true;
    if (!str_to_u64(out->value, &number) || number >= COURSE_BINS)
        return false;
    out->number = (unsigned)number;
    return true;
}

int course_names_word(struct course_names *n, struct str text)
{
    int id = known(n->word_ids, text);
    struct course_word *new = &n->words[n->word_count];

    if (id >= 0)
        return id;
    if (n->word_count == COURSE_WORDS) {
        n->turned_away = true;
        return -1;
    }
    *new = (struct course_word){ .id = n->word_count };
    return read_word(n, text, new) ? keep(n->word_ids, text, &n->word_count) : -1;
}

bool course_names_full(struct course_names *n)
{
    bool first = n->turned_away && !n->said;

    n->said = n->said || n->turned_away;
    return first;
}
