/* SPDX-License-Identifier: Apache-2.0 */
#include "openai_parts.h"

#include <string.h>

/*
 * What a plain answer says, and whether it is good enough to be given again (docs/cache-keys.md
 * lists what is not). A body that is understood only in part is passed on all the same; it is
 * just not kept.
 */

/* STR() is no constant, and these tables are. */
#define NAME(text)             \
    {                          \
        text, sizeof(text) - 1 \
    }

/* A string with something in it, or a list with elements. */
static bool is_full(const struct scan_member *m)
{
    if (m->type == SCAN_STRING)
        return m->value.len > 2;
    if (m->type == SCAN_ARRAY || m->type == SCAN_OBJECT) {
        struct scan s;
        struct scan_member first;

        scan_start(&s, m->value);
        return scan_next(&s, &first);
    }
    return false;
}

static bool holds(struct str object, struct str key)
{
    struct scan_member m;

    return scan_get(object, key, &m) && is_full(&m);
}

/* ---- usage ---- */

static void read_count(const struct scan_member *m, int64_t *out)
{
    uint64_t count;

    if (m->type == SCAN_NUMBER && scan_u64(m->value, &count) && count <= INT64_MAX)
        *out = (int64_t)count;
}

void openai_whole_read_usage(struct tap *t, struct str usage)
{
    static const struct str names[] = { NAME("prompt_tokens"), NAME("completion_tokens"),
                                        NAME("input_tokens"), NAME("output_tokens") };
    struct scan_member found[4];

    scan_find(usage, names, 4, found);
    read_count(&found[0], &t->answer.prompt_tokens);
    read_count(&found[1], &t->answer.completion_tokens);
    read_count(&found[2], &t->answer.prompt_tokens);
    read_count(&found[3], &t->answer.completion_tokens);
}

/* ---- chat and completions ---- */

static void judge_finish(struct tap *t, const struct scan_member *finish)
{
    static const char *const good[] = { "stop",     "tool_calls", "function_call",
                                        "end_turn", "tool_use",   "stop_sequence" };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (scan_text_is(finish, str_of(good[i])))
            return;
    }
    if (scan_text_is(finish, STR("length")))
        tap_refuse(t, "it was cut at its length");
    else if (scan_text_is(finish, STR("content_filter")))
        tap_refuse(t, "it was filtered");
    else
        tap_refuse(t, "its finish reason is not a good one");
}

static bool judge_message(struct tap *t, struct str message)
{
    static const struct str names[] = { NAME("refusal"), NAME("content"), NAME("tool_calls"),
                                        NAME("function_call") };
    struct scan_member found[4];
    bool refusal;

    scan_find(message, names, 4, found);
    refusal = is_full(&found[0]);
    t->answer.refusal = t->answer.refusal || refusal;
    return refusal || is_full(&found[1]) || is_full(&found[2]) || is_full(&found[3]);
}

static void judge_choice(struct tap *t, struct str choice, bool first)
{
    static const struct str names[] = { NAME("text"), NAME("message"), NAME("finish_reason") };
    struct scan_member found[3];
    bool content;

    scan_find(choice, names, 3, found);
    content = is_full(&found[0]);
    if (judge_message(t, found[1].value))
        content = true;
    if (found[2].type == SCAN_STRING && first)
        tap_note_finish(t, found[2].value);
    t->answer.has_content = t->answer.has_content || content;
    if (!content)
        tap_refuse(t, "it is empty");
    judge_finish(t, &found[2]);
}

static void judge_choices(struct tap *t, const struct scan_member *choices)
{
    struct scan s;
    struct scan_member choice;
    bool first = true;

    if (choices->type != SCAN_ARRAY) {
        tap_refuse(t, "it has no choices");
        return;
    }
    scan_start(&s, choices->value);
    while (scan_next(&s, &choice)) {
        judge_choice(t, choice.value, first);
        first = false;
    }
    if (first)
        tap_refuse(t, "it has no choices");
}

/* ---- embeddings and moderations ---- */

enum { VECTORS_MOST = 4096 }; /* twice what a request may ask for */

/* Each number once, and none missing: as many as there are vectors. */
struct places {
    uint64_t taken[VECTORS_MOST / 64];
    uint64_t count, highest;
};

static bool take_place(struct places *p, struct str item)
{
    struct scan_member index;
    uint64_t n, bit;

    if (!scan_get(item, STR("index"), &index) || !scan_u64(index.value, &n) ||
        n >= VECTORS_MOST)
        return false;
    bit = UINT64_C(1) << n % 64;
    if (p->taken[n / 64] & bit)
        return false;
    p->taken[n / 64] |= bit;
    p->highest = n > p->highest ? n : p->highest;
    p->count++;
    return true;
}

/*
 * A vector that is not surely its input's would spoil a store for months. The
 * rows themselves may come in any order; whoever reads them goes by their index.
 */
static void judge_embeddings(struct tap *t, struct str body)
{
    struct scan s;
    struct scan_member data = { .type = SCAN_NONE }, item;
    struct places places = { .count = 0 };

    if (!scan_get(body, STR("data"), &data) || data.type != SCAN_ARRAY) {
        tap_refuse(t, "it has no data");
        return;
    }
    scan_start(&s, data.value);
    while (scan_next(&s, &item)) {
        if (!take_place(&places, item.value))
            tap_refuse(t, "its vectors are not numbered one by one");
        if (!holds(item.value, STR("embedding")))
            tap_refuse(t, "it is empty");
        t->answer.has_content = true;
    }
    if (!t->answer.has_content)
        tap_refuse(t, "it has no data");
    else if (places.highest + 1 != places.count)
        tap_refuse(t, "its vectors are not numbered one by one");
}

static void judge_moderations(struct tap *t, struct str body)
{
    t->answer.has_content = holds(body, STR("results"));
    if (!t->answer.has_content)
        tap_refuse(t, "it has no results");
}

/* ---- responses ---- */

static void look_into_output(struct tap *t, struct str output, bool *calls)
{
    struct scan items, parts;
    struct scan_member item, type, content = { .type = SCAN_NONE }, part;

    scan_start(&items, output);
    while (scan_next(&items, &item)) {
        if (!scan_get(item.value, STR("type"), &type))
            continue;
        if (scan_text_is(&type, STR("function_call")) ||
            scan_text_is(&type, STR("custom_tool_call")))
            *calls = true;
        if (!scan_get(item.value, STR("content"), &content))
            continue;
        scan_start(&parts, content.value);
        while (scan_next(&parts, &part)) {
            if (holds(part.value, STR("refusal")))
                t->answer.refusal = true;
        }
    }
}

static const char *finish_of_response(struct str body, struct str output_value, struct tap *t)
{
    struct scan_member status = { .type = SCAN_NONE }, reason;
    bool calls = false;

    look_into_output(t, output_value, &calls);
    if (!scan_get(body, STR("status"), &status) || scan_text_is(&status, STR("completed")))
        return calls ? "tool_calls" : "stop";
    if (!scan_text_is(&status, STR("incomplete")))
        return "";
    if (scan_pointer(body, STR("/incomplete_details/reason"), &reason) &&
        scan_text_is(&reason, STR("content_filter")))
        return "content_filter";
    return "length";
}

static void judge_response(struct tap *t, struct str body)
{
    struct scan_member status = { .type = SCAN_NONE }, output = { .value = { "", 0 } };
    const char *finish;

    if (!scan_get(body, STR("output"), &output) || !holds(body, STR("output")))
        tap_refuse(t, "it is empty");
    else
        t->answer.has_content = true;
    finish = finish_of_response(body, output.value, t);
    memcpy(t->answer.finish_reason, finish, strlen(finish) + 1);
    if (!scan_get(body, STR("status"), &status) || !scan_text_is(&status, STR("completed")))
        tap_refuse(t, "it is not completed");
}

/* ---- all ---- */

enum err openai_whole_read(struct tap *t, struct str body)
{
    static const struct str names[] = { NAME("error"), NAME("usage"), NAME("choices"),
                                        NAME("model"), NAME("system_fingerprint") };
    struct scan_member found[5];

    scan_find(body, names, 5, found);
    t->model_read = found[3];
    t->fingerprint_read = found[4];
    if (tap_is_error(t, &found[0], body))
        return ERR_UPSTREAM_IN_BAND;
    openai_whole_read_usage(t, found[1].value);
    switch (t->request->endpoint) {
    case ENDPOINT_CHAT:
    case ENDPOINT_COMPLETIONS: judge_choices(t, &found[2]); break;
    case ENDPOINT_EMBEDDINGS: judge_embeddings(t, body); break;
    case ENDPOINT_MODERATIONS: judge_moderations(t, body); break;
    case ENDPOINT_RESPONSES: judge_response(t, body); break;
    case ENDPOINT_PREDICT:
    case ENDPOINT_MESSAGES:
    case ENDPOINT_TOKENS:
    case ENDPOINT_COUNT: tap_refuse(t, "nobody knows its form"); break;
    }
    return OK;
}
