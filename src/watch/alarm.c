/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/alarm.h"

#include "effect.h"
#include "weir/base/digest.h"
#include "weir/base/mem.h"
#include "weir/base/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_words[] = { "pending", "firing", "acknowledged", "resolved" };
enum { STATES = sizeof(state_words) / sizeof(state_words[0]) };

const char *alarm_state_word(enum alarm_state s)
{
    return state_words[s];
}

struct alarm *alarm_new(const struct tick_histogram *of)
{
    struct alarm *a = MEM_NEW(struct alarm);

    arena_init(&a->arena, 0);
    a->of = (struct tick_histogram){
        .model = arena_copy(&a->arena, of->model),
        .version = arena_copy(&a->arena, of->version),
        .prediction = arena_copy(&a->arena, of->prediction),
        .segment = arena_copy(&a->arena, of->segment),
    };
    return a;
}

void alarm_free(struct alarm *a)
{
    if (!a)
        return;
    arena_deinit(&a->arena);
    free(a);
}

void alarm_name(struct alarm *a, struct str member, const char *baseline, uint64_t tick)
{
    struct digest digest;
    char hex[DIGEST_HEX];

    digest_start();
    digest_add_part(member);
    digest_add_part(str_of(baseline));
    digest_add_u64(tick);
    digest_end(&digest);
    digest_hex(&digest, hex);
    (void)snprintf(a->id, sizeof(a->id), "%.16s", hex);
    (void)snprintf(a->baseline, sizeof(a->baseline), "%s", baseline);
}

void alarm_explain(struct alarm *a, const struct effect *e, const struct counts *names)
{
    struct buf text = { 0 };
    uint64_t n = 0;

    for (size_t k = 0; k < e->baseline->bins; k++)
        n += e->after[k];
    effect_put_sentence(e, names, &text);
    a->sentence = arena_copy(&a->arena, buf_str(&text));
    buf_reset(&text);
    buf_put_printf(&text, "{\"n\":%llu,", (unsigned long long)n);
    effect_put(e, &text);
    buf_put(&text, STR(","));
    effect_put_unseen(e->baseline, names, &text);
    buf_put(&text, STR("}"));
    a->evidence = arena_copy(&a->arena, buf_str(&text));
    buf_deinit(&text);
}

/* ---- as JSON ----------------------------------------------------------------------------- */

static void put_text(struct buf *out, const char *key, struct str value)
{
    buf_put_printf(out, ",\"%s\":", key);
    scan_put_string(out, value.at ? value : STR(""));
}

void alarm_put(const struct alarm *a, struct buf *out)
{
    buf_put_printf(out, "{\"id\":\"%s\",\"severity\":\"%s\",\"state\":\"%s\"", a->id,
                   a->confirmed ? "confirmed" : "suspected", alarm_state_word(a->state));
    put_text(out, "model", a->of.model);
    put_text(out, "version", a->of.version);
    put_text(out, "prediction", a->of.prediction);
    put_text(out, "segment", a->of.segment);
    buf_put_printf(out,
                   ",\"baseline\":\"%s\",\"began_ms\":%llu,\"since_ms\":%llu,"
                   "\"updated_ms\":%llu,\"score\":%.6g",
                   a->baseline, (unsigned long long)a->began_ms,
                   (unsigned long long)a->since_ms, (unsigned long long)a->updated_ms,
                   a->score);
    if (a->ended.len > 0)
        put_text(out, "ended", a->ended);
    put_text(out, "sentence", a->sentence);
    buf_put(out, STR(",\"evidence\":"));
    buf_put(out, a->evidence.len > 0 ? a->evidence : STR("null"));
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

static bool read_id(struct str json, const char *key, struct arena *arena, char out[ALARM_ID])
{
    struct str text;

    if (!read_text(json, key, arena, &text) || text.len != ALARM_ID - 1)
        return false;
    memcpy(out, text.at, ALARM_ID);
    return true;
}

static bool read_u64(struct str json, const char *key, uint64_t *out)
{
    struct scan_member m;

    return scan_get(json, str_of(key), &m) && scan_u64(m.value, out);
}

static bool read_words(struct str json, struct alarm *a)
{
    struct scan_member state, severity;
    unsigned i = 0;

    if (!scan_get(json, STR("state"), &state) || !scan_get(json, STR("severity"), &severity))
        return false;
    while (i < STATES && !scan_text_is(&state, str_of(state_words[i])))
        i++;
    if (i == STATES)
        return false;
    a->state = (enum alarm_state)i;
    a->confirmed = scan_text_is(&severity, STR("confirmed"));
    return true;
}

static bool read_evidence(struct str json, struct alarm *a)
{
    struct scan_member evidence, score;

    if (!scan_get(json, STR("evidence"), &evidence) || !scan_get(json, STR("score"), &score))
        return false;
    if (evidence.type == SCAN_OBJECT)
        a->evidence = arena_copy(&a->arena, evidence.value);
    return scan_number(score.value, &a->score);
}

static bool read_ended(struct str json, struct alarm *a)
{
    struct scan_member m;

    return !scan_get(json, STR("ended"), &m) || read_text(json, "ended", &a->arena, &a->ended);
}

struct alarm *alarm_read(struct str json)
{
    AUTO(alarm_free) struct alarm *a = MEM_NEW(struct alarm);

    arena_init(&a->arena, 0);
    if (scan_check(json, NULL) == OK && read_id(json, "id", &a->arena, a->id) &&
        read_id(json, "baseline", &a->arena, a->baseline) && read_words(json, a) &&
        read_text(json, "model", &a->arena, &a->of.model) &&
        read_text(json, "version", &a->arena, &a->of.version) &&
        read_text(json, "prediction", &a->arena, &a->of.prediction) &&
        read_text(json, "segment", &a->arena, &a->of.segment) &&
        read_text(json, "sentence", &a->arena, &a->sentence) && read_ended(json, a) &&
        read_u64(json, "began_ms", &a->began_ms) && read_u64(json, "since_ms", &a->since_ms) &&
        read_u64(json, "updated_ms", &a->updated_ms) && read_evidence(json, a))
        return steal(&a);
    return NULL;
}
