/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A ward for each upstream, a patient in it for each endpoint, a look-up for each name that may
 * stand for several. Every second a ward looks at its pool: who has come gets a patient, who
 * has gone is let go, and who has changed between up and down is logged.
 *
 * What holds throughout
 *   - A patient has at most one probe under way: the next is due after the last has ended.
 *   - Probes and look-ups cannot end at once. When they are let go while one is under way they
 *     leave their ward, are called off, and are freed at the end of it; by then their upstream
 *     may be gone, so nothing of it is touched.
 */
#include "weir/upstream/health.h"

#include "weir/base/digest.h"
#include "weir/base/ensure.h"
#include "weir/base/log.h"
#include "weir/base/mem.h"
#include "weir/base/metric.h"

#include "probe.h"

#include <stdlib.h>

enum {
    LOOK_US = 1000 * 1000,
    LOOK_UP_US = 10 * 1000 * 1000, /* the resolver asks anew when its answer is 30 s old */
};

struct health {
    struct attempt_kit kit; /* lent */
    struct link wards;
    struct link leaving; /* patients and look-ups that are called off */
    struct timer look;
};

struct ward {
    struct link link;
    struct health *health;
    const struct upstream *upstream; /* lent until it is let go */
    struct pool *pool;               /* one reference */
    struct link patients, lookups;
};

struct patient {
    struct link link;
    struct ward *ward;                  /* NULL: it is leaving */
    struct upstream_endpoint *endpoint; /* one reference */
    struct probe probe;                 /* zeroed where endpoints are not asked */
    struct timer due;
    bool healthy; /* as it was told last */
    bool seen;    /* in this look */
};

struct lookup {
    struct link link;
    struct ward *ward;                /* NULL: it is leaving */
    const struct upstream_site *site; /* of the ward's upstream */
    struct resolve resolve;
    bool asking;
    struct timer due;
};

/* ---- patients ---- */

static void free_patient(struct patient *t)
{
    link_out(&t->link);
    timer_disarm(&t->due);
    probe_deinit(&t->probe);
    endpoint_unref(t->endpoint);
    free(t);
}

static void let_go(struct patient *t)
{
    struct health *h = t->ward->health;

    if (!probe_is_under_way(&t->probe)) {
        free_patient(t);
        return;
    }
    t->ward = NULL;
    link_out(&t->link);
    link_before(&h->leaving, &t->link);
    probe_cancel(&t->probe);
}

/* A tenth more or less, so that the probes of a fleet do not fall into step. */
static uint64_t jitter_us(uint64_t interval_us)
{
    uint32_t chance;

    digest_random(&chance, sizeof(chance));
    return interval_us * 9 / 10 + interval_us / 5 * (chance % 1024) / 1024;
}

static void on_probe_due(struct timer *timer)
{
    struct patient *t = container_of(timer, struct patient, due);

    probe_start(&t->probe);
}

static void look(struct ward *w);

static void on_probed(struct probe *p, enum probe_result result)
{
    struct patient *t = container_of(p, struct patient, probe);
    struct ward *w = t->ward;

    if (!w) {
        free_patient(t);
        return;
    }
    metric_add(loop_shard(w->health->kit.loop), METRIC_PROBES, 1,
               METRIC_LABEL(pool_name(w->pool), t->endpoint->label, probe_word(result)));
    pool_note_probe(w->pool, t->endpoint, result == PROBE_OK);
    timer_arm(&t->due, jitter_us(w->upstream->health.interval_us));
    look(w); /* may let this patient go */
}

static struct patient *find_patient(struct ward *w, const struct upstream_endpoint *e)
{
    for (struct link *l = w->patients.next; l != &w->patients; l = l->next) {
        struct patient *t = container_of(l, struct patient, link);

        if (t->endpoint == e)
            return t;
    }
    return NULL;
}

/* Its first probe comes after its share of the interval: those of one pool are spread. */
static struct patient *take_in(struct ward *w, const struct pool_numbers *n, size_t nth,
                               size_t count)
{
    const struct upstream *u = w->upstream;
    struct patient *t = MEM_NEW(struct patient);

    t->ward = w;
    t->endpoint = endpoint_ref(n->endpoint);
    t->healthy = n->healthy;
    link_before(&w->patients, &t->link);
    timer_init(&t->due, w->health->kit.loop, on_probe_due);
    if (u->health.path) {
        probe_init(&t->probe, &w->health->kit, u, n->endpoint, on_probed);
        timer_arm(&t->due, u->health.interval_us * nth / count);
    }
    return t;
}

/* ---- a look at a pool ---- */

static void tell(const struct ward *w, struct patient *t, const struct pool_numbers *n)
{
    if (t->healthy == n->healthy)
        return;
    t->healthy = n->healthy;
    if (n->healthy)
        log_info("endpoint_up", F_STR("upstream", pool_name(w->pool)),
                 F_STR("endpoint", n->label), F_TEXT("address", t->endpoint->address),
                 F_TEXT("state", n->state));
    else
        log_warn("endpoint_down", F_STR("upstream", pool_name(w->pool)),
                 F_STR("endpoint", n->label), F_TEXT("address", t->endpoint->address),
                 F_TEXT("state", n->state), F_U64("faults", n->faults));
}

static void look(struct ward *w)
{
    struct pool_numbers all[POOL_ENDPOINTS];
    size_t count = pool_read(w->pool, all);
    struct link *next;

    for (size_t i = 0; i < count; i++) {
        struct patient *t = find_patient(w, all[i].endpoint);

        if (!t)
            t = take_in(w, &all[i], i, count);
        t->seen = true;
        tell(w, t, &all[i]);
        endpoint_unref(all[i].endpoint);
    }
    for (struct link *l = w->patients.next; l != &w->patients; l = next) {
        struct patient *t = container_of(l, struct patient, link);

        next = l->next;
        if (!t->seen)
            let_go(t);
        else
            t->seen = false;
    }
}

static void on_look(struct timer *timer)
{
    struct health *h = container_of(timer, struct health, look);

    for (struct link *l = h->wards.next; l != &h->wards; l = l->next)
        look(container_of(l, struct ward, link));
    timer_arm(timer, LOOK_US);
}

/* ---- names ---- */

static void free_lookup(struct lookup *k)
{
    link_out(&k->link);
    timer_disarm(&k->due);
    free(k);
}

/* A name that does not resolve now keeps the addresses that it had. */
static void on_looked_up(struct resolve *op, enum err err, const char *addresses)
{
    struct lookup *k = container_of(op, struct lookup, resolve);

    k->asking = false;
    if (!k->ward) {
        free_lookup(k);
        return;
    }
    timer_arm(&k->due, LOOK_UP_US);
    if (err)
        return;
    pool_set_addresses(k->ward->pool, str_of(k->site->url), str_of(addresses));
    look(k->ward);
}

static void on_lookup_due(struct timer *timer)
{
    struct lookup *k = container_of(timer, struct lookup, due);

    k->asking = true;
    resolve_start(k->ward->health->kit.resolver, &k->resolve, k->site->host, on_looked_up);
}

static void end_lookup(struct lookup *k)
{
    struct health *h = k->ward->health;

    if (!k->asking) {
        free_lookup(k);
        return;
    }
    k->ward = NULL;
    link_out(&k->link);
    link_before(&h->leaving, &k->link);
    resolve_cancel(&k->resolve);
}

static void watch_names(struct ward *w)
{
    const struct upstream *u = w->upstream;

    for (size_t i = 0; u->each_address && i < u->site_count; i++) {
        struct lookup *k;

        if (u->sites[i].numeric)
            continue;
        k = MEM_NEW(struct lookup);
        k->ward = w;
        k->site = &u->sites[i];
        link_before(&w->lookups, &k->link);
        timer_init(&k->due, w->health->kit.loop, on_lookup_due);
        on_lookup_due(&k->due);
    }
}

/* ---- wards ---- */

static void open_ward(struct health *h, const struct upstream *u)
{
    struct ward *w = MEM_NEW(struct ward);

    w->health = h;
    w->upstream = u;
    w->pool = pool_ref(u->pool);
    link_init(&w->patients);
    link_init(&w->lookups);
    link_before(&h->wards, &w->link);
    watch_names(w);
    look(w);
}

static void close_ward(struct ward *w)
{
    while (link_is_in(&w->patients))
        let_go(container_of(w->patients.next, struct patient, link));
    while (link_is_in(&w->lookups))
        end_lookup(container_of(w->lookups.next, struct lookup, link));
    pool_unref(w->pool);
    free(w);
}

void health_stop(struct health *h)
{
    struct link *l;

    timer_disarm(&h->look);
    while ((l = list_pop(&h->wards)))
        close_ward(container_of(l, struct ward, link));
}

void health_watch(struct health *h, struct upstream *const *upstreams, size_t count)
{
    health_stop(h);
    for (size_t i = 0; i < count; i++)
        if (upstreams[i]->pool)
            open_ward(h, upstreams[i]);
    timer_arm(&h->look, LOOK_US);
}

bool health_is_idle(const struct health *h)
{
    return !link_is_in(&h->wards) && !link_is_in(&h->leaving);
}

/* ---- making and freeing ---- */

struct health *health_new(struct loop *loop, struct fetcher *fetcher, struct resolver *resolver)
{
    struct health *h = MEM_NEW(struct health);

    h->kit = (struct attempt_kit){ loop, fetcher, resolver };
    link_init(&h->wards);
    link_init(&h->leaving);
    timer_init(&h->look, loop, on_look);
    return h;
}

void health_free(struct health *h)
{
    if (!h)
        return;
    health_stop(h);
    ensure(health_is_idle(h));
    free(h);
}

/* ---- presets ---- */

const char *health_preset(struct str name)
{
    static const struct {
        const char *name, *path;
    } presets[] = {
        { "vllm", "/health" },        { "llamacpp", "/health" },
        { "tgi", "/health" },         { "triton", "/v2/health/ready" },
        { "ollama", "/api/version" },
    };

    for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++)
        if (str_eq(name, str_of(presets[i].name)))
            return presets[i].path;
    return NULL;
}
