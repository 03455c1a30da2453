/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/change.h"

#include "weir/base/digest.h"
#include "weir/base/mem.h"
#include "weir/base/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[CHANGE_KINDS] = {
    [CHANGE_FINGERPRINT] = "fingerprint",
    [CHANGE_RETURNED_MODEL] = "returned_model",
    [CHANGE_OUTPUT_TOKENS] = "output_tokens",
    [CHANGE_LATENCY] = "latency",
};

const char *change_word(enum change_kind kind)
{
    return words[kind];
}

void change_free(struct change *c)
{
    if (!c)
        return;
    arena_deinit(&c->arena);
    free(c);
}

void change_name(struct change *c, struct str member, uint64_t tick, uint64_t nth)
{
    struct digest digest;
    char hex[DIGEST_HEX];

    digest_start();
    digest_add_part(STR("change"));
    digest_add_part(member);
    digest_add_u64(tick);
    digest_add_u64(nth);
    digest_end(&digest);
    digest_hex(&digest, hex);
    (void)snprintf(c->id, sizeof(c->id), "%.16s", hex);
}

struct change *change_copy(const struct change *c)
{
    struct change *own = MEM_NEW(struct change);

    *own = *c;
    arena_init(&own->arena, 0);
    own->model = arena_copy(&own->arena, c->model);
    own->version = arena_copy(&own->arena, c->version);
    own->upstream = arena_copy(&own->arena, c->upstream);
    own->before = arena_copy(&own->arena, c->before);
    own->after = arena_copy(&own->arena, c->after);
    own->sentence = arena_copy(&own->arena, c->sentence);
    return own;
}

/* ---- as JSON ------------------------------------------------------------------------------- */

static void put_text(struct buf *out, const char *key, struct str value)
{
    buf_put_printf(out, ",\"%s\":", key);
    scan_put_string(out, value.at ? value : STR(""));
}

void change_put(const struct change *c, struct buf *out)
{
    buf_put_printf(out, "{\"id\":\"%s\",\"kind\":\"%s\"", c->id, change_word(c->kind));
    put_text(out, "model", c->model);
    put_text(out, "version", c->version);
    put_text(out, "upstream", c->upstream);
    buf_put_printf(out, ",\"before\":%.*s,\"after\":%.*s,\"since_ms\":%llu,\"at_ms\":%llu",
                   STR_ARG(c->before), STR_ARG(c->after), (unsigned long long)c->since_ms,
                   (unsigned long long)c->at_ms);
    put_text(out, "sentence", c->sentence);
    buf_put(out, STR("}"));
}

static bool read_text(struct str json, const char *key, struct arena *arena, struct str *out)
{
    struct scan_member m;

    if (!scan_get(json, str_of(key), &m) || m.type != SCAN_STRING)
        return false;
    *out = arena_copy(arena, scan_text(m.value, arena, NULL));
    return out->at;
}

static bool read_json(struct str json, const char *key, struct arena *arena, struct str *out)
{
    struct scan_member m;

    if (!scan_get(json, str_of(key), &m) || (m.type != SCAN_OBJECT && m.type != SCAN_NULL))
        return false;
    *out = arena_copy(arena, m.value);
    return true;
}

static bool read_u64(struct str json, const char *key, uint64_t *out)
{
    struct scan_member m;

    return scan_get(json, str_of(key), &m) && scan_u64(m.value, out);
}

static bool read_id(struct str json, struct change *c)
{
    struct str text;

    if (!read_text(json, "id", &c->arena, &text) || text.len != CHANGE_ID - 1)
        return false;
    memcpy(c->id, text.at, CHANGE_ID);
    return true;
}

static bool read_kind(struct str json, struct change *c)
{
    struct scan_member m;
    unsigned i = 0;

    if (!scan_get(json, STR("kind"), &m))
        return false;
    while (i < CHANGE_KINDS && !scan_text_is(&m, str_of(words[i])))
        i++;
    c->kind = (enum change_kind)i;
    return i < CHANGE_KINDS;
}

struct change *change_read(struct str json)
{
    AUTO(change_free) struct change *c = MEM_NEW(struct change);

    arena_init(&c->arena, 0);
    if (scan_check(json, NULL) == OK && read_id(json, c) && read_kind(json, c) &&
        read_text(json, "model", &c->arena, &c->model) &&
        read_text(json, "version", &c->arena, &c->version) &&
        read_text(json, "upstream", &c->arena, &c->upstream) &&
        read_text(json, "sentence", &c->arena, &c->sentence) &&
        read_json(json, "before", &c->arena, &c->before) &&
        read_json(json, "after", &c->arena, &c->after) &&
        read_u64(json, "since_ms", &c->since_ms) && read_u64(json, "at_ms", &c->at_ms))
        return steal(&c);
    return NULL;
}
