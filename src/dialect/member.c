/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/dialect/fingerprint.h"

#include "weir/base/scan.h"

/*
 * How each published member of a request counts in a cache key. It is a deny-list: only
 * what stands here as quiet is left out of a key, and a member that nobody knows is in it.
 * Predictions have no row at all: what a model service makes of a member is its own affair.
 */

#define CHAT "chat"
#define TEXT "chat,completions"
#define RESP "responses"
#define GENERATE "chat,completions,responses"
#define ALL "chat,completions,embeddings,responses,moderations"
#define MESSAGE "messages"
#define BOTH "messages,count_tokens"

/* clang-format off */
static const struct member_row openai_rows[] = {
    /* endpoints              name                      class */
    { ALL,                    "model",                  MEMBER_ROUTING },

    { GENERATE,               "stream",                 MEMBER_QUIET },
    { GENERATE,               "stream_options",         MEMBER_QUIET },
    { "chat,completions,embeddings,responses", "user",  MEMBER_QUIET },
    { "chat,responses",       "metadata",               MEMBER_QUIET },
    { "chat,responses",       "store",                  MEMBER_QUIET },
    { "chat,responses",       "service_tier",           MEMBER_QUIET },
    { "chat,responses",       "safety_identifier",      MEMBER_QUIET },
    { "chat,responses",       "prompt_cache_key",       MEMBER_QUIET },
    { "chat,responses",       "prompt_cache_retention", MEMBER_QUIET },
    { "chat,responses",       "prompt_cache_options",   MEMBER_QUIET },

    { "chat,responses",       "tools",                  MEMBER_ORDERED },
    { CHAT,                   "functions",              MEMBER_ORDERED },
    { CHAT,                   "response_format",        MEMBER_ORDERED },

    { CHAT,                   "web_search_options",     MEMBER_STATE },
    { RESP,                   "previous_response_id",   MEMBER_STATE },
    { RESP,                   "conversation",           MEMBER_STATE },
    { RESP,                   "background",             MEMBER_STATE },
    { RESP,                   "prompt",                 MEMBER_STATE },

    { CHAT,                   "messages",               MEMBER_ANSWER },
    { CHAT,                   "max_completion_tokens",  MEMBER_ANSWER },
    { TEXT,                   "max_tokens",             MEMBER_ANSWER },
    { GENERATE,               "temperature",            MEMBER_ANSWER },
    { GENERATE,               "top_p",                  MEMBER_ANSWER },
    { TEXT,                   "frequency_penalty",      MEMBER_ANSWER },
    { TEXT,                   "presence_penalty",       MEMBER_ANSWER },
    { TEXT,                   "n",                      MEMBER_ANSWER },
    { TEXT,                   "stop",                   MEMBER_ANSWER },
    { TEXT,                   "seed",                   MEMBER_ANSWER },
    { TEXT,                   "logit_bias",             MEMBER_ANSWER },
    { TEXT,                   "logprobs",               MEMBER_ANSWER },
    { "chat,responses",       "top_logprobs",           MEMBER_ANSWER },
    { "chat,responses",       "tool_choice",            MEMBER_ANSWER },
    { "chat,responses",       "parallel_tool_calls",    MEMBER_ANSWER },
    { CHAT,                   "function_call",          MEMBER_ANSWER },
    { CHAT,                   "reasoning_effort",       MEMBER_ANSWER },
    { CHAT,                   "verbosity",              MEMBER_ANSWER },
    { CHAT,                   "modalities",             MEMBER_ANSWER },
    { CHAT,                   "audio",                  MEMBER_ANSWER },
    { CHAT,                   "prediction",             MEMBER_ANSWER },
    { "chat,responses",       "moderation",             MEMBER_ANSWER },

    { "completions",          "prompt",                 MEMBER_ANSWER },
    { "completions",          "suffix",                 MEMBER_ANSWER },
    { "completions",          "echo",                   MEMBER_ANSWER },
    { "completions",          "best_of",                MEMBER_ANSWER },

    { "embeddings,responses,moderations", "input",      MEMBER_ANSWER },
    { "embeddings",           "encoding_format",        MEMBER_ANSWER },
    { "embeddings",           "dimensions",             MEMBER_ANSWER },

    { RESP,                   "instructions",           MEMBER_ANSWER },
    { RESP,                   "text",                   MEMBER_ANSWER },
    { RESP,                   "reasoning",              MEMBER_ANSWER },
    { RESP,                   "max_output_tokens",      MEMBER_ANSWER },
    { RESP,                   "max_tool_calls",         MEMBER_ANSWER },
    { RESP,                   "truncation",             MEMBER_ANSWER },
    { RESP,                   "include",                MEMBER_ANSWER },
    { RESP,                   "context_management",     MEMBER_ANSWER },
};

static const struct member_row anthropic_rows[] = {
    { BOTH,                   "model",                  MEMBER_ROUTING },

    { MESSAGE,                "stream",                 MEMBER_QUIET },
    { MESSAGE,                "metadata",               MEMBER_QUIET },
    { MESSAGE,                "service_tier",           MEMBER_QUIET },
    { BOTH,                   "speed",                  MEMBER_QUIET },
    { BOTH,                   "cache_control",          MEMBER_QUIET },
    { MESSAGE,                "diagnostics",            MEMBER_QUIET },

    { BOTH,                   "tools",                  MEMBER_ORDERED },
    { BOTH,                   "output_config",          MEMBER_ORDERED },
    { BOTH,                   "output_format",          MEMBER_ORDERED },

    { MESSAGE,                "container",              MEMBER_STATE },
    { BOTH,                   "mcp_servers",            MEMBER_STATE },

    { BOTH,                   "messages",               MEMBER_ANSWER },
    { BOTH,                   "system",                 MEMBER_ANSWER },
    { MESSAGE,                "max_tokens",             MEMBER_ANSWER },
    { MESSAGE,                "temperature",            MEMBER_ANSWER },
    { MESSAGE,                "top_p",                  MEMBER_ANSWER },
    { MESSAGE,                "top_k",                  MEMBER_ANSWER },
    { MESSAGE,                "stop_sequences",         MEMBER_ANSWER },
    { BOTH,                   "tool_choice",            MEMBER_ANSWER },
    { BOTH,                   "thinking",               MEMBER_ANSWER },
    { BOTH,                   "context_management",     MEMBER_ANSWER },
    { MESSAGE,                "inference_geo",          MEMBER_ANSWER },
};
/* clang-format on */

enum {
    OPENAI_ROWS = sizeof(openai_rows) / sizeof(openai_rows[0]),
    ANTHROPIC_ROWS = sizeof(anthropic_rows) / sizeof(anthropic_rows[0]),
};

const struct member_row *member_row_at(size_t i)
{
    if (i < OPENAI_ROWS)
        return &openai_rows[i];
    return i - OPENAI_ROWS < ANTHROPIC_ROWS ? &anthropic_rows[i - OPENAI_ROWS] : NULL;
}

static bool publishes(const char *endpoints, struct str word)
{
    struct str rest = str_of(endpoints), piece;

    while (str_split(&rest, ',', &piece)) {
        if (str_eq(piece, word))
            return true;
    }
    return false;
}

/*
 * The quiet members are quiet wherever they stand: docs/cache-keys.md leaves them out for every
 * endpoint of this family, and an endpoint that does not publish one ignores or refuses it.
 */
static bool counts_for(const struct member_row *row, enum endpoint e)
{
    return row->class == MEMBER_QUIET || publishes(row->endpoints, endpoint_word(e));
}

enum member_class member_class_of(enum endpoint e, struct str key)
{
    bool anthropic = endpoint_is_anthropic(e);
    const struct member_row *rows = anthropic ? anthropic_rows : openai_rows;
    size_t count = anthropic ? ANTHROPIC_ROWS : OPENAI_ROWS;

    if (e == ENDPOINT_PREDICT || key.len == 0)
        return MEMBER_ANSWER;
    for (size_t i = 0; i < count; i++) {
        /* A look at the first letter passes most rows by: a body has many members. */
        if (rows[i].name[0] != key.at[0] && key.at[0] != '\\')
            continue;
        if (scan_key_is(key, str_of(rows[i].name)) && counts_for(&rows[i], e))
            return rows[i].class;
    }
    return MEMBER_ANSWER;
}
