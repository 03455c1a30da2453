/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The settings of the process, and what must be true between them: operators and clients never
 * share an address, and what can be reached from other machines is not left open unawares. The
 * command line's addresses come last and win; a fault then names the option, not the file's
 * line.
 */

#include "config_build.h"
#include "schema.h"
#include "value.h"
#include "weir/net/tcp.h"

static struct yaml_node *find(const struct config_build *b, struct str group, struct str key)
{
    return yaml_at(yaml_at(b->root, group), key);
}

static bool is_everywhere(struct str host)
{
    return str_eq(host, STR("0.0.0.0")) || str_eq(host, STR("::"));
}

/* Their part of the settings; the URL says user, password and database. */
static void read_sentinels(struct config_build *b, const struct yaml_node *redis)
{
    struct settings *s = &b->config->settings;
    const struct yaml_node *list = yaml_at(redis, STR("sentinels"));
    const struct yaml_node *master = yaml_at(redis, STR("master"));
    struct fault why = { 0 };

    if (!list && !yaml_at(redis, STR("url")))
        config_fault_key(b->report, redis, "url", "is missing, and has no default");
    if (list && !master)
        config_fault(b->report, list, "needs master: what do the sentinels call it?");
    if (master && !list)
        config_fault(b->report, master, "needs sentinels: who knows where it is?");
    yaml_each(place, list)
    {
        if (redis_settings_add_sentinel(&s->redis, place->text, &why))
            config_fault(b->report, place, "%s", why.text);
    }
    if (master && redis_settings_set_master(&s->redis, master->text, &why))
        config_fault(b->report, master, "%s", why.text);
}

static void read_redis(struct config_build *b)
{
    struct settings *s = &b->config->settings;
    const struct yaml_node *redis = find(b, STR("cache"), STR("redis"));
    const struct yaml_node *url = yaml_at(redis, STR("url"));
    struct fault why = { 0 };

    if (!redis || redis->kind != YAML_MAP || (url && (url->kind != YAML_TEXT || url->broken)))
        return;
    if (redis_settings_read(&s->redis, url ? url->text : STR("redis://127.0.0.1"), &why))
        config_fault(b->report, url ? url : redis,
                     "%s (expected redis://[user[:password]@]host[:port][/database], "
                     "such as redis://127.0.0.1:6379/0)",
                     why.text);
    s->redis_on = true;
    read_sentinels(b, redis);
}

static void override(struct config_build *b, const char *option, struct str given,
                     struct str *setting)
{
    struct str host;
    uint16_t port;

    if (!given.at)
        return;
    if (value_address(given, &host, &port))
        *setting = arena_copy(&b->config->arena, given);
    else
        config_fault_option(b->report, option,
                            "expected an address host:port such as 127.0.0.1:8080");
}

/* Where an address was given: on the command line, in the file, or nowhere. */
static void tell(struct config_build *b, bool overridden, const char *option, struct str group,
                 const char *what)
{
    const struct yaml_node *listen = find(b, group, STR("listen"));

    if (overridden)
        config_fault_option(b->report, option, what);
    else if (listen)
        config_fault(b->report, listen, "%s", what);
    else
        config_fault_line(b->report, 1, "%.*s.listen: %s", STR_ARG(group), what);
}

static void warn_open(struct config_build *b, bool overridden)
{
    static const char what[] =
        "anyone who can reach this address may ask, since no tenants are "
        "configured (add tenants, or listen on 127.0.0.1)";
    const struct yaml_node *listen = find(b, STR("server"), STR("listen"));

    if (overridden || !listen)
        config_warn_option(b->report, "--listen", what);
    else
        config_warn(b->report, listen, what);
}

static void check_addresses(struct config_build *b)
{
    const struct settings *s = &b->config->settings;
    bool own = b->overrides && b->overrides->listen.at;
    bool own_admin = b->overrides && b->overrides->admin.at;
    const struct yaml_node *token = find(b, STR("admin"), STR("token"));
    struct str host, admin_host;
    uint16_t port, admin_port;

    if (!value_address(s->listen, &host, &port) ||
        !value_address(s->admin_listen, &admin_host, &admin_port))
        return;
    if (port != 0 && port == admin_port &&
        (str_eq(host, admin_host) || is_everywhere(host) || is_everywhere(admin_host)))
        tell(b, own_admin, "--admin", STR("admin"),
             "must differ from server.listen: operators and clients never share an address");
    if (!listener_is_loopback(s->admin_listen) && s->admin_token.len == 0 &&
        !(token && token->broken))
        tell(b, own_admin, "--admin", STR("admin"),
             "can be reached from other machines, so admin.token must be set "
             "(or listen on 127.0.0.1)");
    if (!listener_is_loopback(s->listen) && !yaml_at(b->root, STR("tenants")))
        warn_open(b, own);
}

void config_server(struct config_build *b)
{
    struct settings *s = &b->config->settings;

    read_redis(b); /* first: the rows then add to it */
    schema_store("", b->root, s, &b->config->arena);
    if (b->overrides) {
        override(b, "--listen", b->overrides->listen, &s->listen);
        override(b, "--admin", b->overrides->admin, &s->admin_listen);
    }
    check_addresses(b);
}
