/* SPDX-License-Identifier: Apache-2.0 */
#include "store_inner.h"

#include "weir/base/log.h"
#include "weir/base/mem.h"
#include "weir/net/loop.h"
#include "weir/watch/ticks.h"

#include "meaning.h"
#include "member.h"
#include "statefile.h"

#include <stdlib.h>
#include <string.h>

/*
 * One process by itself. Ticks come from its own memory and are gone once they were folded,
 * but for a day of them that is kept for making baselines by hand; all else is in one file
 * (statefile.h).
 */

enum { KEPT_TICKS = 1440, MOST_KEPT = 64 << 10 };

struct kept {
    uint64_t tick;
    struct subject *subject; /* lent by the book, which forgets none without Redis */
    uint32_t meaning;
    struct counts counts;
};

struct store_file {
    struct store store;
    struct loop *loop;   /* lent */
    struct ticks *ticks; /* lent */
    char *path;          /* NULL: nothing outlives the process */
    bool loaded;
    bool failing;      /* the last writing failed */
    uint64_t taken;    /* the last tick that was taken */
    struct kept *kept; /* a ring of MOST_KEPT */
    size_t kept_first, kept_count;
};

static struct store_file *file_of(struct store *s)
{
    return container_of(s, struct store_file, store);
}

/* ---- ends that come later ------------------------------------------------------------------ */

struct ending {
    struct deferred turn;
    struct store_op *op;
    enum err err;
};

static void on_turn(struct deferred *d)
{
    struct ending *e = container_of(d, struct ending, turn);
    struct store_op *op = e->op;
    enum err err = e->err;

    free(e);
    op->on_done(op, err);
}

static void end_later(struct store_file *s, struct store_op *op, enum err err)
{
    struct ending *e = MEM_NEW(struct ending);

    e->op = op;
    e->err = err;
    loop_defer(s->loop, &e->turn, on_turn);
}

/* ---- operations ---------------------------------------------------------------------------- */

static void file_load(struct store *store, struct book *b, const struct store_now *now,
                      struct store_op *op)
{
    struct store_file *s = file_of(store);

    (void)now;
    if (!s->loaded)
        statefile_read(s->path, b);
    s->loaded = true;
    b->ours = true;
    book_forget(b, now->oldest);
    for (size_t i = 0; i < b->subject_count; i++)
        b->subjects[i]->unread = false;
    end_later(s, op, OK);
}

static void keep(struct store_file *s, struct subject *subject, const struct drift_tick *t)
{
    struct kept *slot = &s->kept[(s->kept_first + s->kept_count) % MOST_KEPT];

    if (s->kept_count == MOST_KEPT) {
        counts_deinit(&slot->counts);
        s->kept_first = (s->kept_first + 1) % MOST_KEPT;
    } else {
        s->kept_count++;
    }
    *slot = (struct kept){ .tick = t->tick, .subject = subject, .meaning = t->meaning };
    counts_merge(&slot->counts, t->counts);
}

static void forget_old(struct store_file *s, uint64_t tick)
{
    while (s->kept_count > 0 && s->kept[s->kept_first].tick + KEPT_TICKS < tick) {
        counts_deinit(&s->kept[s->kept_first].counts);
        s->kept_first = (s->kept_first + 1) % MOST_KEPT;
        s->kept_count--;
    }
}

/*
 * One tick on its way from the process's memory to who folds it, histogram by histogram: all of
 * them first, for some are held against others.
 */
struct taken {
    struct subject *subject;
    uint32_t meaning;
    bool mixed; /* of several */
    struct counts counts;
};

struct taking {
    struct book *book;
    struct taken *all; /* owned */
    size_t count, capacity;
    struct buf member;
};

static struct taken *add_taken(struct taking *t, struct subject *subject)
{
    if (t->count == t->capacity) {
        t->capacity = t->capacity > 0 ? 2 * t->capacity : 16;
        t->all = mem_grow(t->all, t->capacity * sizeof(t->all[0]));
    }
    t->all[t->count] = (struct taken){ .subject = subject };
    return &t->all[t->count++];
}

/* What the control said: nothing of use where it was counted by another definition. */
static const struct counts *find_control(const struct taking *t, struct str member,
                                         const struct taken *of)
{
    for (size_t i = 0; i < t->count; i++)
        if (str_eq(t->all[i].subject->member, member))
            return t->all[i].mixed || meaning_differs(t->all[i].meaning, of->meaning)
                       ? NULL
                       : &t->all[i].counts;
    return NULL;
}

static void hand_over(struct taking *t, struct store_file *s, const struct store_feed *feed,
                      uint64_t tick)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct taken *taken = &t->all[i];
        struct subject *subject = taken->subject;
        struct drift_tick told = { .tick = tick,
                                   .counts = &taken->counts,
                                   .meaning = taken->meaning,
                                   .mixed = taken->mixed };

        if (told.counts->size == 0)
            continue;
        subject->last = tick;
        subject->unread = false;
        if (!told.mixed)
            keep(s, subject, &told);
        buf_reset(&t->member);
        if (subject_put_control(subject, &t->member))
            told.control = find_control(t, buf_str(&t->member), taken);
        feed->each(feed->ctx, subject, &told);
    }
}

static void end_taking(struct taking *t)
{
    for (size_t i = 0; i < t->count; i++)
        counts_deinit(&t->all[i].counts);
    free(t->all);
    buf_deinit(&t->member);
}

static void on_cell(void *ctx, const struct tick_histogram *of, struct str value,
                    uint64_t count)
{
    struct taking *t = ctx;
    struct taken *last = t->count > 0 ? &t->all[t->count - 1] : NULL;

    buf_reset(&t->member);
    member_put(&t->member, of);
    if (!last || !str_eq(last->subject->member, buf_str(&t->member))) {
        struct subject *subject = book_subject(t->book, buf_str(&t->member));

        if (!subject)
            return;
        last = add_taken(t, subject);
        last->meaning = of->meaning;
    }
    last->mixed = last->mixed || last->meaning != of->meaning;
    counts_add(&last->counts, value, count);
}

static void file_feed(struct store *store, struct book *b, const struct store_feed *feed,
                      struct store_op *op)
{
    struct store_file *s = file_of(store);
    uint64_t back = feed->upto > STORE_CATCH_UP ? feed->upto - STORE_CATCH_UP : 0;

    if (s->taken < back)
        s->taken = back;
    while (s->taken < feed->upto) {
        struct taking t = { .book = b };

        ticks_take(s->ticks, ++s->taken, on_cell, &t);
        hand_over(&t, s, feed, s->taken);
        end_taking(&t);
    }
    forget_old(s, feed->upto);
    end_later(s, op, OK);
}

/* A fault that lasts is told once, and once more when it is over. */
static enum err write_down(struct store_file *s, const struct book *b)
{
    struct fault why = { 0 };
    enum err err = statefile_write(s->path, b, &why);

    if (err && !s->failing)
        log_error("drift_state_not_written", F_TEXT("file", s->path), F_TEXT("why", why.text));
    else if (!err && s->failing)
        log_info("drift_state_written", F_TEXT("file", s->path));
    s->failing = err != OK;
    return err;
}

static void file_save(struct store *store, struct book *b, struct store_op *op)
{
    struct store_file *s = file_of(store);
    enum err err;

    book_rows_written(b);
    err = write_down(s, b);
    for (size_t i = 0; !err && i < b->subject_count; i++)
        b->subjects[i]->unsaved = false;
    end_later(s, op, err);
}

static void file_edit(struct store *store, struct book *b, const struct edit *edit,
                      struct store_op *op)
{
    struct store_file *s = file_of(store);

    store_apply(b, edit);
    end_later(s, op, write_down(s, b));
}

static void file_recall(struct store *store, const struct store_recall *recall,
                        struct store_op *op)
{
    struct store_file *s = file_of(store);

    for (size_t i = 0; i < s->kept_count; i++) {
        const struct kept *k = &s->kept[(s->kept_first + i) % MOST_KEPT];

        if (k->tick >= recall->from && k->tick <= recall->to &&
            str_eq(k->subject->member, recall->member) &&
            !meaning_differs(k->meaning, recall->meaning))
            recall->each(recall->ctx, k->tick, false, &k->counts);
    }
    end_later(s, op, OK);
}

static void file_leave(struct store *store)
{
    (void)store; /* there is nobody else */
}

static void file_free(struct store *store)
{
    struct store_file *s = file_of(store);

    for (size_t i = 0; i < s->kept_count; i++)
        counts_deinit(&s->kept[(s->kept_first + i) % MOST_KEPT].counts);
    free(s->kept);
    free(s->path);
    free(s);
}

struct store *store_file_new(struct loop *loop, struct ticks *ticks, struct str path)
{
    static const struct store_kind kind = {
        file_load, file_feed, file_save, file_edit, file_recall, file_leave, file_free,
    };
    struct store_file *s = MEM_NEW(struct store_file);

    s->store.kind = &kind;
    s->loop = loop;
    s->ticks = ticks;
    if (path.len > 0) {
        s->path = mem_new(path.len + 1);
        memcpy(s->path, path.at, path.len);
    }
    s->kept = mem_new_array(MOST_KEPT, sizeof(struct kept));
    return &s->store;
}
