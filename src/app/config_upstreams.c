/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Pools of endpoints, with our credentials and time limits for them. The rows fill in numbers
 * and choices; what is made here is what a row cannot hold: endpoints, a header line with a
 * secret, names of headers that may travel. An upstream owns its texts, since they are used by
 * libcurl, which wants them terminated.
 */

#include "config_build.h"
#include "schema.h"
#include "value.h"

#include "weir/base/mem.h"
#include "weir/dialect/dialect.h"
#include "weir/upstream/health.h"

#include <unistd.h>

static const char PREFIX[] = "upstreams.<name>";

enum {
    MOST_ADAPTIVE = 512, /* calls at once that a limit may grow to by itself */
    MOST_KEYS = 32,      /* as many as a pool takes turns with */
};

static char *copy_text(struct str s)
{
    char *at = mem_new(s.len + 1);

    if (s.len > 0)
        memcpy(at, s.at, s.len);
    return at;
}

static struct str text_at(const struct yaml_node *group, struct str key)
{
    const struct yaml_node *n = yaml_at(group, key);

    return n && n->kind == YAML_TEXT ? n->text : (struct str){ 0 };
}

static const struct dialect *find_dialect(struct config_build *b, const struct yaml_node *node)
{
    AUTO(map_free) struct map *names = map_new();
    const struct yaml_node *n = yaml_at(node, STR("dialect"));
    const struct dialect *d;
    char hint[CONFIG_WORDS], shown[CONFIG_WORDS];

    if (!n)
        return dialect_named(STR("openai"));
    if (n->kind != YAML_TEXT || n->broken)
        return NULL;
    d = dialect_named(n->text);
    for (size_t i = 0; !d && dialect_at(i); i++)
        (void)map_put(names, str_of(dialect_at(i)->name), names);
    if (!d && n->text.len > 0)
        config_fault(b->report, n, "no dialect named %s%s", config_shown(n, shown),
                     config_hint(names, n->text, hint));
    return d;
}

static unsigned weight_of(const struct yaml_node *member)
{
    struct str text = text_at(member, STR("weight"));
    uint64_t weight;

    return str_to_u64(text, &weight) && weight <= 1000 ? (unsigned)weight : 1;
}

static const struct yaml_node *url_at(const struct yaml_node *member)
{
    return member->kind == YAML_MAP ? yaml_at(member, STR("url")) : member;
}

static struct str without_slash(struct str url)
{
    while (url.len > 0 && url.at[url.len - 1] == '/')
        url.len--;
    return url;
}

/* A pool knows an endpoint once: the second one would do nothing, and its weight be lost. */
static void check_twice(struct config_build *b, const struct yaml_node *list,
                        const struct yaml_node *member, const struct yaml_node *url)
{
    for (const struct yaml_node *other = list->first; other != member; other = other->next) {
        const struct yaml_node *taken = url_at(other);

        if (taken && taken->kind == YAML_TEXT &&
            str_eq(without_slash(taken->text), without_slash(url->text))) {
            config_fault(b->report, url,
                         "stands here twice (line %u); for a larger share write "
                         "{url: ..., weight: 2}",
                         taken->line);
            return;
        }
    }
}

static void add_endpoints(struct config_build *b, const struct yaml_node *node,
                          struct upstream *u)
{
    const struct yaml_node *list = yaml_at(node, STR("endpoints"));

    if (!list && !(u->dialect && u->dialect->answer))
        config_fault_key(b->report, node, "endpoints", "is missing, and has no default");
    if (list && list->count > POOL_ENDPOINTS)
        config_fault(b->report, list, "a pool has at most %d endpoints", POOL_ENDPOINTS);
    yaml_each(member, list)
    {
        const struct yaml_node *url = url_at(member);

        if (!url || url->kind != YAML_TEXT || url->broken || !value_is_url(url->text))
            continue;
        if (!upstream_add_site(u, url->text, weight_of(member)))
            config_fault(b->report, url, "expected http(s)://host[:port][/path]");
        else
            check_twice(b, list, member, url);
    }
}

/* Answers here: it has rules, and nothing that is called. */
static void read_rules(struct config_build *b, const struct yaml_node *node, struct upstream *u)
{
    const struct yaml_node *name = yaml_at(node, STR("rules"));
    const struct map *all = b->config->plan->rules;
    const struct upstream *rules;
    char hint[CONFIG_WORDS], shown[CONFIG_WORDS];

    if (!u->dialect || !u->dialect->answer) {
        if (name && u->dialect)
            config_fault(b->report, name, "belongs to the dialect rules");
        return;
    }
    if (!name)
        config_fault_key(b->report, node, "rules", "is missing: which rules answer?");
    if (!name || name->kind != YAML_TEXT || name->broken)
        return;
    rules = map_get(all, name->text);
    if (rules)
        u->rules = rules->rules;
    else
        config_fault(b->report, name, "no rules named %s%s", config_shown(name, shown),
                     config_hint(all, name->text, hint));
    if (yaml_at(node, STR("endpoints")))
        config_fault(b->report, yaml_at(node, STR("endpoints")),
                     "the dialect rules answers here and calls nobody");
}

static void read_limit(struct upstream *u, const struct yaml_node *node)
{
    u->adaptive = str_eq(text_at(node, STR("max_in_flight")), STR("adaptive"));
    if (u->adaptive)
        u->max_in_flight = MOST_ADAPTIVE;
}

static void read_health(struct config_build *b, const struct yaml_node *node,
                        struct upstream *u)
{
    const struct yaml_node *health = yaml_at(node, STR("health"));
    struct str preset = text_at(health, STR("preset")), path = text_at(health, STR("path"));

    if (!health || health->kind != YAML_MAP)
        return;
    if ((preset.len > 0) == (path.len > 0))
        config_fault(b->report, health, "needs either preset: or path:");
    else if (path.len > 0 && path.at[0] != '/')
        config_fault(b->report, yaml_at(health, STR("path")), "a path begins with /");
    else if (path.len > 0)
        u->health.path = copy_text(path);
    else if (health_preset(preset))
        u->health.path = copy_text(str_of(health_preset(preset)));
}

static void read_hedge(struct config_build *b, const struct yaml_node *node, struct upstream *u)
{
    const struct yaml_node *hedge = yaml_at(node, STR("hedge"));
    const struct yaml_node *after = yaml_at(hedge, STR("after"));
    struct str text = after && after->kind == YAML_TEXT ? after->text : STR("p95");

    if (!hedge || hedge->kind != YAML_MAP)
        return;
    u->hedge.on = true;
    if (!value_percentile(text, &u->hedge.percentile) &&
        value_duration(text, &u->hedge.after_us) && u->hedge.after_us == 0)
        config_fault(b->report, after,
                     "would double every call (give it a time, or a percentile)");
    if (u->site_count == 1 && !u->each_address)
        config_warn(b->report, hedge,
                    "has no effect, since this pool has no second endpoint to call "
                    "(list another, or set each_address)");
}

/* What grows must have room to. */
static void check_growth(struct config_build *b, const struct yaml_node *node,
                         const struct upstream *u)
{
    const struct yaml_node *breaker = yaml_at(node, STR("breaker"));
    const struct yaml_node *retry = yaml_at(node, STR("retry"));

    if (u->breaker.rest_us > u->breaker.most_rest_us)
        config_fault_key(b->report, breaker, "rest", "is longer than max_rest");
    if (u->retry.backoff_us > u->retry.most_backoff_us)
        config_fault_key(b->report, retry, "backoff", "is longer than max_backoff");
}

static void add_auth(struct upstream *u, struct str header, struct str secret)
{
    struct buf line = { 0 };

    if (header.at)
        buf_put_printf(&line, "%.*s: ", STR_ARG(header));
    else
        buf_put(&line, STR("Authorization: Bearer "));
    buf_put(&line, secret);
    upstream_add_auth(u, buf_str(&line));
    buf_deinit(&line);
}

/* It would have no turn of its own, and a rest of the one be a rest of both. */
static void check_key_twice(struct config_build *b, const struct yaml_node *keys,
                            const struct yaml_node *key)
{
    for (const struct yaml_node *other = keys->first; other != key; other = other->next) {
        if (other->kind == YAML_TEXT && str_eq(other->text, key->text)) {
            config_fault(b->report, key, "the same key stands here twice (line %u)",
                         other->line);
            return;
        }
    }
}

static void add_keys(struct config_build *b, const struct yaml_node *keys, struct upstream *u,
                     struct str header)
{
    if (keys->count > MOST_KEYS)
        config_fault(b->report, keys, "has more than %d keys", MOST_KEYS);
    yaml_each(key, keys)
    {
        if (key->kind != YAML_TEXT || key->text.len == 0)
            continue;
        check_key_twice(b, keys, key);
        add_auth(u, header, key->text);
    }
    u->auth_missing = u->auth_count == 0;
}

static void read_auth(struct config_build *b, const struct yaml_node *node, struct upstream *u)
{
    const struct yaml_node *auth = yaml_at(node, STR("auth")),
                           *keys = yaml_at(node, STR("keys"));
    const struct yaml_node *bearer = yaml_at(auth, STR("bearer"));
    const struct yaml_node *value = yaml_at(auth, STR("value"));
    struct str header = text_at(auth, STR("header"));
    struct str secret = bearer ? text_at(auth, STR("bearer")) : text_at(auth, STR("value"));

    if (keys && keys->kind == YAML_LIST) {
        if (bearer || value)
            config_fault(b->report, keys,
                         "stands in place of auth.bearer and auth.value (put that key into the "
                         "list, and leave auth's out)");
        add_keys(b, keys, u, header);
        return;
    }
    if (!auth || auth->kind != YAML_MAP)
        return;
    if (bearer ? header.at || value : !header.at || !value) {
        config_fault(b->report, auth,
                     "expected either {bearer: \"${NAME}\"} or "
                     "{header: x-api-key, value: \"${NAME}\"}");
        return;
    }
    u->auth_missing = secret.len == 0;
    if (!u->auth_missing)
        add_auth(u, header, secret);
}

/* Never the caller's credentials, and nothing that belongs to one connection. */
static bool is_forbidden(struct str name)
{
    static const char *const names[] = {
        "authorization", "x-api-key",  "api-key",           "x-goog-api-key", "cookie",
        "host",          "connection", "transfer-encoding", "content-length", "te",
        "trailer",       "upgrade",    "keep-alive",        "expect",         "accept-encoding",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (str_eq(name, str_of(names[i])))
            return true;
    }
    return str_starts(name, STR("proxy-"));
}

static void read_forward(struct config_build *b, const struct yaml_node *node,
                         struct upstream *u)
{
    const struct yaml_node *list = yaml_at(node, STR("forward_headers"));

    if (!list || list->kind != YAML_LIST)
        return;
    u->forward = mem_new_array(list->count + 1, sizeof(*u->forward));
    yaml_each(member, list)
    {
        char *name = copy_text(member->text);

        for (char *at = name; *at; at++)
            *at = *at >= 'A' && *at <= 'Z' ? (char)(*at - 'A' + 'a') : *at;
        u->forward[u->forward_count++] = str_of(name);
        if (is_forbidden(str_of(name)))
            config_fault(b->report, member, "this header never travels upstream");
    }
}

static void read_tls(struct config_build *b, const struct yaml_node *node, struct upstream *u)
{
    const struct yaml_node *ca = yaml_at(yaml_at(node, STR("tls")), STR("ca"));

    if (!ca || ca->kind != YAML_TEXT || ca->broken || ca->text.len == 0)
        return;
    u->ca_file = copy_text(ca->text);
    if (access(u->ca_file, R_OK) != 0)
        config_fault(b->report, ca, "there is no such file that can be read");
}

static void aim(struct upstream *u, const struct yaml_node *node)
{
    const struct schema_row *row = schema_child(PREFIX, STR("idle_timeout"));
    struct str text = text_at(node, STR("idle_timeout"));
    uint64_t idle_us;

    if (!text.at || schema_verdict(row, text) != SCHEMA_GOOD)
        text = str_of(row->fallback);
    if (!value_duration(text, &idle_us))
        return;
    u->target = (struct fetch_target){
        .ca_file = u->ca_file,
        .connect_timeout_us = u->timeouts.connect_us,
        .idle_s = (unsigned)(idle_us / 1000000),
    };
}

static void read_upstream(struct config_build *b, const struct yaml_node *node)
{
    struct plan *plan = b->config->plan;
    struct upstream *u;

    if (node->key.len > 128 || !value_is_text(node->key))
        config_fault(b->report, node, "a name has 1 to 128 characters, no control characters");
    u = upstream_new(node->key, find_dialect(b, node));
    if (!map_put(plan->upstreams, node->key, u)) {
        upstream_free(u);
        return;
    }
    schema_store(PREFIX, node, u, &plan->arena);
    read_rules(b, node, u);
    add_endpoints(b, node, u);
    read_limit(u, node);
    read_health(b, node, u);
    read_hedge(b, node, u);
    check_growth(b, node, u);
    read_auth(b, node, u);
    read_forward(b, node, u);
    read_tls(b, node, u);
    aim(u, node);
}

void config_upstreams(struct config_build *b)
{
    const struct yaml_node *all = yaml_at(b->root, STR("upstreams"));

    if (!all || all->kind != YAML_MAP)
        return;
    yaml_each(node, all)
    {
        read_upstream(b, node);
    }
}
