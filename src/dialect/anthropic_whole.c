/* SPDX-License-Identifier: Apache-2.0 */
#include "anthropic_parts.h"

#include <string.h>

/*
 * What a plain message says, and whether it is good enough to be given again. Why it stopped is
 * told in the words that all dialects share, so that models can be compared.
 */

/* STR() is no constant, and these tables are. */
#define NAME(text)             \
    {                          \
        text, sizeof(text) - 1 \
    }

/* ---- usage ---- */

/*
 * The plain count leaves out what went into the prompt's cache and what was read from it: only
 * their sum is the prompt. A later count of the same kind replaces an earlier one.
 */
void anthropic_whole_read_usage(struct tap *t, struct str usage)
{
    static const struct str names[] = { NAME("input_tokens"),
                                        NAME("cache_creation_input_tokens"),
                                        NAME("cache_read_input_tokens"),
                                        NAME("output_tokens") };
    struct scan_member found[4];
    uint64_t count;
    int64_t sum = 0;
    bool any = false;

    scan_find(usage, names, 4, found);
    for (size_t i = 0; i < 3; i++) {
        if (found[i].type == SCAN_NUMBER && scan_u64(found[i].value, &count) &&
            count <= INT64_MAX / 4)
            t->input_tokens[i] = (int64_t)count;
        any = any || found[i].type == SCAN_NUMBER;
        sum += t->input_tokens[i];
    }
    if (any)
        t->answer.prompt_tokens = sum;
    if (found[3].type == SCAN_NUMBER && scan_u64(found[3].value, &count) && count <= INT64_MAX)
        t->answer.completion_tokens = (int64_t)count;
}

/* ---- why it stopped ---- */

/* clang-format off */
static const struct stop {
    const char *reason;
    const char *word;    /* with its quotes, as a body would have it */
    const char *why_not; /* NULL: good enough to be given again */
} stops[] = {
    { "end_turn",                      "\"stop\"",           NULL },
    { "stop_sequence",                 "\"stop\"",           NULL },
    { "tool_use",                      "\"tool_calls\"",     NULL },
    { "max_tokens",                    "\"length\"",         "it was cut at its length" },
    { "refusal",                       "\"content_filter\"", "it was filtered" },
    { "model_context_window_exceeded", NULL,                 "it was cut at its length" },
    { NULL,                            NULL,                 "its finish reason is not a good one" },
};
/* clang-format on */

static const struct stop *stop_of(const struct scan_member *reason)
{
    const struct stop *s = stops;

    while (s->reason && !scan_text_is(reason, str_of(s->reason)))
        s++;
    return s;
}

void anthropic_whole_read_stop(struct tap *t, const struct scan_member *reason)
{
    const struct stop *s = stop_of(reason);

    if (reason->type != SCAN_STRING)
        return;
    tap_note_finish(t, s->word ? str_of(s->word) : reason->value);
    if (scan_text_is(reason, STR("refusal")))
        t->answer.refusal = true;
}

/* ---- what it says ---- */

/* A text with something in it, or a block of any other kind. */
static bool says_something(struct str block)
{
    struct scan_member type = { .type = SCAN_NONE }, text;

    if (!scan_get(block, STR("type"), &type) || !scan_text_is(&type, STR("text")))
        return type.type == SCAN_STRING;
    return scan_get(block, STR("text"), &text) && text.type == SCAN_STRING &&
           text.value.len > 2;
}

static void judge_content(struct tap *t, const struct scan_member *content)
{
    struct scan s;
    struct scan_member block;
    bool any = false;

    if (content->type == SCAN_ARRAY) {
        scan_start(&s, content->value);
        while (scan_next(&s, &block))
            any = says_something(block.value) || any;
    }
    t->answer.has_content = t->answer.has_content || any;
    if (!any)
        tap_refuse(t, "it is empty");
}

static void judge_count(struct tap *t, const struct scan_member *count)
{
    t->answer.has_content = count->type == SCAN_NUMBER;
    tap_refuse(t, "it is a count of tokens");
}

enum err anthropic_whole_read(struct tap *t, struct str body)
{
    static const struct str names[] = {
        NAME("error"), NAME("usage"),       NAME("content"),
        NAME("model"), NAME("stop_reason"), NAME("input_tokens")
    };
    struct scan_member found[6];
    const char *why_not;

    scan_find(body, names, 6, found);
    if (tap_is_error(t, &found[0], body))
        return ERR_UPSTREAM_IN_BAND;
    if (t->request->endpoint == ENDPOINT_TOKENS) {
        judge_count(t, &found[5]);
        return OK;
    }
    t->model_read = found[3];
    anthropic_whole_read_usage(t, found[1].value);
    judge_content(t, &found[2]);
    anthropic_whole_read_stop(t, &found[4]);
    why_not = stop_of(&found[4])->why_not;
    if (why_not)
        tap_refuse(t, why_not);
    return OK;
}
