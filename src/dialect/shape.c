/* SPDX-License-Identifier: Apache-2.0 */
#include "shape.h"

#include <stddef.h>

/* clang-format off */
static const struct shape function_shape[] = {
    { "name",              GROW_ONCE },
    { "arguments",         GROW_TEXT, .absent = "\"\"" },
    { NULL,                GROW_ONCE },
};
static const struct shape custom_shape[] = {
    { "name",              GROW_ONCE },
    { "input",             GROW_TEXT, .absent = "\"\"" },
    { NULL,                GROW_ONCE },
};
const struct shape shape_tool_call[] = {
    { "index",             GROW_DROP },
    { "id",                GROW_ONCE },
    { "type",              GROW_ONCE, .absent = "\"function\"" },
    { "function",          GROW_OBJECT, function_shape },
    { "custom",            GROW_OBJECT, custom_shape },
    { NULL,                GROW_ONCE },
};
static const struct shape audio_shape[] = {
    { "id",                GROW_ONCE },
    { "expires_at",        GROW_LAST },
    { "data",              GROW_TEXT },
    { "transcript",        GROW_TEXT },
    { NULL,                GROW_ONCE },
};
static const struct shape message_shape[] = {
    { "role",              GROW_ONCE, .absent = "\"assistant\"" },
    { "content",           GROW_TEXT, .absent = "null" },
    { "refusal",           GROW_TEXT },
    { "reasoning_content", GROW_TEXT },
    { "reasoning",         GROW_TEXT },
    { "tool_calls",        GROW_INDEX, shape_tool_call },
    { "function_call",     GROW_OBJECT, function_shape },
    { "audio",             GROW_OBJECT, audio_shape },
    { NULL,                GROW_ONCE },
};
static const struct shape logprobs_shape[] = {
    { NULL,                GROW_LIST },
};
static const struct shape choice_shape[] = {
    { "index",             GROW_LAST, .absent = "0" },
    { "delta",             GROW_OBJECT, message_shape, .as = "message" },
    { "logprobs",          GROW_OBJECT, logprobs_shape },
    { "finish_reason",     GROW_LAST, .absent = "null" },
    { NULL,                GROW_LAST },
};
const struct shape shape_chat[] = {
    { "id",                GROW_LAST },
    { "object",            GROW_DROP, .absent = "\"chat.completion\"" },
    { "created",           GROW_LAST },
    { "model",             GROW_NAME },
    { "choices",           GROW_INDEX, choice_shape },
    { "usage",             GROW_LAST },
    { "service_tier",      GROW_LAST },
    { "system_fingerprint", GROW_LAST },
    { "obfuscation",       GROW_DROP },
    { NULL,                GROW_LAST },
};
static const struct shape text_choice_shape[] = {
    { "text",              GROW_TEXT, .absent = "\"\"" },
    { "index",             GROW_LAST, .absent = "0" },
    { "logprobs",          GROW_OBJECT, logprobs_shape },
    { "finish_reason",     GROW_LAST, .absent = "null" },
    { NULL,                GROW_LAST },
};
const struct shape shape_completions[] = {
    { "id",                GROW_LAST },
    { "object",            GROW_DROP, .absent = "\"text_completion\"" },
    { "created",           GROW_LAST },
    { "model",             GROW_NAME },
    { "choices",           GROW_INDEX, text_choice_shape },
    { "usage",             GROW_LAST },
    { "system_fingerprint", GROW_LAST },
    { NULL,                GROW_LAST },
};
static const struct shape block_shape[] = {
    { "index",             GROW_DROP },
    { "type",              GROW_ONCE },
    { "id",                GROW_ONCE },
    { "name",              GROW_ONCE },
    { "input",             GROW_JSON },
    { "text",              GROW_TEXT },
    { "thinking",          GROW_TEXT },
    { "signature",         GROW_TEXT },
    { "citations",         GROW_LIST },
    { NULL,                GROW_ONCE },
};
static const struct shape usage_shape[] = {
    { NULL,                GROW_LAST },
};
const struct shape shape_message[] = {
    { "id",                GROW_LAST },
    { "type",              GROW_LAST, .absent = "\"message\"" },
    { "role",              GROW_LAST, .absent = "\"assistant\"" },
    { "model",             GROW_NAME },
    { "content",           GROW_INDEX, block_shape, .absent = "[]" },
    { "stop_reason",       GROW_LAST, .absent = "null" },
    { "stop_sequence",     GROW_LAST, .absent = "null" },
    { "usage",             GROW_OBJECT, usage_shape },
    { NULL,                GROW_LAST },
};
/* clang-format on */
