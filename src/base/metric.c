/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/metric.h"

#include "metric_parts.h"
#include "weir/base/clock.h"
#include "weir/base/ensure.h"
#include "weir/base/mem.h"
#include "weir/base/utf8.h"

#include <stdlib.h>
#include <string.h>

/*
 * A shard's table is open addressing at most half full; it belongs to one thread, which alone
 * reads and writes it. Counting is: hash the labels, probe, add with relaxed atomics. The
 * first use of a series in a shard takes the lock and looks it up among all series.
 */
struct slot {
    uint64_t hash;
    struct metric_cell *cell; /* owned by its series */
};

struct metric_shard {
    struct metrics *all;
    struct metric_shard *next;
    struct slot *slots;
    size_t slot_count; /* a power of two */
    size_t used;
};

enum { FIRST_SLOTS = 64 };

/* clang-format off */
static const struct {
    const char *name;
    enum metric_type type;
    const char *labels;
    const char *help;
} rows[METRIC_COUNT] = {
#define M(name, type, text, labels, help) [METRIC_##name] = { text, METRIC_##type, labels, help },
    METRICS(M)
#undef M
};
/* clang-format on */

void metric_parts_put_label(struct buf *out, struct str name, struct str value)
{
    char replacement[UTF8_LONGEST];
    size_t replacement_len = utf8_put(replacement, UTF8_REPLACEMENT);

    buf_put(out, name);
    buf_put(out, STR("=\""));
    for (size_t i = 0; i < value.len;) {
        size_t len = utf8_length(value.at + i, value.len - i);

        if (len == 0)
            buf_put(out, (struct str){ replacement, replacement_len });
        else if (value.at[i] == '\n')
            buf_put(out, STR("\\n"));
        else if (value.at[i] == '"' || value.at[i] == '\\')
            buf_put(out, (struct str){ (char[]){ '\\', value.at[i] }, 2 });
        else
            buf_put(out, (struct str){ value.at + i, len });
        i += len == 0 ? 1 : len;
    }
    buf_put(out, STR("\""));
}

/* Under the lock, or before there are threads. */
static struct metric_series *add_series(struct metric_family *f, const struct str *labels)
{
    struct metric_series *s = MEM_NEW(struct metric_series);
    size_t size = 0;
    char *at;

    for (unsigned i = 0; i < f->label_count; i++)
        size += labels[i].len;
    s->memory = at = mem_new(size);
    for (unsigned i = 0; i < f->label_count; i++) {
        s->labels[i] = (struct str){ at, labels[i].len };
        if (labels[i].len > 0)
            memcpy(at, labels[i].at, labels[i].len);
        at += labels[i].len;
        if (i > 0)
            buf_put(&s->text, STR(","));
        metric_parts_put_label(&s->text, f->labels[i], s->labels[i]);
    }
    if (f->last)
        atomic_store_explicit(&f->last->next, s, memory_order_release);
    else
        atomic_store_explicit(&f->first, s, memory_order_release);
    f->last = s;
    f->size++;
    return s;
}

struct metrics *metrics_new(void)
{
    struct metrics *m = MEM_NEW(struct metrics);
    int failed = pthread_mutex_init(&m->lock, NULL);

    ensure(!failed);
    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        struct metric_family *f = &m->families[i];
        struct str rest = str_of(rows[i].labels), label;

        f->metric = (enum metric)i;
        f->type = rows[i].type;
        f->name = str_of(rows[i].name);
        f->help = str_of(rows[i].help);
        while (str_split(&rest, ',', &label)) {
            ensure(f->label_count < METRIC_LABELS);
            f->labels[f->label_count++] = label;
        }
        /* Without labels there is one series, and its zero says that nothing happened yet. */
        if (f->label_count == 0)
            (void)add_series(f, NULL);
    }
    return m;
}

static void free_series(struct metric_series *s)
{
    struct metric_cell *cell = s->cells;

    while (cell) {
        struct metric_cell *next = cell->next;

        free(cell->values);
        free(cell->latest);
        free(cell);
        cell = next;
    }
    buf_deinit(&s->text);
    free(s->memory);
    free(s);
}

void metrics_free(struct metrics *m)
{
    if (!m)
        return;
    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        struct metric_series *s = m->families[i].first;

        while (s) {
            struct metric_series *next = s->next;

            free_series(s);
            s = next;
        }
    }
    while (m->shards) {
        struct metric_shard *next = m->shards->next;

        free(m->shards->slots);
        free(m->shards);
        m->shards = next;
    }
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

struct metric_shard *metrics_shard(struct metrics *m)
{
    struct metric_shard *s = MEM_NEW(struct metric_shard);

    s->all = m;
    s->slot_count = FIRST_SLOTS;
    s->slots = mem_new_array(s->slot_count, sizeof(*s->slots));
    (void)pthread_mutex_lock(&m->lock);
    s->next = m->shards;
    m->shards = s;
    (void)pthread_mutex_unlock(&m->lock);
    return s;
}

static uint64_t hash_of(const struct metric_family *f, const struct str *labels)
{
    uint64_t hash = f->metric + UINT64_C(1);

    for (unsigned i = 0; i < f->label_count; i++)
        hash = (hash ^ str_hash(labels[i])) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

static bool same_labels(const struct metric_family *f, const struct metric_series *s,
                        const struct str *labels)
{
    for (unsigned i = 0; i < f->label_count; i++) {
        if (!str_eq(s->labels[i], labels[i]))
            return false;
    }
    return true;
}

static struct metric_series *find_series(struct metric_family *f, const struct str *labels)
{
    struct metric_series *s = f->first;

    while (s && !same_labels(f, s, labels))
        s = s->next;
    return s;
}

/* The slot of a series in this shard, or the empty one where it would go. */
static struct slot *find_slot(const struct metric_shard *s, const struct metric_family *f,
                              const struct str *labels, uint64_t hash)
{
    size_t i = hash & (s->slot_count - 1);

    while (s->slots[i].cell) {
        const struct slot *slot = &s->slots[i];

        if (slot->hash == hash && slot->cell->metric == f->metric &&
            same_labels(f, slot->cell->series, labels))
            break;
        i = (i + 1) & (s->slot_count - 1);
    }
    return &s->slots[i];
}

static void grow(struct metric_shard *s)
{
    struct slot *old = s->slots;
    size_t count = s->slot_count;

    s->slot_count = count * 2;
    s->slots = mem_new_array(s->slot_count, sizeof(*s->slots));
    for (size_t i = 0; i < count; i++) {
        size_t to = old[i].hash & (s->slot_count - 1);

        if (!old[i].cell)
            continue;
        while (s->slots[to].cell)
            to = (to + 1) & (s->slot_count - 1);
        s->slots[to] = old[i];
    }
    free(old);
}

static struct metric_cell *add_cell(struct metric_family *f, struct metric_series *series)
{
    struct metric_cell *cell = MEM_NEW(struct metric_cell);

    cell->metric = f->metric;
    cell->series = series;
    if (f->type == METRIC_HISTOGRAM)
        cell->values = MEM_NEW(struct quantile);
    if (f->metric == METRIC_REQUEST_SECONDS)
        cell->latest = MEM_NEW(struct minute);
    cell->next = atomic_load_explicit(&series->cells, memory_order_relaxed);
    atomic_store_explicit(&series->cells, cell, memory_order_release);
    return cell;
}

static unsigned room_of(const struct metric_family *f)
{
    bool changing = f->metric == METRIC_DRIFT_SCORE || f->metric == METRIC_DRIFT_ALARM;

    return changing ? METRIC_EVER : METRIC_SERIES;
}

/* A full family's last place is that of "other"; false if `labels` must be counted there. */
static bool make_cell(struct metric_shard *s, struct metric_family *f, const struct str *labels,
                      bool is_other)
{
    struct metric_series *series;
    struct metric_cell *cell = NULL;
    uint64_t hash = hash_of(f, labels);

    (void)pthread_mutex_lock(&s->all->lock);
    series = find_series(f, labels);
    if (!series && (f->size < room_of(f) - 1 || is_other))
        series = add_series(f, labels);
    if (series)
        cell = add_cell(f, series);
    (void)pthread_mutex_unlock(&s->all->lock);
    if (!cell)
        return false;
    if (++s->used * 2 > s->slot_count)
        grow(s);
    *find_slot(s, f, labels, hash) = (struct slot){ hash, cell };
    return true;
}

static struct metric_cell *cell_of(struct metric_shard *s, enum metric m,
                                   const struct str *labels)
{
    struct metric_family *f = &s->all->families[m];
    uint64_t hash = hash_of(f, labels);
    struct slot *slot = find_slot(s, f, labels, hash);
    struct str other[METRIC_LABELS];

    if (slot->cell)
        return slot->cell;
    if (make_cell(s, f, labels, false))
        return find_slot(s, f, labels, hash)->cell;

    for (unsigned i = 0; i < METRIC_LABELS; i++)
        other[i] = STR("other");
    hash = hash_of(f, other);
    slot = find_slot(s, f, other, hash);
    if (!slot->cell) {
        (void)make_cell(s, f, other, true);
        slot = find_slot(s, f, other, hash);
    }
    return slot->cell;
}

struct metric_cell *metric_cell(struct metric_shard *s, enum metric m, const struct str *labels)
{
    return cell_of(s, m, labels);
}

/* One writer: a load and a store are enough, and cost no locked instruction. */
void metric_cell_add(struct metric_cell *c, int64_t by)
{
    int64_t have = atomic_load_explicit(&c->value, memory_order_relaxed);

    ensure(!c->values);
    if (have == METRIC_ABSENT)
        have = 0;
    atomic_store_explicit(&c->value, have + by, memory_order_relaxed);
}

void metric_add(struct metric_shard *s, enum metric m, int64_t by, const struct str *labels)
{
    metric_cell_add(cell_of(s, m, labels), by);
}

void metric_set(struct metric_shard *s, enum metric m, int64_t to, const struct str *labels)
{
    struct metric_cell *cell = cell_of(s, m, labels);

    ensure(!cell->values);
    atomic_store_explicit(&cell->value, to, memory_order_relaxed);
}

void metric_observe(struct metric_shard *s, enum metric m, double value,
                    const struct str *labels)
{
    struct metric_cell *cell = cell_of(s, m, labels);

    ensure(cell->values);
    if (m == METRIC_TOKENS)
        value /= METRIC_TOKEN_SCALE;
    quantile_add(cell->values, value);
    if (cell->latest)
        minute_add(cell->latest, clock_now_us(), value);
}

/* A LEAST family tells the worst of the threads that have set it. */
static int64_t least_of(const struct metric_series *series)
{
    int64_t least = INT64_MAX;

    for (const struct metric_cell *cell = series->cells; cell; cell = cell->next) {
        int64_t value = atomic_load_explicit(&cell->value, memory_order_relaxed);

        least = value < least ? value : least;
    }
    return series->cells ? least : 0;
}

int64_t metric_series_sum(const struct metric_family *f, const struct metric_series *series)
{
    int64_t sum = 0, value;

    if (f->type == METRIC_LEAST)
        return least_of(series);
    for (const struct metric_cell *cell = series->cells; cell; cell = cell->next) {
        if (cell->values)
            value = (int64_t)atomic_load_explicit(&cell->values->count, memory_order_relaxed);
        else
            value = atomic_load_explicit(&cell->value, memory_order_relaxed);
        if (value == METRIC_ABSENT)
            return METRIC_ABSENT;
        sum += value;
    }
    return sum;
}

int64_t metric_read(struct metrics *m, enum metric which, const struct str *labels)
{
    struct metric_family *f = &m->families[which];
    const struct metric_series *series = find_series(f, labels);

    return series ? metric_series_sum(f, series) : 0;
}

void metrics_each(struct metrics *m, enum metric which, metrics_each_fn *fn, void *ctx)
{
    for (const struct metric_series *s = m->families[which].first; s; s = s->next)
        fn(ctx, s->labels, metric_series_sum(&m->families[which], s));
}
