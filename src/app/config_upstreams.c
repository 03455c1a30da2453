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

#include <unistd.h>

static const char PREFIX[] = "upstreams.<name>";

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

static void add_endpoints(struct config_build *b, const struct yaml_node *node,
                          struct upstream *u)
{
    const struct yaml_node *list = yaml_at(node, STR("endpoints"));

    yaml_each(member, list)
    {
        struct yaml_node *url = member->kind == YAML_MAP ? yaml_at(member, STR("url")) : member;

        if (!url || url->kind != YAML_TEXT || url->broken || !value_is_url(url->text))
            continue;
        if (!upstream_add_endpoint(u, url->text))
            config_fault(b->report, url, "expected http(s)://host[:port][/path]");
    }
}

static void read_balance(struct config_build *b, const struct yaml_node *node,
                         struct upstream *u)
{
    const struct yaml_node *n = yaml_at(node, STR("balance"));

    if (!n || n->kind != YAML_TEXT)
        return;
    if (str_eq(n->text, STR("round_robin")))
        u->balance = BALANCE_ROUND_ROBIN;
    else if (str_eq(n->text, STR("p2c_ewma")) || str_eq(n->text, STR("prefix_affinity")))
        config_warn(b->report, n,
                    "accepted, but least_outstanding is used in its place in this version");
}

static void read_auth(struct config_build *b, const struct yaml_node *node, struct upstream *u)
{
    const struct yaml_node *auth = yaml_at(node, STR("auth"));
    const struct yaml_node *bearer = yaml_at(auth, STR("bearer"));
    struct str header = text_at(auth, STR("header")), value = text_at(auth, STR("value"));
    struct str secret = bearer ? text_at(auth, STR("bearer")) : value;
    struct buf line = { 0 };

    if (!auth || auth->kind != YAML_MAP)
        return;
    if (bearer ? yaml_at(auth, STR("header")) || yaml_at(auth, STR("value"))
               : !yaml_at(auth, STR("header")) || !yaml_at(auth, STR("value"))) {
        config_fault(b->report, auth,
                     "expected either {bearer: \"${NAME}\"} or "
                     "{header: x-api-key, value: \"${NAME}\"}");
        return;
    }
    u->auth_missing = secret.len == 0;
    if (bearer)
        buf_put(&line, STR("Authorization: Bearer "));
    else
        buf_put_printf(&line, "%.*s: ", STR_ARG(header));
    buf_put(&line, secret);
    u->auth_header = copy_text(buf_str(&line));
    buf_deinit(&line);
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
    for (size_t i = 0; i < u->endpoint_count; i++)
        u->endpoints[i].target = (struct fetch_target){
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
    add_endpoints(b, node, u);
    read_balance(b, node, u);
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
