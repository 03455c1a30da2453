/* SPDX-License-Identifier: Apache-2.0 */
#include "pool_inner.h"

#include "weir/base/clock.h"
#include "weir/base/digest.h"
#include "weir/base/ensure.h"
#include "weir/base/log.h"
#include "weir/base/mem.h"
#include "weir/net/resolve.h"

#include <stdlib.h>
#include <string.h>

/* ---- making and freeing --------------------------------------------------------------- */

static char *copy_text(struct str s)
{
    char *at = mem_new(s.len + 1);

    if (s.len > 0)
        memcpy(at, s.at, s.len);
    return at;
}

struct pool *pool_new(struct str name)
{
    struct pool *p = MEM_NEW(struct pool);

    atomic_init(&p->refs, 1);
    ensure(pthread_mutex_init(&p->lock, NULL) == 0);
    p->name = copy_text(name);
    for (size_t i = 0; i < PRIORITY_COUNT; i++)
        link_init(&p->lanes[i].lines);
    return p;
}

struct pool *pool_ref(struct pool *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void pool_unref(struct pool *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) > 1)
        return;
    ensure(p->waiting == 0);
    for (size_t i = 0; i < p->member_count; i++)
        endpoint_unref(&p->members[i]->endpoint);
    for (size_t i = 0; i < p->key_count; i++)
        free(p->keys[i].line);
    pthread_mutex_destroy(&p->lock);
    free(p->name);
    free(p);
}

struct str pool_name(const struct pool *p)
{
    return str_of(p->name);
}

/* ---- members ---------------------------------------------------------------------------- */

static unsigned free_slot(const struct pool *p)
{
    uint64_t taken = 0;
    unsigned slot = 0;

    for (size_t i = 0; i < p->member_count; i++)
        taken |= UINT64_C(1) << p->members[i]->endpoint.slot;
    while (taken >> slot & 1)
        slot++;
    return slot;
}

static uint64_t id_of(struct str url, struct str address)
{
    struct digest d;

    digest_start();
    digest_add_part(url);
    digest_add_part(address);
    digest_end(&d);
    return digest_word(&d);
}

static struct member *find_member(const struct pool *p, struct str url, struct str address)
{
    for (size_t i = 0; i < p->member_count; i++) {
        const struct upstream_endpoint *e = &p->members[i]->endpoint;

        if (str_eq(str_of(e->url), url) && str_eq(str_of(e->address), address))
            return p->members[i];
    }
    return NULL;
}

/* Where the text of `part`, which lies in `from`, lies in `to`. */
static struct str same_part(struct str part, const char *from, char *to)
{
    return (struct str){ to + (part.at - from), part.len };
}

static void add_member(struct pool *p, const struct upstream_site *site, struct str address)
{
    struct member *m;

    if (p->member_count == POOL_ENDPOINTS) {
        log_warn("endpoints_left_out", F_TEXT("upstream", p->name),
                 F_TEXT("why", "a pool has at most 64"));
        return;
    }
    m = MEM_NEW(struct member);
    atomic_init(&m->endpoint.refs, 1);
    m->endpoint.url = mem_copy_text(site->url);
    m->endpoint.host = same_part(site->host, site->url, m->endpoint.url);
    m->endpoint.label = same_part(site->label, site->url, m->endpoint.url);
    m->endpoint.address = address.len > 0 ? copy_text(address) : NULL;
    m->endpoint.numeric = site->numeric;
    m->endpoint.slot = free_slot(p);
    m->id = id_of(str_of(site->url), address);
    m->weight = site->weight;
    adaptive_init(&m->adaptive, POOL_FIRST_LIMIT);
    p->members[p->member_count++] = m;
}

static void remove_member(struct pool *p, size_t i)
{
    struct member *m = p->members[i];

    m->gone = true;
    p->members[i] = p->members[--p->member_count];
    endpoint_unref(&m->endpoint);
}

static const struct upstream_site *site_of(const struct upstream *u, struct str url)
{
    for (size_t i = 0; i < u->site_count; i++)
        if (str_eq(str_of(u->sites[i].url), url))
            return &u->sites[i];
    return NULL;
}

/* Those whose URL has gone leave; a name that no longer stands for several is one again. */
static void drop_old(struct pool *p, const struct upstream *u)
{
    for (size_t i = p->member_count; i-- > 0;) {
        const struct upstream_endpoint *e = &p->members[i]->endpoint;

        if (!site_of(u, str_of(e->url)) || (e->address && !u->each_address))
            remove_member(p, i);
    }
}

static bool has_site(const struct pool *p, struct str url)
{
    for (size_t i = 0; i < p->member_count; i++)
        if (str_eq(str_of(p->members[i]->endpoint.url), url))
            return true;
    return false;
}

static void merge_sites(struct pool *p, const struct upstream *u)
{
    drop_old(p, u);
    for (size_t i = 0; i < u->site_count; i++) {
        const struct upstream_site *site = &u->sites[i];

        if (!has_site(p, str_of(site->url)))
            add_member(p, site, (struct str){ 0 });
    }
    for (size_t i = 0; i < p->member_count; i++) {
        const struct upstream_site *site = site_of(u, str_of(p->members[i]->endpoint.url));

        p->members[i]->weight = site->weight;
        if (!u->health.path)
            p->members[i]->down = false; /* nobody asks any more */
    }
}

size_t pool_listed_keys(const struct pool *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->key_count; i++)
        n += p->keys[i].listed;
    return n;
}

/* A key that stays keeps its state; one that comes back has been thought about. */
static void merge_keys(struct pool *p, const struct upstream *u)
{
    bool stayed[POOL_KEYS] = { false };

    for (size_t i = 0; i < p->key_count; i++) {
        stayed[i] = p->keys[i].listed;
        p->keys[i].listed = false;
    }
    for (size_t i = 0; i < u->auth_count; i++) {
        size_t at = 0;

        while (at < p->key_count && strcmp(p->keys[at].line, u->auth[i]) != 0)
            at++;
        if (at == POOL_KEYS) {
            log_warn(
                "keys_left_out", F_TEXT("upstream", p->name),
                F_TEXT("why", "a pool knows at most 32, old ones included, until a restart"));
            break;
        }
        if (at == p->key_count)
            p->keys[p->key_count++] = (struct key){ .line = mem_copy_text(u->auth[i]) };
        p->keys[at].listed = true;
        p->keys[at].dropped = p->keys[at].dropped && stayed[at];
    }
}

void pool_configure(struct pool *p, const struct upstream *u)
{
    pthread_mutex_lock(&p->lock);
    p->settings = *u;
    merge_sites(p, u);
    merge_keys(p, u);
    permit_serve(p, clock_now_us());
    pthread_mutex_unlock(&p->lock);
}

/* ---- addresses ---------------------------------------------------------------------------- */

static bool is_listed(struct str addresses, struct str address)
{
    struct str one;

    while (str_split(&addresses, ',', &one))
        if (str_eq(one, address))
            return true;
    return false;
}

static void set_addresses(struct pool *p, const struct upstream_site *site,
                          struct str addresses)
{
    struct str rest = addresses, one;

    for (size_t i = p->member_count; i-- > 0;) {
        const struct upstream_endpoint *e = &p->members[i]->endpoint;

        if (str_eq(str_of(e->url), str_of(site->url)) &&
            !is_listed(addresses, str_of(e->address)))
            remove_member(p, i);
    }
    while (str_split(&rest, ',', &one))
        if (one.len > 0 && !find_member(p, str_of(site->url), one))
            add_member(p, site, one);
}

void pool_set_addresses(struct pool *p, struct str url, struct str addresses)
{
    struct upstream_site copy;
    struct member *any = NULL;

    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->member_count && !any; i++)
        if (str_eq(str_of(p->members[i]->endpoint.url), url))
            any = p->members[i];
    if (any && p->settings.each_address && !any->endpoint.numeric && addresses.len > 0) {
        /* What a site says is said by any of its members, which may be the one that leaves. */
        struct upstream_endpoint *e = endpoint_ref(&any->endpoint);

        copy = (struct upstream_site){ e->url, e->host, e->label, false,
                                       (unsigned)any->weight };
        set_addresses(p, &copy, addresses);
        permit_serve(p, clock_now_us());
        endpoint_unref(e);
    }
    pthread_mutex_unlock(&p->lock);
}

/* ---- probes --------------------------------------------------------------------------------- */

size_t pool_list(struct pool *p, struct upstream_endpoint *out[POOL_ENDPOINTS])
{
    size_t n;

    pthread_mutex_lock(&p->lock);
    n = p->member_count;
    for (size_t i = 0; i < n; i++)
        out[i] = endpoint_ref(&p->members[i]->endpoint);
    pthread_mutex_unlock(&p->lock);
    return n;
}

void pool_note_probe(struct pool *p, struct upstream_endpoint *e, bool good)
{
    struct member *m = member_of(e);
    unsigned needed;
    bool serves = false;

    pthread_mutex_lock(&p->lock);
    needed = good ? p->settings.health.up_after : p->settings.health.down_after;
    if (good != m->down) {
        m->probes = 0;
    } else if (++m->probes >= needed) {
        m->down = !good;
        m->probes = 0;
        serves = true;
    }
    if (good && p->starting.on) {
        p->starting.on = m->refused = false; /* somebody is there: nobody waits any longer */
        serves = true;
    }
    if (serves)
        permit_serve(p, clock_now_us());
    pthread_mutex_unlock(&p->lock);
}

/* ---- trying again ----------------------------------------------------------------------------- */

bool pool_has_retry(struct pool *p)
{
    bool has;

    pthread_mutex_lock(&p->lock);
    has = budget_has(&p->retries, p->settings.retry.budget, p->settings.retry.floor,
                     clock_now_us());
    pthread_mutex_unlock(&p->lock);
    return has;
}

bool pool_may_retry(struct pool *p)
{
    bool may;

    pthread_mutex_lock(&p->lock);
    may = budget_take(&p->retries, p->settings.retry.budget, p->settings.retry.floor,
                      clock_now_us());
    pthread_mutex_unlock(&p->lock);
    return may;
}

bool pool_may_hedge(struct pool *p)
{
    bool may;

    pthread_mutex_lock(&p->lock);
    may = budget_take(&p->hedges, p->settings.hedge.at_most, 0, clock_now_us());
    pthread_mutex_unlock(&p->lock);
    return may;
}

uint64_t pool_hedge_after_us(struct pool *p)
{
    uint64_t after_us;

    pthread_mutex_lock(&p->lock);
    if (!p->settings.hedge.on)
        after_us = 0;
    else if (p->settings.hedge.percentile > 0)
        after_us = pace_read_us(&p->pace, p->settings.hedge.percentile, clock_now_us());
    else
        after_us = p->settings.hedge.after_us;
    pthread_mutex_unlock(&p->lock);
    return after_us;
}

/* ---- what can be seen ---------------------------------------------------------------------------- */

static const char *state_of(const struct pool *p, const struct member *m, uint64_t now_us)
{
    if (m->down)
        return "down";
    if (m->rest_until_us > now_us)
        return "resting";
    if (m->breaker.state != BREAKER_CLOSED)
        return breaker_word(m->breaker.state);
    return breaker_share(&m->breaker, &p->settings.breaker, now_us) < 1 ? "slow_start"
                                                                        : "closed";
}

static uint64_t rest_of(const struct member *m, uint64_t now_us)
{
    uint64_t until_us = m->rest_until_us;

    if (m->breaker.state == BREAKER_OPEN && m->breaker.until_us > until_us)
        until_us = m->breaker.until_us;
    return until_us > now_us ? until_us - now_us : 0;
}

size_t pool_read(struct pool *p, struct pool_numbers out[POOL_ENDPOINTS])
{
    uint64_t now_us = clock_now_us();
    size_t n;

    pthread_mutex_lock(&p->lock);
    n = p->member_count;
    for (size_t i = 0; i < n; i++) {
        struct member *m = p->members[i];

        out[i] = (struct pool_numbers){
            .label = m->endpoint.label,
            .endpoint = endpoint_ref(&m->endpoint),
            .state = state_of(p, m, now_us),
            .healthy = !m->down && m->breaker.state != BREAKER_OPEN,
            .in_flight = m->in_flight,
            .limit = member_limit(p, m),
            .faults = m->breaker.faults,
            .rest_us = rest_of(m, now_us),
            .latency_s = m->latency_s,
        };
    }
    pthread_mutex_unlock(&p->lock);
    return n;
}

void pool_read_keys(struct pool *p, struct pool_keys *out)
{
    uint64_t now_us = clock_now_us();

    *out = (struct pool_keys){ 0 };
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->key_count; i++) {
        const struct key *k = &p->keys[i];

        if (!k->listed)
            continue;
        if (k->dropped)
            out->dropped++;
        else if (k->rest_until_us > now_us)
            out->resting++;
        else
            out->usable++;
    }
    pthread_mutex_unlock(&p->lock);
}

unsigned pool_waiting(struct pool *p)
{
    unsigned n;

    pthread_mutex_lock(&p->lock);
    n = p->waiting;
    pthread_mutex_unlock(&p->lock);
    return n;
}
