/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/cache/flight.h"

#include "tape.h"
#include "weir/base/ensure.h"
#include "weir/base/list.h"
#include "weir/base/mem.h"
#include "weir/base/metric.h"

#include <pthread.h>
#include <stdlib.h>

/*
 * Each seat has a box: what other threads may touch of it, and the letter that brings its news.
 * A box outlives its seat while the letter is under way; it is freed on its owner's thread, by
 * whoever comes last, the letter or the seat. Its `seat` is the owner's thread's alone; all
 * else is under the lock of the shard that holds the flight.
 *
 * What always holds: a flight in the table has a leader, and all others aboard are on its list
 * of followers; a box aboard is on exactly one flight; a box that is off gets no more letters,
 * so a loop gets none once all its seats have left.
 */

enum {
    SHARDS = 16,
    BUCKETS = 128, /* flights last as long as one upstream call: a few thousand in all */
};

struct flight {
    struct link link; /* in its bucket */
    struct digest key;
    struct flight_box *leader;
    struct link followers; /* the one who came first is the first to be promoted */
    struct tape *tape;     /* NULL until the leader writes */
};

struct shard {
    pthread_mutex_t lock;
    struct link buckets[BUCKETS];
};

struct flights {
    struct shard shards[SHARDS];
};

struct flight_box {
    struct letter letter;
    struct flight_seat *seat; /* NULL once it has left */
    struct loop *loop;        /* lent */
    struct shard *shard;
    struct flight *flight; /* NULL once it has landed or left */
    struct link link;      /* among the followers */
    struct tape *tape;     /* once landed: what it may read on; one reference */
    struct tape_cursor cursor;
    struct entry *answer;
    enum err err;
    bool wants_log;
    bool landed;
    bool promoted;   /* and not yet told */
    bool letter_out; /* under way to the owner's thread */
};

/* ---- the table --------------------------------------------------------------------- */

struct flights *flights_new(void)
{
    struct flights *all = MEM_NEW(struct flights);

    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&all->shards[i].lock, NULL);
        for (size_t j = 0; j < BUCKETS; j++)
            link_init(&all->shards[i].buckets[j]);
    }
    return all;
}

void flights_free(struct flights *all)
{
    if (!all)
        return;
    for (size_t i = 0; i < SHARDS; i++) {
        for (size_t j = 0; j < BUCKETS; j++)
            ensure(!link_is_in(&all->shards[i].buckets[j]));
        pthread_mutex_destroy(&all->shards[i].lock);
    }
    free(all);
}

static struct shard *shard_of(struct flights *all, const struct digest *key)
{
    return &all->shards[digest_word(key) % SHARDS];
}

static struct link *bucket_of(struct shard *shard, const struct digest *key)
{
    return &shard->buckets[digest_word(key) / SHARDS % BUCKETS];
}

static struct flight *find(struct shard *shard, const struct digest *key)
{
    struct link *bucket = bucket_of(shard, key);

    for (struct link *l = bucket->next; l != bucket; l = l->next) {
        struct flight *f = container_of(l, struct flight, link);

        if (memcmp(&f->key, key, sizeof(*key)) == 0)
            return f;
    }
    return NULL;
}

/* Counts in the shard of the calling thread; one thread may add what another takes off. */
static void count(const struct flight_box *by, int64_t flights, int64_t followers)
{
    if (flights != 0)
        metric_add(loop_shard(by->loop), METRIC_FLIGHTS, flights, NULL);
    if (followers != 0)
        metric_add(loop_shard(by->loop), METRIC_FOLLOWERS, followers, NULL);
}

/* ---- letters ----------------------------------------------------------------------- */

static void free_box(struct flight_box *b)
{
    tape_unref(b->tape);
    entry_unref(b->answer);
    free(b);
}

static void on_opened(struct letter *l)
{
    struct flight_box *b = container_of(l, struct flight_box, letter);
    struct flight_seat *s = b->seat;
    bool landed;
    bool promoted;
    enum err before;

    pthread_mutex_lock(&b->shard->lock);
    b->letter_out = false;
    landed = b->landed;
    promoted = b->promoted;
    before = b->err;
    b->promoted = false;
    pthread_mutex_unlock(&b->shard->lock);

    if (!s) {
        free_box(b);
        return;
    }
    if (landed) {
        s->state = FLIGHT_LANDED;
        s->err = b->err;
        s->answer = steal(&b->answer);
        if (!b->tape) {
            s->box = NULL; /* there is nothing to read on */
            free_box(b);
        }
    } else if (promoted) {
        s->state = FLIGHT_PROMOTED;
        s->err = before;
    } else if (s->state == FLIGHT_PROMOTED) {
        s->state = FLIGHT_LEADS; /* that it has been promoted is told once */
    }
    s->on_news(s); /* which may free the seat */
}

/* Under the lock: a letter already under way will tell this as well. */
static void nudge(struct flight_box *b)
{
    if (b->letter_out)
        return;
    b->letter_out = true;
    loop_send(b->loop, &b->letter, on_opened);
}

/* Takes the box from its seat, which is off the flight; after the lock has been given back. */
static void discard(struct flight_seat *s, bool letter_out)
{
    struct flight_box *b = s->box;

    s->box = NULL;
    s->state = FLIGHT_NONE;
    b->seat = NULL;
    if (!letter_out)
        free_box(b);
}

/* ---- joining ----------------------------------------------------------------------- */

static struct flight *start(struct shard *shard, const struct digest *key,
                            struct flight_box *leader)
{
    struct flight *f = MEM_NEW(struct flight);

    f->key = *key;
    f->leader = leader;
    link_init(&f->followers);
    link_before(bucket_of(shard, key), &f->link);
    return f;
}

enum flight_state flight_join(struct flights *all, const struct digest *key, struct loop *loop,
                              struct flight_seat *s, flight_fn *on_news)
{
    struct flight_box *b;

    flight_leave(s); /* the log of a flight that has landed */
    b = MEM_NEW(struct flight_box);
    b->seat = s;
    b->loop = loop;
    b->shard = shard_of(all, key);
    link_init(&b->link);

    pthread_mutex_lock(&b->shard->lock);
    b->flight = find(b->shard, key);
    s->state = b->flight ? FLIGHT_FOLLOWS : FLIGHT_LEADS;
    if (b->flight)
        link_before(&b->flight->followers, &b->link);
    else
        b->flight = start(b->shard, key, b);
    pthread_mutex_unlock(&b->shard->lock);

    s->err = OK;
    s->answer = NULL;
    s->on_news = on_news;
    s->box = b;
    count(b, s->state == FLIGHT_LEADS, s->state == FLIGHT_FOLLOWS);
    return s->state;
}

/* ---- ends, under the lock ---------------------------------------------------------- */

/* A follower is off the flight; it may read on what is on the tape. */
static void disembark(struct flight_box *b, enum err err, struct entry *answer)
{
    if (b->wants_log && b->flight->tape)
        b->tape = tape_ref(b->flight->tape);
    link_out(&b->link);
    b->flight = NULL;
    b->landed = true;
    b->err = err;
    b->answer = answer ? entry_ref(answer) : NULL;
    nudge(b);
}

static bool goes_on(const struct flight_box *b, enum err err, const struct entry *answer)
{
    const struct tape *tape = b->flight->tape;

    if (answer)
        return false;
    if (err)
        return b->cursor.read == 0;
    return !(b->wants_log && tape);
}

/* Returns how many have landed. */
static int64_t land_followers(struct flight *f, enum err err, struct entry *answer)
{
    struct link *next;
    int64_t landed = 0;

    for (struct link *l = f->followers.next; l != &f->followers; l = next) {
        struct flight_box *b = container_of(l, struct flight_box, link);

        next = l->next;
        if (goes_on(b, err, answer))
            continue;
        disembark(b, err, answer);
        landed++;
    }
    return landed;
}

/* False: there is nobody to lead. */
static bool promote(struct flight *f, enum err err)
{
    struct link *first = list_pop(&f->followers);

    f->tape = NULL;
    f->leader = first ? container_of(first, struct flight_box, link) : NULL;
    if (!f->leader)
        return false;
    f->leader->promoted = true;
    f->leader->err = err;
    nudge(f->leader);
    return true;
}

/* The leader goes, and with it the lock. */
static void step_down(struct flight_seat *s, enum err err, struct entry *answer)
{
    struct flight_box *b = s->box;
    struct flight *f = b->flight;
    struct tape *tape = f->tape;
    int64_t landed = land_followers(f, err, answer);
    bool goes_on_without = promote(f, err);
    bool letter_out = b->letter_out;

    b->flight = NULL;
    if (!goes_on_without)
        link_out(&f->link);
    pthread_mutex_unlock(&b->shard->lock);

    count(b, goes_on_without ? 0 : -1, -landed - goes_on_without);
    tape_unref(tape);
    if (!goes_on_without)
        free(f);
    discard(s, letter_out);
}

/* ---- the leader -------------------------------------------------------------------- */

static struct flight *lock_as_leader(const struct flight_seat *s)
{
    ensure(s->state == FLIGHT_LEADS || s->state == FLIGHT_PROMOTED);
    pthread_mutex_lock(&s->box->shard->lock);
    ensure(s->box->flight && s->box->flight->leader == s->box);
    return s->box->flight;
}

static void tell_readers(struct flight *f)
{
    for (struct link *l = f->followers.next; l != &f->followers; l = l->next) {
        struct flight_box *b = container_of(l, struct flight_box, link);

        if (b->wants_log)
            nudge(b);
    }
}

/* Those who have begun to read cannot be given the rest; the others, and who comes from now on,
   have a flight of their own. Returns how many have landed. */
static int64_t part(struct flight *f, struct flight **others)
{
    int64_t landed = land_followers(f, ERR_TOO_LONG, NULL);
    struct link *l;

    link_out(&f->link);
    nudge(f->leader);
    if (!link_is_in(&f->followers))
        return landed;
    *others = start(f->leader->shard, &f->key, NULL);
    while ((l = list_pop(&f->followers))) {
        container_of(l, struct flight_box, link)->flight = *others;
        link_before(&(*others)->followers, l);
    }
    (void)promote(*others, OK);
    return landed;
}

bool flight_write(struct flight_seat *s, struct str bytes)
{
    struct flight *f = lock_as_leader(s);
    struct flight *others = NULL;
    int64_t landed = 0;
    bool written;

    if (!f->tape)
        f->tape = tape_new();
    written = tape_add(f->tape, bytes);
    if (written)
        tell_readers(f);
    else if (link_is_in(&f->link))
        landed = part(f, &others);
    pthread_mutex_unlock(&s->box->shard->lock);
    count(s->box, others != NULL, -landed - (others != NULL));
    return written;
}

bool flight_has_followers(const struct flight_seat *s)
{
    bool any = link_is_in(&lock_as_leader(s)->followers);

    pthread_mutex_unlock(&s->box->shard->lock);
    return any;
}

void flight_land(struct flight_seat *s, enum err err, struct entry *answer)
{
    lock_as_leader(s);
    step_down(s, err, answer);
}

/* ---- a follower -------------------------------------------------------------------- */

/* What this box may read: nothing of its own writing. */
static struct tape *readable(const struct flight_box *b)
{
    struct tape *tape = b->tape;

    if (b->flight && b->flight->leader != b)
        tape = b->flight->tape;
    return b->wants_log ? tape : NULL;
}

void flight_wants_log(struct flight_seat *s, bool wants)
{
    struct flight_box *b = s->box;
    struct tape *tape;

    if (!b)
        return;
    pthread_mutex_lock(&b->shard->lock);
    b->wants_log = wants;
    tape = readable(b);
    if (tape && tape_size(tape) > b->cursor.read)
        nudge(b);
    pthread_mutex_unlock(&b->shard->lock);
}

size_t flight_read(struct flight_seat *s, struct buf *out, size_t most)
{
    struct flight_box *b = s->box;
    struct tape *tape;
    size_t n = 0;

    if (!b)
        return 0;
    pthread_mutex_lock(&b->shard->lock);
    tape = readable(b);
    if (tape)
        n = tape_read(tape, &b->cursor, out, most);
    pthread_mutex_unlock(&b->shard->lock);
    return n;
}

/* Returns 1 if the box was on the list, and has its leader hear when it was the last. */
static int64_t step_off(struct flight_box *b)
{
    struct flight *f = b->flight;

    if (!f)
        return 0;
    link_out(&b->link);
    b->flight = NULL;
    if (!link_is_in(&f->followers))
        nudge(f->leader);
    return 1;
}

void flight_leave(struct flight_seat *s)
{
    struct flight_box *b = s->box;
    int64_t left;
    bool letter_out;

    if (!b)
        return;
    pthread_mutex_lock(&b->shard->lock);
    if (b->flight && b->flight->leader == b) {
        step_down(s, ERR_CANCELLED, NULL);
        return;
    }
    left = step_off(b);
    letter_out = b->letter_out;
    pthread_mutex_unlock(&b->shard->lock);
    count(b, 0, -left);
    discard(s, letter_out);
}
