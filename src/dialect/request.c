/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/dialect/request.h"

#include "number.h"
#include "state.h"
#include "weir/base/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * One pass to check the text, one over its top-level members. Faults are written for the person
 * who sent the body, and name the member.
 */

struct endpoint_row {
    const char *word;
    const char *path;
};

static const struct endpoint_row endpoints[ENDPOINT_COUNT] = {
#define E(name, word, path) [name] = { word, path },
    ENDPOINTS(E)
#undef E
};

struct str endpoint_word(enum endpoint e)
{
    return str_of(endpoints[e].word);
}

struct str endpoint_path(enum endpoint e)
{
    return str_of(endpoints[e].path);
}

/* What a moderation is made with when its request names no model; others must name one. */
static const char moderation_model[] = "omni-moderation-latest";

enum { FEW = 24 }; /* members compared each with each; more are sorted */

struct names {
    struct str *at;
    size_t count;
    size_t capacity;
    struct str few[FEW];
};

static int compare_names(const void *a, const void *b)
{
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static enum err add_name(struct names *n, struct str key, struct arena *arena)
{
    struct str name = scan_text((struct str){ key.at - 1, key.len + 2 }, arena, NULL);

    if (n->count == n->capacity) {
        size_t capacity = n->capacity * 4;
        struct str *more = arena_take(arena, capacity * sizeof(*more));

        if (!more)
            return ERR_TOO_LARGE;
        memcpy(more, n->at, n->count * sizeof(*more));
        n->at = more;
        n->capacity = capacity;
    }
    n->at[n->count++] = name;
    return name.at ? OK : ERR_TOO_LARGE;
}

static enum err refuse_twice(struct names *n, struct fault *why)
{
    qsort(n->at, n->count, sizeof(*n->at), compare_names);
    for (size_t i = 1; i < n->count; i++) {
        char name[64];

        if (!str_eq(n->at[i - 1], n->at[i]))
            continue;
        (void)snprintf(name, sizeof(name), "%.*s", STR_ARG(n->at[i]));
        return fault_set(
            why, ERR_MALFORMED, name,
            "stands twice: send it once, since readers disagree on which one counts");
    }
    return OK;
}

/* ---- single members ---- */

static enum err read_model(struct request *r, const struct scan_member *m, struct arena *arena,
                           struct fault *why)
{
    bool lossy;

    if (m->type != SCAN_STRING || m->value.len == 2)
        return fault_set(why, ERR_MALFORMED, "model", "must be a model's name, in quotes");
    r->model = scan_text(m->value, arena, &lossy);
    if (!r->model.at)
        return fault_set(why, ERR_TOO_LARGE, "model", "is too long");
    if (lossy)
        return fault_set(why, ERR_MALFORMED, "model", "holds half a surrogate pair");
    r->model_value = m->value;
    return OK;
}

static enum err read_stream(struct request *r, const struct scan_member *m, struct fault *why)
{
    if (m->type != SCAN_BOOL && m->type != SCAN_NULL)
        return fault_set(why, ERR_MALFORMED, "stream", "must be true or false");
    r->stream_value = m->value;
    r->stream = scan_true(m->value);
    return OK;
}

static enum err read_options(struct request *r, const struct scan_member *m, struct fault *why)
{
    struct scan_member usage;

    if (m->type != SCAN_OBJECT && m->type != SCAN_NULL)
        return fault_set(why, ERR_MALFORMED, "stream_options", "must be an object");
    r->options_value = m->value;
    r->include_usage = scan_get(m->value, STR("include_usage"), &usage) &&
                       scan_true(usage.value);
    return OK;
}

static enum err read_user(struct request *r, const struct scan_member *m, struct arena *arena)
{
    if (m->type != SCAN_STRING)
        return OK;
    r->user = scan_text(m->value, arena, NULL);
    return r->user.at ? OK : ERR_TOO_LARGE;
}

/* ---- the body ---- */

static bool has_streams(enum endpoint e)
{
    return e == ENDPOINT_CHAT || e == ENDPOINT_COMPLETIONS || e == ENDPOINT_RESPONSES ||
           e == ENDPOINT_MESSAGES;
}

static bool is_absent(const struct scan_member *m)
{
    return m->type == SCAN_NONE || m->type == SCAN_NULL;
}

struct sampling {
    struct scan_member temperature;
    struct scan_member n;
};

static bool is_deterministic(enum endpoint e, const struct sampling *s)
{
    if (!has_streams(e))
        return true;
    return s->temperature.type == SCAN_NUMBER && number_is(s->temperature.value, 0) &&
           (is_absent(&s->n) || (s->n.type == SCAN_NUMBER && number_is(s->n.value, 1)));
}

static enum err read_member(struct request *r, const struct scan_member *m,
                            struct sampling *sampling, struct arena *arena, struct fault *why)
{
    if (scan_key_is(m->key, STR("user")))
        return read_user(r, m, arena);
    if (r->endpoint == ENDPOINT_PREDICT)
        return OK;
    if (scan_key_is(m->key, STR("model")))
        return read_model(r, m, arena, why);
    if (scan_key_is(m->key, STR("temperature")))
        sampling->temperature = *m;
    if (scan_key_is(m->key, STR("n")))
        sampling->n = *m;
    if (!has_streams(r->endpoint))
        return OK;
    if (scan_key_is(m->key, STR("stream")))
        return read_stream(r, m, why);
    if (r->endpoint != ENDPOINT_MESSAGES && scan_key_is(m->key, STR("stream_options")))
        return read_options(r, m, why);
    return OK;
}

static enum err read_members(struct request *r, struct arena *arena, struct fault *why)
{
    struct names names = { .capacity = FEW };
    struct sampling sampling = { .n = { .type = SCAN_NONE } };
    struct scan s;
    struct scan_member m;
    enum err err;

    names.at = names.few;
    scan_start(&s, r->body);
    if (!s.object)
        return r->endpoint == ENDPOINT_PREDICT
                   ? OK
                   : fault_set(why, ERR_MALFORMED, NULL, "the body must be a JSON object");
    while (scan_next(&s, &m)) {
        err = add_name(&names, m.key, arena);
        if (err)
            return fault_set(why, err, NULL, "the body has too many members");
        err = read_member(r, &m, &sampling, arena, why);
        if (err)
            return err;
    }
    r->deterministic = is_deterministic(r->endpoint, &sampling);
    return refuse_twice(&names, why);
}

static enum err check_text(struct str body, struct fault *why)
{
    enum err err;

    if (str_starts(body, STR("\xEF\xBB\xBF")))
        return fault_set(why, ERR_MALFORMED, NULL,
                         "the body starts with a byte order mark: send UTF-8 without one");
    err = scan_check(body, why);
    if (err && why)
        why->err = ERR_MALFORMED;
    return err ? ERR_MALFORMED : OK;
}

enum err request_decode(struct request *r, enum endpoint endpoint, struct str path_model,
                        struct str body, struct arena *arena, struct fault *why)
{
    struct request read = { .endpoint = endpoint, .body = body, .deterministic = true };
    enum err err = check_text(body, why);

    if (err)
        return err;
    err = read_members(&read, arena, why);
    if (err)
        return err;
    if (path_model.at)
        read.model = path_model;
    else if (!read.model.at && endpoint == ENDPOINT_MODERATIONS)
        read.model = str_of(moderation_model);
    if (!read.model.at)
        return fault_set(why, ERR_MALFORMED, "model", "is missing: name the model to ask");
    read.never_cached = state_of(&read);
    *r = read;
    return OK;
}
