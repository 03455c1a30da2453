/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is kept of an exchange: its answer as an entry, and the upstream's telling headers.
 * Whether an answer may be kept is said in one place, keep_allows, in words that the log and
 * the admin's explanation repeat. Headers are copied while their call still holds them, and
 * only those of a closed list travel: the rest is between us and the upstream.
 */

#include "keep.h"

#include "weir/base/clock.h"
#include "weir/exchange/recall.h"

#include "steps.h"
#include "valid.h"

#include <string.h>

bool keep_is_answered(const struct exchange *x)
{
    const struct attempt *a = call_lead(x);

    return x->err == OK && x->refusal == OK && a && a->phase == PHASE_OVER;
}

struct str keep_plain_form(const struct exchange *x)
{
    const struct attempt *a = call_lead(x);

    if (!keep_is_answered(x))
        return (struct str){ 0 };
    if (a->streamed)
        return a->tap.answer.keep_failed ? (struct str){ 0 } : buf_str(&a->tap.answer.body);
    return buf_str(&a->body);
}

struct str keep_scope(const struct model *m, const struct ask *ask)
{
    return m->cache.scope == SCOPE_SHARED ? STR("shared") : ask->scope;
}

bool keep_allows(const struct model *m, const struct ask *ask, const struct request *r,
                 const struct fingerprint *print, const char **why_not)
{
    *why_not = NULL;
    if (m->cache.when == CACHE_NEVER || m->cache.ttl_ms == 0)
        *why_not = "the model's configuration says never";
    else if (ask->cache.no_store)
        *why_not = "the caller said no-store";
    else if (r->never_cached)
        *why_not = r->never_cached;
    else if (print->never_cached)
        *why_not = print->never_cached;
    else if (m->cache.when == CACHE_DETERMINISTIC && !r->deterministic)
        *why_not = "not deterministic: temperature is not 0, or n is not 1";
    return !*why_not;
}

bool keep_is_for_key(const struct exchange *x)
{
    return x->may_keep && x->ask.idempotency_key.len > 0 && x->model->idempotency_ms > 0;
}

/* Not of the plan: the same key means the same on every gateway, and after a reload. */
void keep_idempotent_key(const struct ask *ask, struct digest *out)
{
    digest_start();
    digest_add_part(STR("idempotency-key"));
    digest_add_u64((uint64_t)ask->endpoint);
    digest_add_part(ask->scope);
    digest_add_part(ask->idempotency_key);
    digest_add_part(ask->path_model);
    digest_add_part(ask->key_headers);
    digest_add_part(ask->body);
    digest_end(out);
}

/* What this answer alone cost: who gets it from the cache saves as much. */
static uint64_t cost_of(const struct exchange *x, const struct answer *a)
{
    const struct price *price = &choose_route_now(x)->price;

    if (!price_is_known(price))
        return 0;
    return (uint64_t)(price_of(price, a->prompt_tokens, a->completion_tokens) * 1e6 + 0.5);
}

struct entry *keep_entry(const struct exchange *x, struct str body)
{
    const struct attempt *call = call_lead(x);
    const struct answer *a = &call->tap.answer;
    struct entry_facts facts = {
        .key = x->print.key,
        .endpoint = x->ask.endpoint,
        .scope = keep_scope(x->model, &x->ask),
        .model = x->request.model,
        .upstream = str_of(call->call.upstream->name),
        .upstream_model = call->call.upstream_model,
        .content_type = STR("application/json"),
        .body = body,
        .request = x->kit->cache.holds_requests ? x->print.canonical : STR(""),
        .refusal = a->refusal,
        .status = (uint16_t)call->status,
        .degraded = (uint8_t)x->degraded,
        .created_ms = clock_wall_ms(),
        .fresh_ms = x->fresh_ms,
        .stale_ms = x->stale_ms,
        .took_ms = (call->ended_us - call->started_us) / 1000,
        .prompt_tokens = a->prompt_tokens,
        .completion_tokens = a->completion_tokens,
        .cost_microusd = cost_of(x, a),
    };

    if (body.len == 0)
        return NULL;
    memcpy(facts.finish_reason, a->finish_reason, sizeof(facts.finish_reason));
    return entry_new(&facts);
}

struct entry *keep_refusal(const struct exchange *x)
{
    const struct attempt *a = call_lead(x);
    struct entry_facts facts = {
        .upstream = str_of(a->call.upstream->name),
        .upstream_model = a->call.upstream_model,
        .content_type = attempt_header(a, "content-type"),
        .body = buf_str(&a->body),
        .status = (uint16_t)a->status,
    };

    if (x->err == ERR_UPSTREAM_INVALID) {
        facts.content_type = (struct str){ 0 };
        facts.body = valid_report(x);
    }
    recall_digest(&x->ask, &facts.key);
    return entry_new(&facts);
}

/* Its fresh_ms is how long to wait, and a bit more, for 0 is that nobody said. */
struct entry *keep_failure_of(int status, int64_t wait_ms)
{
    struct entry_facts facts = { .status = (uint16_t)status,
                                 .fresh_ms = (uint64_t)(wait_ms + 1) };

    return entry_new(&facts);
}

int64_t keep_wait_ms(const struct entry *failure)
{
    return (int64_t)failure->facts.fresh_ms - 1;
}

/* With what the upstream said, if that is why. */
struct entry *keep_failure(const struct exchange *x)
{
    const struct attempt *a = call_lead(x);
    struct entry_facts facts = { .fresh_ms = (uint64_t)(x->wait_ms + 1) };

    if (a && x->err == x->refusal && a->status >= 400) {
        facts.status = (uint16_t)a->status;
        facts.content_type = attempt_header(a, "content-type");
        facts.body = buf_str(&a->body);
    }
    return entry_new(&facts);
}

/* ---- headers ------------------------------------------------------------------------- */

/* RFC 9110, 5.6.2: libcurl takes names that no client should see. */
static bool is_token(struct str name)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (!plain && (c == '\0' || !strchr(marks, c)))
            return false;
    }
    return name.len > 0;
}

static bool travels(struct str name)
{
    static const char *const prefixes[] = { "x-ratelimit-", "openai-", "anthropic-" };
    static const char *const names[] = { "retry-after-ms", "x-should-retry" };

    if (!is_token(name))
        return false;
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        struct str prefix = str_of(prefixes[i]);

        if (name.len >= prefix.len && str_eq_nocase(str_cut(name, 0, prefix.len), prefix))
            return true;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (str_eq_nocase(name, str_of(names[i])))
            return true;
    return false;
}

/* Clients read heads of 16 KiB and more, but not always. */
enum { PASSED_BYTES = 8 << 10, PASSED_ID_BYTES = 512 };

void keep_headers(struct exchange *x)
{
    struct fetch_header_at at = { 0 };
    struct buf lines = { .most = PASSED_BYTES };
    struct str id;

    while (fetch_next_header(&call_lead(x)->fetch, &at))
        if (travels(at.name) &&
            buf_printf(&lines, "%.*s: %.*s\r\n", STR_ARG(at.name), STR_ARG(at.value)) != OK)
            break;
    x->passed = arena_copy(&x->arena, buf_str(&lines));
    buf_deinit(&lines);
    id = attempt_header(call_lead(x), "x-request-id");
    if (id.len == 0)
        id = attempt_header(call_lead(x), "request-id"); /* Anthropic's */
    x->upstream_request_id = id.len <= PASSED_ID_BYTES ? arena_copy(&x->arena, id)
                                                       : (struct str){ 0 };
}
