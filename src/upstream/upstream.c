/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/upstream/upstream.h"

#include "weir/base/mem.h"
#include "weir/net/resolve.h"
#include "weir/upstream/pool.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_US UINT64_C(1000000)

static char *copy_text(struct str s)
{
    char *at = mem_new(s.len + 1);

    if (s.len > 0)
        memcpy(at, s.at, s.len);
    return at;
}

struct upstream *upstream_new(struct str name, const struct dialect *dialect)
{
    struct upstream *u = MEM_NEW(struct upstream);

    u->name = copy_text(name);
    u->dialect = dialect;
    u->queue.size = 256;
    u->queue.timeout_us = 10 * SECOND_US;
    u->breaker = (struct upstream_breaker){ 5, 5 * SECOND_US, 60 * SECOND_US, 0.5,
                                            10 * SECOND_US };
    u->retry = (struct upstream_retry){ 0.1, 3, SECOND_US / 20, SECOND_US, 2 * SECOND_US };
    u->health = (struct upstream_health){ NULL, 2 * SECOND_US, SECOND_US, 2, 1 };
    return u;
}

void upstream_free(struct upstream *u)
{
    if (!u)
        return;
    pool_unref(u->pool);
    for (size_t i = 0; i < u->site_count; i++)
        free(u->sites[i].url);
    free(u->sites);
    for (size_t i = 0; i < u->forward_count; i++)
        free((char *)(uintptr_t)u->forward[i].at);
    free(u->forward);
    for (size_t i = 0; i < u->auth_count; i++)
        free(u->auth[i]);
    free(u->auth);
    free(u->health.path);
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

bool upstream_add_site(struct upstream *u, struct str url, unsigned weight)
{
    struct upstream_site *site;
    struct str host, label;

    while (url.len > 0 && url.at[url.len - 1] == '/')
        url.len--;
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.at[i] <= ' ' || memchr("#?\x7f", url.at[i], 3))
            return false;
    if (!find_host(url, &host, &label))
        return false;

    u->sites = mem_grow(u->sites, (u->site_count + 1) * sizeof(*u->sites));
    site = &u->sites[u->site_count++];
    *site = (struct upstream_site){ .url = copy_text(url), .weight = weight > 0 ? weight : 1 };
    (void)find_host((struct str){ site->url, url.len }, &site->host, &site->label);
    site->numeric = resolve_is_numeric(site->host);
    return true;
}

void upstream_add_auth(struct upstream *u, struct str line)
{
    u->auth = mem_grow(u->auth, (u->auth_count + 1) * sizeof(*u->auth));
    u->auth[u->auth_count++] = copy_text(line);
}

bool upstream_forwards(const struct upstream *u, struct str name)
{
    for (size_t i = 0; i < u->forward_count; i++)
        if (str_eq_nocase(u->forward[i], name))
            return true;
    return false;
}
