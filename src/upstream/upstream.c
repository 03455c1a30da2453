/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/upstream/upstream.h"

#include "weir/base/mem.h"
#include "weir/net/resolve.h"

#include <stdlib.h>
#include <string.h>

struct upstream *upstream_new(struct str name, const struct dialect *dialect)
{
    struct upstream *u = MEM_NEW(struct upstream);

    u->name = mem_new(name.len + 1);
    memcpy(u->name, name.at, name.len);
    u->dialect = dialect;
    return u;
}

void upstream_free(struct upstream *u)
{
    if (!u)
        return;
    for (size_t i = 0; i < u->endpoint_count; i++)
        free(u->endpoints[i].url);
    free(u->endpoints);
    for (size_t i = 0; i < u->forward_count; i++)
        free((char *)(uintptr_t)u->forward[i].at);
    free(u->forward);
    free(u->auth_header);
    free(u->ca_file);
    free(u->name);
    free(u);
}

/* What stands behind the host: nothing, or a colon and a port. */
static bool is_port(struct str s)
{
    uint64_t port;

    return s.len == 0 || (s.at[0] == ':' && str_to_u64(str_cut(s, 1, s.len), &port) &&
                          port > 0 && port <= UINT16_MAX);
}

/* Where the host and the host with its port stand in a URL of ours. */
static bool find_host(struct str url, struct str *host, struct str *label)
{
    struct str rest;
    size_t from, to, next;
    const char *end;

    if (str_starts(url, STR("http://")))
        rest = str_cut(url, sizeof("http://") - 1, url.len);
    else if (str_starts(url, STR("https://")))
        rest = str_cut(url, sizeof("https://") - 1, url.len);
    else
        return false;
    end = memchr(rest.at, '/', rest.len);
    *label = end ? (struct str){ rest.at, (size_t)(end - rest.at) } : rest;
    if (label->len == 0 || memchr(label->at, '@', label->len))
        return false;

    from = label->at[0] == '[' ? 1 : 0;
    end = memchr(label->at, from > 0 ? ']' : ':', label->len);
    if (from > 0 && !end)
        return false;
    to = end ? (size_t)(end - label->at) : label->len;
    next = to + from; /* behind the closing bracket, if there is one */
    *host = str_cut(*label, from, to);
    return host->len > 0 && is_port(str_cut(*label, next, label->len));
}

bool upstream_add_endpoint(struct upstream *u, struct str url)
{
    struct upstream_endpoint *e;
    struct str host, label;

    while (url.len > 0 && url.at[url.len - 1] == '/')
        url.len--;
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.at[i] <= ' ' || memchr("#?\x7f", url.at[i], 3))
            return false;
    if (!find_host(url, &host, &label))
        return false;

    u->endpoints = mem_grow(u->endpoints,
                            (u->endpoint_count + 1) * sizeof(struct upstream_endpoint));
    e = &u->endpoints[u->endpoint_count++];
    *e = (struct upstream_endpoint){ .upstream = u, .url = mem_new(url.len + 1) };
    memcpy(e->url, url.at, url.len);
    (void)find_host((struct str){ e->url, url.len }, &e->host, &e->label);
    e->numeric = resolve_is_numeric(e->host);
    return true;
}

bool upstream_forwards(const struct upstream *u, struct str name)
{
    for (size_t i = 0; i < u->forward_count; i++)
        if (str_eq_nocase(u->forward[i], name))
            return true;
    return false;
}

uint64_t upstream_bit(const struct upstream *u, const struct upstream_endpoint *e)
{
    size_t i = (size_t)(e - u->endpoints);

    return UINT64_C(1) << (i < 63 ? i : 63);
}

/*
 * Starts at the endpoint whose turn it is, so that ties go round; with least_outstanding the
 * first strictly less loaded one wins over it.
 */
struct upstream_endpoint *upstream_choose(struct upstream *u, uint64_t tried)
{
    struct upstream_endpoint *best = NULL;
    uint32_t least = UINT32_MAX;
    unsigned first = u->endpoint_count > 1
                         ? atomic_fetch_add_explicit(&u->turn, 1, memory_order_relaxed)
                         : 0;

    for (size_t i = 0; i < u->endpoint_count; i++) {
        struct upstream_endpoint *e = &u->endpoints[(first + i) % u->endpoint_count];
        uint32_t load = atomic_load_explicit(&e->in_flight, memory_order_relaxed);

        if (tried & upstream_bit(u, e))
            continue;
        if (u->balance == BALANCE_ROUND_ROBIN)
            return e;
        if (load < least) {
            best = e;
            least = load;
        }
    }
    return best;
}
