/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/api/call.h"

#include "weir/base/uuid.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

/* ---- single values ------------------------------------------------------------------- */

bool call_duration(struct str text, uint64_t *us)
{
    static const struct {
        const char *unit;
        double us;
    } units[] = { { "ms", 1e3 }, { "s", 1e6 }, { "m", 60e6 }, { "h", 3600e6 }, { "", 1e6 } };
    char number[32];
    char *end;
    double value;

    if (text.len == 0 || text.len >= sizeof(number) || text.at[0] < '0' || text.at[0] > '9')
        return false;
    memcpy(number, text.at, text.len);
    number[text.len] = '\0';
    value = strtod(number, &end);
    if (strspn(number, "0123456789.") != (size_t)(end - number))
        return false; /* hexadecimal and exponents are no durations */
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].unit) != 0)
            continue;
        if (!(value * units[i].us >= 1 && value * units[i].us < 1e14))
            return false;
        *us = (uint64_t)(value * units[i].us);
        return true;
    }
    return false;
}

static int64_t seconds_of(struct str value)
{
    uint64_t n;

    if (!str_to_u64(value, &n))
        return -1;
    return n > INT32_MAX ? INT32_MAX : (int64_t)n;
}

void call_read_cache_words(struct cache_words *out, struct str value)
{
    struct str piece;

    while (str_split(&value, ',', &piece)) {
        struct str rest = str_trim(piece);
        struct str word;

        if (!str_split(&rest, '=', &word))
            continue;
        word = str_trim(word);
        rest = str_trim(rest);
        if (rest.len >= 2 && rest.at[0] == '"')
            rest = str_cut(rest, 1, rest.len - 1);
        if (str_eq_nocase(word, STR("no-cache")))
            out->no_cache = true;
        else if (str_eq_nocase(word, STR("no-store")))
            out->no_store = out->no_cache = true;
        else if (str_eq_nocase(word, STR("only-if-cached")))
            out->only_if_cached = true;
        else if (str_eq_nocase(word, STR("max-age")))
            out->max_age_s = seconds_of(rest);
        else if (str_eq_nocase(word, STR("max-stale")))
            out->max_stale_s = rest.len > 0 ? seconds_of(rest) : INT64_MAX;
        else if (str_eq_nocase(word, STR("stale-if-error")))
            out->stale_if_error_s = seconds_of(rest);
    }
}

struct str call_unescape(struct str s, struct arena *arena)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    char *out;
    size_t n = 0;

    if (!s.at || !memchr(s.at, '%', s.len))
        return s;
    out = arena_take(arena, s.len);
    for (size_t i = 0; out && i < s.len; i++) {
        const char *high = NULL, *low = NULL;

        if (s.at[i] != '%') {
            out[n++] = s.at[i];
            continue;
        }
        if (i + 2 < s.len && s.at[i + 1] && s.at[i + 2]) {
            high = strchr(digits, s.at[i + 1]);
            low = strchr(digits, s.at[i + 2]);
        }
        if (!high || !low)
            return (struct str){ 0 };
        out[n++] = (char)(((high - digits) % 16) * 16 + (low - digits) % 16);
        i += 2;
    }
    return (struct str){ out, n };
}

static bool is_sane_id(struct str id)
{
    if (id.len == 0 || id.len >= CALL_ID_BYTES)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (id.at[i] <= ' ' || id.at[i] == '"' || id.at[i] == '\\' || id.at[i] >= 0x7f)
            return false;
    return true;
}

/* ---- what each header is to us ------------------------------------------------------- */

static void read_bearer(struct call *c, struct str value)
{
    struct str scheme = STR("bearer ");

    if (!c->key.at && value.len > scheme.len &&
        str_eq_nocase(str_cut(value, 0, scheme.len), scheme))
        c->key = str_trim(str_cut(value, scheme.len, value.len));
}

static void read_key(struct call *c, struct str value)
{
    if (!c->key.at)
        c->key = value;
}

static void read_cache_control(struct call *c, struct str value)
{
    call_read_cache_words(&c->cache, value);
}

static void read_request_id(struct call *c, struct str value)
{
    if (is_sane_id(value)) {
        memcpy(c->request_id, value.at, value.len);
        c->request_id[value.len] = '\0';
    }
}

/* The shortest one counts; what is no duration is not said. */
static void read_limit(uint64_t *limit_us, struct str value)
{
    uint64_t us;

    if (call_duration(value, &us) && (*limit_us == 0 || us < *limit_us))
        *limit_us = us;
}

static void read_timeout(struct call *c, struct str value)
{
    read_limit(&c->timeout_us, value);
}

static void read_patience(struct call *c, struct str value)
{
    read_limit(&c->patience_us, value);
}

static const char *const priority_words
    [] = { [PRIORITY_HIGH] = "high", [PRIORITY_NORMAL] = "normal", [PRIORITY_LOW] = "low" };

struct str call_priority_word(enum priority p)
{
    return str_of(priority_words[p < PRIORITY_COUNT ? p : PRIORITY_NORMAL]);
}

/* What is none of the three words is not said. */
static void read_priority(struct call *c, struct str value)
{
    for (size_t i = 0; i < PRIORITY_COUNT; i++)
        if (str_eq_nocase(value, str_of(priority_words[i])))
            c->priority = (enum priority)i;
}

static void read_idempotency_key(struct call *c, struct str value)
{
    c->idempotency_key = value.len > 0 && value.len <= CALL_IDEMPOTENCY_BYTES
                             ? value
                             : (struct str){ 0 };
}

static void read_retry_count(struct call *c, struct str value)
{
    uint64_t n;

    c->is_again = str_to_u64(value, &n) && n > 0;
}

/* clang-format off */

/*
 * `stays`: never travels upstream, whatever a configuration says.
 * `alters`: may change an answer, so it is part of the cache key.
 */
#define H(name) { name, sizeof(name) - 1 }
static const struct header {
    struct str name;
    void (*read)(struct call *c, struct str value);
    bool stays;
    bool alters;
} headers[] = {
    /*  name                    read                stays  alters */
    { H("authorization"),       read_bearer,        true,  false },
    { H("x-api-key"),           read_key,           true,  false },
    { H("api-key"),             read_key,           true,  false },
    { H("x-goog-api-key"),      NULL,               true,  false },
    { H("cookie"),              NULL,               true,  false },
    { H("cache-control"),       read_cache_control, true,  false },
    { H("x-request-id"),        read_request_id,    true,  false },
    { H("x-weir-timeout"),      read_timeout,       true,  false },
    { H("x-stainless-timeout"), read_patience,      true,  false },
    { H("x-weir-priority"),     read_priority,      true,  false },
    { H("idempotency-key"),     read_idempotency_key, false, false },
    { H("x-stainless-retry-count"), read_retry_count, false, false },
    { H("connection"),          NULL,               true,  false },
    { H("keep-alive"),          NULL,               true,  false },
    { H("transfer-encoding"),   NULL,               true,  false },
    { H("content-length"),      NULL,               true,  false },
    { H("content-encoding"),    NULL,               true,  false },
    { H("accept-encoding"),     NULL,               true,  false },
    { H("te"),                  NULL,               true,  false },
    { H("trailer"),             NULL,               true,  false },
    { H("upgrade"),             NULL,               true,  false },
    { H("expect"),              NULL,               true,  false },
    { H("host"),                NULL,               true,  false },
    { H("content-type"),        NULL,               true,  false }, /* ours: what was read as JSON is JSON */
    { H("openai-beta"),         NULL,               false, true  },
    { H("openai-organization"), NULL,               false, true  },
    { H("openai-project"),      NULL,               false, true  },
    { H("anthropic-version"),   NULL,               false, true  },
    { H("anthropic-beta"),      NULL,               false, true  },
};

/* clang-format on */

static const struct header *find(struct str name)
{
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        if (name.len == headers[i].name.len && str_eq_nocase(name, headers[i].name))
            return &headers[i];
    return NULL;
}

/* Does some upstream's configuration name this header? */
static bool is_forwarded(const struct plan *plan, struct str name)
{
    for (size_t i = 0; i < map_size(plan->upstreams); i++)
        if (upstream_forwards(map_value_at(plan->upstreams, i), name))
            return true;
    return false;
}

/* With more of them than a key holds, the answer is nobody else's. */
static void note_altering(struct call *c, const struct http_field *f)
{
    if (c->altering_count < CALL_ALTERING)
        c->altering[c->altering_count++] = f;
    else
        c->cache.no_store = c->cache.no_cache = true;
}

/* Of one that is sent several times, the first counts. */
static void note_segment(struct call *c, const struct plan *plan, const struct http_field *f)
{
    for (size_t i = 0; i < plan->segment_header_count; i++)
        if (!c->segments[i].at && str_eq_nocase(plan->segment_headers[i], f->name))
            c->segments[i] = f->value;
}

void call_read(struct call *c, const struct http_request *r, const struct plan *plan)
{
    *c = (struct call){ .priority = PRIORITY_COUNT,
                        .cache = {
                            .max_age_s = -1, .max_stale_s = -1, .stale_if_error_s = -1 } };
    for (size_t i = 0; i < r->field_count; i++) {
        const struct http_field *f = &r->fields[i];
        const struct header *h = find(f->name);

        if (h && h->read)
            h->read(c, f->value);
        if (h ? h->alters : is_forwarded(plan, f->name))
            note_altering(c, f);
        note_segment(c, plan, f);
    }
    if (!c->request_id[0])
        uuid_make(c->request_id);
}

/* ---- what travels -------------------------------------------------------------------- */

static bool is_named_by_connection(const struct http_request *r, struct str name)
{
    for (size_t i = 0; i < r->field_count; i++) {
        struct str rest = r->fields[i].value;
        struct str piece;

        if (!str_eq_nocase(r->fields[i].name, STR("connection")))
            continue;
        while (str_split(&rest, ',', &piece))
            if (str_eq_nocase(str_trim(piece), name))
                return true;
    }
    return false;
}

static bool may_travel(const struct http_request *r, const struct http_field *f)
{
    const struct header *h = find(f->name);
    struct str proxy = STR("proxy-");
    struct str own = STR("x-weir-");

    if (h && h->stays)
        return false;
    if (f->name.len >= proxy.len && str_eq_nocase(str_cut(f->name, 0, proxy.len), proxy))
        return false;
    if (f->name.len >= own.len && str_eq_nocase(str_cut(f->name, 0, own.len), own))
        return false;
    return !is_named_by_connection(r, f->name);
}

const char *const *call_headers(const struct http_request *r, struct arena *arena)
{
    const char **lines = arena_take(arena, (r->field_count + 1) * sizeof(char *));
    size_t n = 0;

    if (!lines)
        return NULL;
    for (size_t i = 0; i < r->field_count; i++) {
        const struct http_field *f = &r->fields[i];
        struct str line;

        if (!may_travel(r, f))
            continue;
        line = arena_printf(arena, "%.*s: %.*s", STR_ARG(f->name), STR_ARG(f->value));
        if (line.at)
            lines[n++] = line.at;
    }
    lines[n] = NULL;
    return lines;
}

static int compare_nocase(struct str a, struct str b)
{
    int order = strncasecmp(a.at, b.at, a.len < b.len ? a.len : b.len);

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare(const void *a, const void *b)
{
    const struct http_field *const *left = a;
    const struct http_field *const *right = b;
    int order = compare_nocase((*left)->name, (*right)->name);

    return order ? order : str_compare((*left)->value, (*right)->value);
}

/* Names in lower case: their case means nothing, and must not make another key. */
struct str call_key_headers(const struct call *c, struct arena *arena)
{
    const struct http_field *sorted[CALL_ALTERING];
    struct buf lines = { 0 };
    struct str copy;

    if (c->altering_count == 0)
        return STR("");
    memcpy(sorted, c->altering, sizeof(sorted));
    qsort(sorted, c->altering_count, sizeof(sorted[0]), compare);
    for (size_t i = 0; i < c->altering_count; i++) {
        size_t from = lines.len;

        buf_put(&lines, sorted[i]->name);
        for (; from < lines.len; from++)
            lines.at[from] = (char)tolower((unsigned char)lines.at[from]);
        buf_put_printf(&lines, ": %.*s\n", STR_ARG(sorted[i]->value));
    }
    copy = arena_copy(arena, buf_str(&lines));
    buf_deinit(&lines);
    return copy;
}
