/* SPDX-License-Identifier: Apache-2.0 */
#include "toll.h"

#include "weir/base/mem.h"

#include <stdlib.h>
#include <string.h>

static const char *const outcome_words[WATCH_OUTCOMES] = {
#define O(name, word) word,
    WATCH_OUTCOME_WORDS(O)
#undef O
};

void toll_init(struct toll *t, toll_fn *tell, void *ctx)
{
    *t = (struct toll){ .tell = tell, .ctx = ctx };
}

static void free_line(struct toll_line **way)
{
    if (!*way)
        return;
    watchlist_unref((*way)->list);
    free(*way);
    *way = NULL;
}

void toll_deinit(struct toll *t)
{
    for (size_t i = 0; i < TOLL_SETS; i++)
        for (size_t j = 0; j < TOLL_WAYS; j++)
            free_line(&t->sets[i][j]);
}

/* ---- telling ---- */

static void tell_number(struct toll *t, const struct toll_line *line, struct str name,
                        struct str word, uint64_t count)
{
    if (count > 0)
        t->tell(t->ctx, line, name, word, count);
}

static void tell_bins(struct toll *t, const struct toll_line *line)
{
    for (unsigned i = 0; i < COURSE_BINS; i++) {
        char digits[STR_U64_BYTES];
        struct str word = { digits, str_put_u64(digits, i) };

        tell_number(t, line, COURSE_SECONDS, word, line->bins[i]);
    }
}

static void tell(struct toll *t, struct toll_line *line)
{
    if (line->count == 0)
        return;
    for (unsigned i = 0; i < WATCH_OUTCOMES; i++)
        tell_number(t, line, COURSE_OUTCOME, str_of(outcome_words[i]), line->outcomes[i]);
    tell_bins(t, line);
    tell_number(t, line, COURSE_MICROUSD, STR("spent"), line->spent_nanousd / 1000);
    tell_number(t, line, COURSE_MICROUSD, STR("saved"), line->saved_microusd);
    line->count = 0;
    memset(line->outcomes, 0, sizeof(line->outcomes));
    memset(line->bins, 0, sizeof(line->bins));
    line->spent_nanousd %= 1000;
    line->saved_microusd = 0;
}

/* ---- finding a line ---- */

static uint64_t hash_of(const struct watch_end *e)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t hash = (e->list->id ^ str_hash(e->version)) * odd, segments;

    _Static_assert(sizeof(segments) == SEGMENT_MOST, "a byte for each segment");
    memcpy(&segments, e->segments, sizeof(segments));
    hash = (hash ^ segments) * odd;
    return hash ^ hash >> 32;
}

static bool is_of(const struct toll_line *line, const struct watch_end *e, uint64_t hash)
{
    return line->hash == hash && line->list->id == e->list->id &&
           memcmp(line->segments, e->segments, SEGMENT_MOST) == 0 &&
           str_eq(line->version, e->version);
}

static struct toll_line *make_line(const struct watch_end *e, uint64_t hash)
{
    struct toll_line *line = mem_new(sizeof(*line) + e->version.len);

    if (e->version.len > 0)
        memcpy((char *)line + sizeof(*line), e->version.at, e->version.len);
    line->version = (struct str){ (char *)line + sizeof(*line), e->version.len };
    line->list = watchlist_ref(e->list);
    line->hash = hash;
    memcpy(line->segments, e->segments, SEGMENT_MOST);
    return line;
}

/* A free way, or that of the line which has waited longest with the least to tell. */
static struct toll_line **make_room(struct toll *t, struct toll_line **set)
{
    struct toll_line **least = set;

    for (size_t i = 0; i < TOLL_WAYS; i++) {
        if (!set[i])
            return &set[i];
        if (set[i]->minute < (*least)->minute ||
            (set[i]->minute == (*least)->minute && set[i]->count < (*least)->count))
            least = &set[i];
    }
    tell(t, *least);
    free_line(least);
    return least;
}

static struct toll_line *line_of(struct toll *t, const struct watch_end *e)
{
    uint64_t hash = hash_of(e);
    struct toll_line **set = t->sets[hash & (TOLL_SETS - 1)], **way;

    for (size_t i = 0; i < TOLL_WAYS; i++)
        if (set[i] && is_of(set[i], e, hash))
            return set[i];
    way = make_room(t, set);
    *way = make_line(e, hash);
    return *way;
}

/* ---- from outside ---- */

void toll_add(struct toll *t, const struct watch_end *e, uint64_t minute)
{
    struct toll_line *line = line_of(t, e);

    if (line->minute != minute)
        tell(t, line);
    line->minute = minute;
    line->count++;
    line->outcomes[e->outcome]++;
    if (e->outcome != WATCH_REJECTED && e->outcome != WATCH_CLIENT_CANCEL)
        line->bins[course_bin(e->total_us)]++;
    if (e->cost_usd > 0)
        line->spent_nanousd += (uint64_t)(e->cost_usd * 1e9 + 0.5);
    line->saved_microusd += e->saved_microusd;
}

bool toll_tell(struct toll *t, size_t sets, uint64_t minute)
{
    for (; sets > 0 && t->next < TOLL_SETS; sets--, t->next++) {
        for (size_t i = 0; i < TOLL_WAYS; i++) {
            struct toll_line **way = &t->sets[t->next][i];

            if (!*way)
                continue;
            tell(t, *way);
            if ((*way)->minute < minute)
                free_line(way);
        }
    }
    if (t->next < TOLL_SETS)
        return false;
    t->next = 0;
    return true;
}
