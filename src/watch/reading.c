/* SPDX-License-Identifier: Apache-2.0 */
#include "reading.h"

#include "weir/base/clock.h"
#include "weir/base/mem.h"
#include "weir/base/scan.h"
#include "weir/watch/fit.h"
#include "weir/watch/variety.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ---- what every model has ---- */

/* STR() is no constant, and these lists are. */
#define NAME(text)             \
    {                          \
        text, sizeof(text) - 1 \
    }

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* clang-format off */

/* A provider may invent reasons; what is not known here is `other`, which is an alarm in itself. */
static const struct str finishes[] = {
    NAME("stop"),          NAME("length"),         NAME("tool_calls"), NAME("function_call"),
    NAME("end_turn"),      NAME("max_tokens"),     NAME("tool_use"),   NAME("stop_sequence"),
    NAME("content_filter"), NAME("refusal"),       NAME("pause_turn"), NAME("completed"),
    NAME("incomplete"),    NAME("model_context_window_exceeded"),
};

static const struct str refusals[] = { NAME("yes"), NAME("no") };
enum { YES = PREDICTION_FIRST, NO };

static const double tokens[] = { 1, 4, 16, 64, 256, 1024, 4096, 16384, 65536 };
static const struct str token_words[] = {
    NAME("le_1"),    NAME("le_4"),    NAME("le_16"),    NAME("le_64"),    NAME("le_256"),
    NAME("le_1024"), NAME("le_4096"), NAME("le_16384"), NAME("le_65536"), NAME("gt_65536"),
};

/* Seconds. */
static const double latencies[] = { 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100 };
static const struct str latency_words[] = {
    NAME("le_0.01"), NAME("le_0.02"), NAME("le_0.05"), NAME("le_0.1"), NAME("le_0.2"),
    NAME("le_0.5"),  NAME("le_1"),    NAME("le_2"),    NAME("le_5"),   NAME("le_10"),
    NAME("le_20"),   NAME("le_50"),   NAME("le_100"),  NAME("gt_100"),
};

/* Dollars. */
static const double costs[] = {
    0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10,
};
static const struct str cost_words[] = {
    NAME("le_0.00001"), NAME("le_0.00003"), NAME("le_0.0001"), NAME("le_0.0003"),
    NAME("le_0.001"),   NAME("le_0.003"),   NAME("le_0.01"),   NAME("le_0.03"),
    NAME("le_0.1"),     NAME("le_0.3"),     NAME("le_1"),      NAME("le_3"),
    NAME("le_10"),      NAME("gt_10"),
};

/* As enum fit_word has them, but for its first. */
static const struct str fits[] = { NAME("yes"), NAME("no"), NAME("not_json"), NAME("unknown") };

enum { FINISH_REASON, OUTPUT_TOKENS, REFUSAL, INPUT_TOKENS, LATENCY, COST, SCHEMA_FIT };

#define LABELS(list) .kind = PREDICTION_LABEL, .labels = (list), .label_count = COUNT(list)
#define BINS(list, words) \
    .kind = PREDICTION_NUMBER, .bounds = (list), .bound_words = (words), .bound_count = COUNT(list)

static const struct prediction built_in[READING_BUILT_IN] = {
    [FINISH_REASON] = { .name = NAME("finish_reason"), LABELS(finishes) },
    [OUTPUT_TOKENS] = { .name = NAME("output_tokens"), BINS(tokens, token_words) },
    [REFUSAL]       = { .name = NAME("refusal"),       LABELS(refusals) },
    [INPUT_TOKENS]  = { .name = NAME("input_tokens"),  BINS(tokens, token_words) },
    [LATENCY]       = { .name = NAME("latency"),       BINS(latencies, latency_words) },
    [COST]          = { .name = NAME("cost"),          BINS(costs, cost_words) },
    [SCHEMA_FIT]    = { .name = NAME("schema_fit"),    LABELS(fits) },
};

/* clang-format on */

const struct prediction *reading_built_in(struct str name)
{
    for (size_t i = 0; i < READING_BUILT_IN; i++)
        if (str_eq(built_in[i].name, name))
            return &built_in[i];
    return NULL;
}

bool reading_is_built_in(struct str name)
{
    return str_starts(name, STR("field:")) || str_starts(name, STR("~")) ||
           str_eq(name, READING_RETURNED_MODEL) || str_eq(name, READING_FINGERPRINT) ||
           reading_built_in(name);
}

const struct prediction *reading_prediction(const struct watchlist *l, size_t i)
{
    return i < READING_BUILT_IN ? &built_in[i] : &l->predictions[i - READING_BUILT_IN];
}

bool reading_is_metered(size_t i)
{
    return i != LATENCY && i != COST;
}

/* ---- reading ---- */

static unsigned tokens_of(const struct prediction *p, int64_t count)
{
    return count < 0 ? (unsigned)PREDICTION_MISSING : prediction_bin(p, (double)count);
}

/* What an answer took and cost is told of those that a model has just given. */
static void read_built_in(struct reading *r, const struct watch_answer *a)
{
    unsigned places[READING_BUILT_IN] = {
        [FINISH_REASON] = a->finish_reason.len == 0
                              ? (unsigned)PREDICTION_MISSING
                              : prediction_label(&built_in[FINISH_REASON], a->finish_reason),
        [OUTPUT_TOKENS] = tokens_of(&built_in[OUTPUT_TOKENS], a->completion_tokens),
        [REFUSAL] = a->refusal ? YES : NO,
        [INPUT_TOKENS] = tokens_of(&built_in[INPUT_TOKENS], a->prompt_tokens),
        [LATENCY] = READING_UNCOUNTED,
        [COST] = READING_UNCOUNTED,
        [SCHEMA_FIT] = READING_UNCOUNTED,
    };

    if (a->source == WATCH_FRESH && a->took_us > 0)
        places[LATENCY] = prediction_bin(&built_in[LATENCY], (double)a->took_us / 1e6);
    if (a->source == WATCH_FRESH && a->cost_usd > 0)
        places[COST] = prediction_bin(&built_in[COST], a->cost_usd);
    for (size_t i = 0; i < READING_BUILT_IN; i++)
        r->places[r->count++] = (uint8_t)places[i];
}

/* Who refuses, or is kept from speaking, is asked for no form. */
static bool is_silent(const struct watch_answer *a)
{
    return a->refusal || str_eq(a->finish_reason, STR("refusal")) ||
           str_eq(a->finish_reason, STR("content_filter"));
}

static unsigned fit_place(const struct watch_answer *a, struct fit *fit)
{
    enum fit_word word;

    if (is_silent(a))
        return READING_UNCOUNTED;
    word = fit_of(fit, a->request, a->body);
    return word == FIT_UNASKED ? READING_UNCOUNTED : PREDICTION_FIRST + (unsigned)word - 1;
}

enum { DAY_MS = 24 * 60 * 60 * 1000 };

/* A text is checked once, and only if something reads it. */
struct text {
    struct str json;
    bool is_new; /* not of an answer that was read before */
    bool checked, good;
};

static unsigned read_text(const struct prediction *p, struct text *t)
{
    uint64_t seen;
    unsigned place;

    if (!t->json.at)
        return READING_UNCOUNTED;
    if (!t->checked) {
        t->checked = true;
        t->good = scan_check(t->json, NULL) == OK;
    }
    if (!t->good)
        return PREDICTION_INVALID;
    place = prediction_see(p, t->json, &seen);
    if (seen != 0 && p->variety && t->is_new)
        variety_add(p->variety, clock_wall_ms() / DAY_MS, seen);
    return place;
}

static void read_list(struct reading *r, const struct watch_answer *a)
{
    bool is_new = a->source == WATCH_FRESH;
    struct text answer = { .json = a->body, .is_new = is_new };
    struct text request = { .json = a->request, .is_new = is_new };

    for (size_t i = 0; i < a->list->prediction_count && r->count < READING_WORDS; i++) {
        const struct prediction *p = &a->list->predictions[i];

        r->places[r->count++] = (uint8_t)read_text(p, p->of_request ? &request : &answer);
    }
}

static void read_answer(struct reading *r, const struct watch_answer *a, struct fit *fit)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);

    *r = (struct reading){ .list = a->list->id };
    read_built_in(r, a);
    r->places[SCHEMA_FIT] = (uint8_t)fit_place(a, fit);
    read_list(r, a);
    r->hash = str_hash((struct str){ (const char *)r->places, r->count }) * odd ^
              str_hash(a->version);
}

/* ---- remembering ---- */

/* Notes stay as long as the entry, so there may not be any number of them. */
enum { MOST_NOTES = 16 };

static size_t size_of(const struct reading *r)
{
    return offsetof(struct reading, places) + r->count;
}

/* Only readings are noted at entries. */
static const struct reading *noted(struct entry_note *note, uint64_t list, unsigned *count)
{
    for (; note; note = note->older) {
        const struct reading *r = container_of(note, struct reading, note);

        if (r->list == list)
            return r;
        ++*count;
    }
    return NULL;
}

static void remember(struct entry *e, struct entry_note *newest, const struct reading *r)
{
    struct reading *kept = mem_new(size_of(r));

    memcpy(kept, r, size_of(r));
    if (!entry_add_note(e, newest, &kept->note))
        free(kept); /* another thread has read it meanwhile */
}

const struct reading *reading_of(const struct watch_answer *a, struct fit *fit,
                                 struct reading *room)
{
    struct entry_note *newest = NULL;
    const struct reading *known;
    unsigned notes = 0;

    if (a->entry)
        newest = atomic_load_explicit(&a->entry->note, memory_order_acquire);
    known = noted(newest, a->list->id, &notes);
    if (known)
        return known;
    read_answer(room, a, fit);
    if (a->entry && notes < MOST_NOTES)
        remember(a->entry, newest, room);
    return room;
}

void reading_copy(struct reading *to, const struct reading *from)
{
    memcpy(to, from, size_of(from));
}

bool reading_same(const struct reading *a, const struct reading *b)
{
    return a->hash == b->hash && a->list == b->list && a->count == b->count &&
           memcmp(a->places, b->places, a->count) == 0;
}
