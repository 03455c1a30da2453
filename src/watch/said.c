/* SPDX-License-Identifier: Apache-2.0 */
#include "said.h"

#include "weir/base/buf.h"
#include "weir/base/scan.h"
#include "weir/dialect/rules.h"

/* ---- where things are ---- */

static bool find_string(struct str json, struct str pointer, struct scan_member *at)
{
    return scan_pointer(json, pointer, at) && at->type == SCAN_STRING;
}

/* The parts of what an answer puts out: false ends it. */
typedef bool part_fn(void *ctx, struct str part);

static bool each_content(struct str holder, part_fn *fn, void *ctx)
{
    struct scan parts;
    struct scan_member content, part;

    if (!scan_get(holder, STR("content"), &content) || content.type != SCAN_ARRAY)
        return true;
    for (scan_start(&parts, content.value); scan_next(&parts, &part);)
        if (part.type == SCAN_OBJECT && !fn(ctx, part.value))
            return false;
    return true;
}

/* A message has them at its top, a response one level down. */
static void each_part(struct str json, part_fn *fn, void *ctx)
{
    struct scan items;
    struct scan_member item, output;

    if (!each_content(json, fn, ctx))
        return;
    if (!scan_get(json, STR("output"), &output) || output.type != SCAN_ARRAY)
        return;
    for (scan_start(&items, output.value); scan_next(&items, &item);)
        if (item.type == SCAN_OBJECT && !each_content(item.value, fn, ctx))
            return;
}

/* ---- texts ---- */

struct joined {
    struct buf out;
    struct arena *texts;
    bool any;
};

static bool join_text(void *ctx, struct str part)
{
    struct joined *j = ctx;
    struct scan_member text;

    if (scan_get(part, STR("text"), &text) && text.type == SCAN_STRING) {
        buf_put(&j->out, scan_text(text.value, j->texts, NULL));
        j->any = true;
    }
    return true;
}

struct str said_answer(struct str json, struct arena *texts)
{
    struct joined joined = { .texts = texts };
    struct scan_member at;
    struct str text = { 0 };

    if (find_string(json, STR("/choices/0/message/content"), &at) ||
        find_string(json, STR("/choices/0/text"), &at))
        return scan_text(at.value, texts, NULL);
    each_part(json, join_text, &joined);
    if (joined.any)
        text = arena_copy(texts, buf_str(&joined.out));
    buf_deinit(&joined.out);
    return text;
}

/* A body tells by its members what was asked of it. */
static enum endpoint endpoint_of(struct str json)
{
    struct scan_member m, first;

    if (scan_get(json, STR("messages"), &m))
        return ENDPOINT_CHAT;
    if (scan_get(json, STR("prompt"), &m))
        return ENDPOINT_COMPLETIONS;
    if (!scan_get(json, STR("input"), &m))
        return ENDPOINT_PREDICT;
    if (m.type == SCAN_ARRAY && scan_pointer(m.value, STR("/0"), &first))
        return first.type == SCAN_OBJECT ? ENDPOINT_RESPONSES : ENDPOINT_PREDICT;
    return ENDPOINT_RESPONSES;
}

struct str said_request(struct str json, struct arena *texts)
{
    struct request r = { .endpoint = endpoint_of(json), .body = json };
    struct str text = rules_text(&r, STR(""), texts);

    return text.len > 0 ? text : (struct str){ 0 };
}

/* ---- tools ---- */

/* A list `holder` of items of which some are calls, each of this type. */
static bool find_called(struct str json, struct str holder, struct str call,
                        struct scan_member *name)
{
    struct scan items;
    struct scan_member list, item, type;

    if (!scan_get(json, holder, &list) || list.type != SCAN_ARRAY)
        return false;
    for (scan_start(&items, list.value); scan_next(&items, &item);)
        if (item.type == SCAN_OBJECT && scan_get(item.value, STR("type"), &type) &&
            scan_text_is(&type, call) && scan_get(item.value, STR("name"), name) &&
            name->type == SCAN_STRING)
            return true;
    return false;
}

struct str said_tool(struct str json, struct arena *texts)
{
    struct scan_member name;

    if (find_string(json, STR("/choices/0/message/tool_calls/0/function/name"), &name) ||
        find_string(json, STR("/choices/0/message/function_call/name"), &name) ||
        find_called(json, STR("output"), STR("function_call"), &name) ||
        find_called(json, STR("content"), STR("tool_use"), &name))
        return scan_text(name.value, texts, NULL);
    return (struct str){ 0 };
}

/* ---- log-probabilities ---- */

struct tokens {
    double sum;
    size_t count;
};

/* Each token is an object with `logprob`, or the number itself. */
static void add_tokens(struct tokens *t, struct str list)
{
    struct scan s;
    struct scan_member token, value;
    double logprob;

    for (scan_start(&s, list); scan_next(&s, &token);) {
        value = token;
        if (token.type == SCAN_OBJECT && !scan_get(token.value, STR("logprob"), &value))
            continue;
        if (value.type != SCAN_NUMBER || !scan_number(value.value, &logprob))
            continue;
        t->sum += logprob;
        t->count++;
    }
}

static bool add_part(void *ctx, struct str part)
{
    struct scan_member list;

    if (scan_get(part, STR("logprobs"), &list) && list.type == SCAN_ARRAY)
        add_tokens(ctx, list.value);
    return true;
}

bool said_confidence(struct str json, double *mean)
{
    struct tokens tokens = { 0 };
    struct scan_member list;

    if ((scan_pointer(json, STR("/choices/0/logprobs/content"), &list) ||
         scan_pointer(json, STR("/choices/0/logprobs/token_logprobs"), &list)) &&
        list.type == SCAN_ARRAY)
        add_tokens(&tokens, list.value);
    else
        each_part(json, add_part, &tokens);
    if (tokens.count == 0)
        return false;
    *mean = tokens.sum / (double)tokens.count;
    return true;
}
