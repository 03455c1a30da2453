/* SPDX-License-Identifier: Apache-2.0 */
#include "record.h"

#include "weir/base/scan.h"
#include "weir/cache/remote.h"

#include <inttypes.h>
#include <stdio.h>

#define HOUR_MS (UINT64_C(3600) * 1000)
#define TEN_YEARS_MS (UINT64_C(10) * 365 * 24 * HOUR_MS)

enum kind {
    TEXT,   /* any bytes */
    WORD,   /* goes into a header: no control bytes */
    NUMBER, /* decimal, nothing else */
    TOKENS, /* a number, or -1 */
};

enum field {
    BODY,
    STATUS,
    CONTENT_TYPE,
    MODEL,
    UPSTREAM,
    CREATED_MS,
    FRESH_MS,
    PROMPT_TOKENS,
    COMPLETION_TOKENS,
    STALE_MS,
    FINISH_REASON,
    REFUSAL,
    TOOK_MS,
    COST_MICROUSD,
    REQUEST,
};

/* clang-format off */
static const struct row {
    const char *name;
    enum kind kind;
    bool needed;    /* else it may be missing, and is then empty or 0 */
    uint64_t least; /* of a text's length or a number */
    uint64_t most;
} rows[RECORD_FIELDS] = {
    [BODY]              = { "body",              TEXT,   true,  1,   REMOTE_ENTRY_BYTES },
    [STATUS]            = { "status",            NUMBER, true,  200, 200 },
    [CONTENT_TYPE]      = { "content_type",      WORD,   true,  1,   256 },
    [MODEL]             = { "model",             WORD,   true,  0,   1024 },
    [UPSTREAM]          = { "upstream",          WORD,   true,  0,   1024 },
    [CREATED_MS]        = { "created_ms",        NUMBER, true,  1,   UINT64_C(1) << 52 },
    [FRESH_MS]          = { "fresh_ms",          NUMBER, true,  0,   TEN_YEARS_MS },
    [PROMPT_TOKENS]     = { "prompt_tokens",     TOKENS, true,  0,   UINT64_C(1) << 52 },
    [COMPLETION_TOKENS] = { "completion_tokens", TOKENS, true,  0,   UINT64_C(1) << 52 },
    [STALE_MS]          = { "stale_ms",          NUMBER, false, 0,   TEN_YEARS_MS },
    [FINISH_REASON]     = { "finish_reason",     WORD,   false, 0,   31 },
    [REFUSAL]           = { "refusal",           NUMBER, false, 0,   1 },
    [TOOK_MS]           = { "took_ms",           NUMBER, false, 0,   UINT64_C(1) << 52 },
    [COST_MICROUSD]     = { "cost_microusd",     NUMBER, false, 0,   UINT64_C(1) << 52 },
    [REQUEST]           = { "request",           TEXT,   false, 0,   UINT64_MAX },
};
/* clang-format on */

/* ---- writing ----------------------------------------------------------------------- */

static void put_text(struct record_words *out, enum field f, struct str text)
{
    out->words[out->count++] = str_of(rows[f].name);
    out->words[out->count++] = text;
}

static void put_number(struct record_words *out, enum field f, int64_t n)
{
    int len = snprintf(out->numbers[f], RECORD_NUMBER, "%" PRId64, n);

    put_text(out, f, (struct str){ out->numbers[f], (size_t)len });
}

void record_write(struct record_words *out, const struct entry_facts *facts, bool with_request)
{
    out->count = 0;
    put_text(out, BODY, facts->body);
    put_number(out, STATUS, facts->status);
    put_text(out, CONTENT_TYPE, facts->content_type);
    put_text(out, MODEL, facts->upstream_model);
    put_text(out, UPSTREAM, facts->upstream);
    put_number(out, CREATED_MS, (int64_t)facts->created_ms);
    put_number(out, FRESH_MS, (int64_t)facts->fresh_ms);
    put_number(out, PROMPT_TOKENS, facts->prompt_tokens);
    put_number(out, COMPLETION_TOKENS, facts->completion_tokens);
    put_number(out, STALE_MS, (int64_t)facts->stale_ms);
    put_text(out, FINISH_REASON, str_of(facts->finish_reason));
    put_number(out, REFUSAL, facts->refusal);
    put_number(out, TOOK_MS, (int64_t)facts->took_ms);
    put_number(out, COST_MICROUSD, (int64_t)facts->cost_microusd);
    if (with_request)
        put_text(out, REQUEST, facts->request);
}

/* ---- reading ----------------------------------------------------------------------- */

struct value {
    struct str text;
    int64_t number;
};

void record_names(struct str out[RECORD_READ])
{
    for (size_t f = 0; f < RECORD_READ; f++)
        out[f] = str_of(rows[f].name);
}

static bool is_word(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];

        if (c < ' ' || c == 0x7f)
            return false;
    }
    return true;
}

static bool read_number(const struct row *row, struct value *v)
{
    uint64_t n;

    if (row->kind == TOKENS && str_eq(v->text, STR("-1"))) {
        v->number = -1;
        return true;
    }
    if (!str_to_u64(v->text, &n) || n < row->least || n > row->most)
        return false;
    v->number = (int64_t)n;
    return true;
}

static bool read_value(const struct row *row, const struct redis_reply *reply,
                       struct value *out)
{
    *out = (struct value){ .text = STR("") };
    if (redis_reply_type(reply) == REDIS_NIL)
        return !row->needed;
    if (redis_reply_type(reply) != REDIS_TEXT)
        return false;
    out->text = redis_reply_text(reply);
    if (row->kind == NUMBER || row->kind == TOKENS)
        return read_number(row, out);
    return out->text.len >= row->least && out->text.len <= row->most &&
           (row->kind == TEXT || is_word(out->text));
}

static bool is_empty(const struct redis_reply *reply)
{
    for (size_t i = 0; i < redis_reply_count(reply); i++)
        if (redis_reply_type(redis_reply_at(reply, i)) != REDIS_NIL)
            return false;
    return true;
}

static struct entry *make(const struct value *values, const struct entry_facts *asked)
{
    struct entry_facts facts = {
        .key = asked->key,
        .endpoint = asked->endpoint,
        .scope = asked->scope,
        .model = asked->model,
        .upstream = values[UPSTREAM].text,
        .upstream_model = values[MODEL].text,
        .content_type = values[CONTENT_TYPE].text,
        .body = values[BODY].text,
        .refusal = values[REFUSAL].number == 1,
        .status = (uint16_t)values[STATUS].number,
        .created_ms = (uint64_t)values[CREATED_MS].number,
        .fresh_ms = (uint64_t)values[FRESH_MS].number,
        .stale_ms = (uint64_t)values[STALE_MS].number,
        .took_ms = (uint64_t)values[TOOK_MS].number,
        .prompt_tokens = values[PROMPT_TOKENS].number,
        .completion_tokens = values[COMPLETION_TOKENS].number,
        .cost_microusd = (uint64_t)values[COST_MICROUSD].number,
    };

    /* Its row says that it fits. */
    memcpy(facts.finish_reason, values[FINISH_REASON].text.at, values[FINISH_REASON].text.len);
    return entry_new(&facts);
}

enum record_state record_read(const struct redis_reply *reply, const struct entry_facts *asked,
                              size_t most_bytes, uint64_t wall_ms, struct entry **out)
{
    struct value values[RECORD_READ];
    struct entry *e;

    if (redis_reply_type(reply) != REDIS_LIST || redis_reply_count(reply) != RECORD_READ)
        return RECORD_BAD;
    if (is_empty(reply))
        return RECORD_NONE;
    for (size_t f = 0; f < RECORD_READ; f++)
        if (!read_value(&rows[f], redis_reply_at(reply, f), &values[f]))
            return RECORD_BAD;
    /* Clocks differ; but made in a far future, an answer would never grow old. */
    if ((uint64_t)values[CREATED_MS].number > wall_ms + HOUR_MS)
        return RECORD_BAD;
    if (values[BODY].text.len > most_bytes)
        return RECORD_NONE; /* for us: another gateway's cache.max_entry may be higher */
    if (scan_check(values[BODY].text, NULL))
        return RECORD_BAD;

    e = make(values, asked);
    if (!entry_is_kept(e, wall_ms)) {
        entry_unref(e);
        return RECORD_NONE;
    }
    *out = e;
    return RECORD_GOOD;
}
