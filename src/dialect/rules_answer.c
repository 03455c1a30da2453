/* SPDX-License-Identifier: Apache-2.0 */
#include "anthropic.h"
#include "dialect_rules.h"
#include "json.h"
#include "openai.h"
#include "rules_inner.h"

#include "weir/base/clock.h"
#include "weir/base/scan.h"
#include "weir/base/uuid.h"
#include "weir/dialect/tap.h"

#include <math.h>

/* What a rule says, in the form of the endpoint that was asked: a dialect without a wire. */

static struct str reply_of(const struct rule *rule)
{
    return str_of(rule->reply ? rule->reply : rule->label ? rule->label : rule->answer);
}

static void put_id(struct buf *out, const char *prefix)
{
    char id[UUID_TEXT];

    uuid_make(id);
    buf_put_printf(out, "{\"id\":\"%s%s\",", prefix, id);
}

static void put_head(struct buf *out, const char *prefix, const char *object, struct str model)
{
    put_id(out, prefix);
    buf_put_printf(out, "\"object\":\"%s\",\"created\":%llu,\"model\":", object,
                   (unsigned long long)(clock_wall_ms() / 1000));
    scan_put_string(out, model);
}

#define NO_TOKENS "\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0}}"

static void put_chat(struct buf *out, const struct rule *rule, struct str model)
{
    put_head(out, "chatcmpl-", "chat.completion", model);
    buf_put_text(out,
                 ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
    scan_put_string(out, reply_of(rule));
    buf_put_text(out, "},\"finish_reason\":\"stop\"}]," NO_TOKENS);
}

static void put_completion(struct buf *out, const struct rule *rule, struct str model)
{
    put_head(out, "cmpl-", "text_completion", model);
    buf_put_text(out, ",\"choices\":[{\"index\":0,\"text\":");
    scan_put_string(out, reply_of(rule));
    buf_put_text(out, ",\"logprobs\":null,\"finish_reason\":\"stop\"}]," NO_TOKENS);
}

static void put_response(struct buf *out, const struct rule *rule, struct str model)
{
    put_id(out, "resp_");
    buf_put_printf(
        out, "\"object\":\"response\",\"created_at\":%llu,\"status\":\"completed\",\"model\":",
        (unsigned long long)(clock_wall_ms() / 1000));
    scan_put_string(out, model);
    buf_put_text(out,
                 ",\"output\":[{\"type\":\"message\",\"id\":\"msg_0\",\"status\":\"completed\","
                 "\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":");
    scan_put_string(out, reply_of(rule));
    buf_put_text(out,
                 ",\"annotations\":[]}]}],\"parallel_tool_calls\":false,"
                 "\"tool_choice\":\"none\",\"tools\":[],\"usage\":{\"input_tokens\":0,"
                 "\"input_tokens_details\":{\"cached_tokens\":0},\"output_tokens\":0,"
                 "\"output_tokens_details\":{\"reasoning_tokens\":0},\"total_tokens\":0}}");
}

static void put_message(struct buf *out, const struct rule *rule, struct str model)
{
    put_id(out, "msg_");
    buf_put_text(out, "\"type\":\"message\",\"role\":\"assistant\",\"model\":");
    scan_put_string(out, model);
    buf_put_text(out, ",\"content\":[{\"type\":\"text\",\"text\":");
    scan_put_string(out, reply_of(rule));
    buf_put_text(out, "}],\"stop_reason\":\"end_turn\",\"stop_sequence\":null,\"usage\":{"
                      "\"input_tokens\":0,\"output_tokens\":0}}");
}

static void put_prediction(struct buf *out, const struct rule *rule, size_t number)
{
    if (rule->answer) {
        buf_put_text(out, rule->answer);
        return;
    }
    buf_put_text(out, "{");
    if (rule->label) {
        buf_put_text(out, "\"label\":");
        scan_put_string(out, str_of(rule->label));
        buf_put_text(out, ",");
    }
    if (!isnan(rule->score))
        buf_put_printf(out, "\"score\":%.10g,", rule->score);
    if (rule->reply) {
        buf_put_text(out, "\"reply\":");
        scan_put_string(out, str_of(rule->reply));
        buf_put_text(out, ",");
    }
    buf_put_printf(out, "\"rule\":%zu}", number);
}

/* Several prompts in one request want a choice each. */
static bool has_prompts(const struct request *r)
{
    struct scan_member prompt, m;
    struct scan s;

    if (r->endpoint != ENDPOINT_COMPLETIONS || !scan_get(r->body, STR("prompt"), &prompt))
        return false;
    scan_start(&s, prompt.value);
    return scan_next(&s, &m) && m.type != SCAN_NUMBER && scan_next(&s, &m);
}

enum err rules_answer(const struct rules *rules, const struct request *r, struct str model,
                      struct buf *out)
{
    struct arena arena;
    const struct rule *rule;
    size_t number = 0;

    if (!dialect_rules.paths[r->endpoint] || has_prompts(r))
        return ERR_UNSUPPORTED;
    arena_init(&arena, 0);
    rule = rules_match(rules, rules_text(r, rules_field(rules), &arena), &number);
    arena_deinit(&arena);
    if (!rule)
        return ERR_NO_RULE;
    if (r->endpoint == ENDPOINT_CHAT)
        put_chat(out, rule, model);
    else if (r->endpoint == ENDPOINT_COMPLETIONS)
        put_completion(out, rule, model);
    else if (r->endpoint == ENDPOINT_RESPONSES)
        put_response(out, rule, model);
    else if (r->endpoint == ENDPOINT_MESSAGES)
        put_message(out, rule, model);
    else
        put_prediction(out, rule, number);
    return OK;
}

/* ---- the dialect ---- */

static enum err put_request(const struct request *r, struct str upstream_model, bool ask_usage,
                            struct arena *arena, struct dialect_body *out)
{
    (void)upstream_model;
    (void)ask_usage;
    (void)arena;
    *out = (struct dialect_body){ .parts = { r->body }, .count = 1 };
    return OK;
}

static const struct dialect *form_of(const struct tap *t)
{
    if (t->request->endpoint == ENDPOINT_MESSAGES)
        return &dialect_anthropic;
    return t->request->endpoint == ENDPOINT_PREDICT ? &dialect_json : &dialect_openai;
}

static enum err read_whole(struct tap *t, struct str body)
{
    return form_of(t)->read_whole(t, body);
}

/* It never streams: what it says is made into a stream when it is told. */
static enum err read_event(struct tap *t, const struct tap_event *e, struct delta *out)
{
    return form_of(t)->read_event(t, e, out);
}

static enum err read_end(struct tap *t)
{
    return form_of(t)->read_end(t);
}

/* clang-format off */
const struct dialect dialect_rules = {
    .name = "rules",
    .paths = {
        [ENDPOINT_CHAT]        = "",
        [ENDPOINT_COMPLETIONS] = "",
        [ENDPOINT_RESPONSES]   = "",
        [ENDPOINT_PREDICT]     = "",
        [ENDPOINT_MESSAGES]    = "",
    },
    .put_request = put_request,
    .answer = rules_answer,
    .read_whole = read_whole,
    .read_event = read_event,
    .read_end = read_end,
};
/* clang-format on */
