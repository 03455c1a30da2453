/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/variety.h"

#include "weir/base/ensure.h"
#include "weir/base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct variety {
    _Atomic uint32_t refs;
    pthread_mutex_t lock; /* for the rest */
    uint64_t day;
    struct distinct today, yesterday;
};

struct variety *variety_new(void)
{
    struct variety *v = MEM_NEW(struct variety);
    int failed = pthread_mutex_init(&v->lock, NULL);

    ensure(!failed);
    atomic_init(&v->refs, 1);
    return v;
}

struct variety *variety_ref(struct variety *v)
{
    atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
    return v;
}

void variety_unref(struct variety *v)
{
    if (!v || atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) > 1)
        return;
    (void)pthread_mutex_destroy(&v->lock);
    free(v);
}

/* Under the lock. */
static void turn_to(struct variety *v, uint64_t day)
{
    if (day <= v->day)
        return;
    v->yesterday = day == v->day + 1 ? v->today : (struct distinct){ { 0 } };
    v->today = (struct distinct){ { 0 } };
    v->day = day;
}

/* Hashes for tables differ in few bits where values do; here each bit must. */
static uint64_t mix(uint64_t hash)
{
    hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ hash >> 33;
}

void variety_add(struct variety *v, uint64_t day, uint64_t hash)
{
    (void)pthread_mutex_lock(&v->lock);
    turn_to(v, day);
    if (day == v->day)
        distinct_add(&v->today, mix(hash));
    (void)pthread_mutex_unlock(&v->lock);
}

/* Under the lock; NULL: the day is over, or not yet come. */
static struct distinct *of_day(struct variety *v, uint64_t day)
{
    return day == v->day ? &v->today : day + 1 == v->day ? &v->yesterday : NULL;
}

void variety_merge(struct variety *v, uint64_t day, const struct distinct *theirs,
                   struct distinct *all)
{
    struct distinct *own;

    *all = (struct distinct){ { 0 } };
    (void)pthread_mutex_lock(&v->lock);
    turn_to(v, day);
    own = of_day(v, day);
    if (own) {
        distinct_merge(own, theirs);
        *all = *own;
    }
    (void)pthread_mutex_unlock(&v->lock);
}

static uint64_t rounded(const struct distinct *d)
{
    return (uint64_t)(distinct_estimate(d) + 0.5);
}

void variety_read(struct variety *v, uint64_t day, struct variety_counts *out)
{
    (void)pthread_mutex_lock(&v->lock);
    turn_to(v, day);
    *out = (struct variety_counts){ rounded(&v->today), rounded(&v->yesterday) };
    (void)pthread_mutex_unlock(&v->lock);
}
