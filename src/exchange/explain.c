/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/exchange/explain.h"

#include "weir/base/scan.h"

#include "keep.h"

enum { ARENA_FIXED_BYTES = 1 << 20, ARENA_PER_BODY = 4 };

static void put_member(struct buf *out, const char *name, struct str value)
{
    buf_put_printf(out, ",\"%s\":", name);
    if (value.at)
        scan_put_string(out, value);
    else
        buf_put_text(out, "null");
}

static enum err explain_in(const struct ask *ask, const struct remote_settings *remote,
                           struct arena *arena, struct buf *out, struct fault *why)
{
    struct request request;
    struct fingerprint print = { 0 };
    struct fingerprint_parts parts = { .headers = ask->key_headers };
    struct entry_facts facts = { .endpoint = ask->endpoint };
    struct buf redis_key = { 0 };
    const struct model *model;
    const char *why_not;
    char hex[DIGEST_HEX];
    bool kept;
    enum err err;

    err = request_decode(&request, ask->endpoint, ask->path_model, ask->body, arena, why);
    if (err)
        return err;
    model = plan_model(ask->plan, request.model);
    if (!model || !tenant_may_ask(ask->tenant, request.model))
        return fault_set(why, ERR_NO_MODEL, "model",
                         "is \"%.*s\", which is not configured for this caller",
                         STR_ARG(str_head(request.model, 100)));
    parts.scope = keep_scope(model, ask);
    parts.plan = model->text;
    err = fingerprint_of(&print, &request, &parts, arena);
    if (err)
        return fault_set(why, err, "", "the canonical form of this request is over our limit");

    kept = keep_allows(model, ask, &request, &print, &why_not);
    digest_hex(&print.key, hex);
    facts.key = print.key;
    facts.scope = parts.scope;
    facts.model = request.model;
    remote_key(remote, &facts, &redis_key);
    buf_put_printf(out, "{\"key\":\"%s\",\"version\":%d", hex, FINGERPRINT_VERSION);
    put_member(out, "redis_key", buf_str(&redis_key));
    put_member(out, "scope", parts.scope);
    put_member(out, "endpoint", endpoint_word(ask->endpoint));
    put_member(out, "model", request.model);
    put_member(out, "plan", parts.plan);
    put_member(out, "headers", parts.headers.len > 0 ? parts.headers : (struct str){ 0 });
    buf_put_printf(out, ",\"cached\":%s", kept ? "true" : "false");
    put_member(out, "why_not", str_of(why_not));
    buf_put_printf(out, ",\"ttl_seconds\":%llu",
                   (unsigned long long)(kept ? model->cache.ttl_ms / 1000 : 0));
    put_member(out, "canonical", print.canonical);
    buf_put_text(out, "}\n");
    buf_deinit(&redis_key);
    return OK;
}

enum err explain(const struct ask *ask, const struct remote_settings *remote, struct buf *out,
                 struct fault *why)
{
    struct arena arena;
    enum err err;

    arena_init(&arena, ARENA_FIXED_BYTES + ARENA_PER_BODY * ask->body.len);
    err = explain_in(ask, remote, &arena, out, why);
    arena_deinit(&arena);
    return err;
}
