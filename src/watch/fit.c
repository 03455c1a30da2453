/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/fit.h"

#include "said.h"
#include "weir/base/digest.h"
#include "weir/base/mem.h"
#include "weir/base/scan.h"
#include "weir/dialect/jsonschema.h"

#include <stdlib.h>
#include <string.h>

enum { SCHEMAS = 32, SCHEMAS_BYTES = 8 << 20 };

struct known {
    struct digest digest;      /* of its text */
    struct jsonschema *schema; /* NULL: nothing can be said with it */
    uint64_t used;             /* when, on the clock of all */
};

struct fit {
    uint64_t clock;
    size_t count;
    size_t bytes;
    struct known known[SCHEMAS];
};

struct fit *fit_new(void)
{
    return MEM_NEW(struct fit);
}

void fit_free(struct fit *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->count; i++)
        jsonschema_free(f->known[i].schema);
    free(f);
}

/* ---- schemas ---- */

static size_t size_of(const struct known *k)
{
    return k->schema ? jsonschema_size(k->schema) : 0;
}

static void forget_oldest(struct fit *f)
{
    struct known *oldest = f->known;

    for (size_t i = 1; i < f->count; i++)
        if (f->known[i].used < oldest->used)
            oldest = &f->known[i];
    f->bytes -= size_of(oldest);
    jsonschema_free(oldest->schema);
    *oldest = f->known[--f->count];
}

static struct known *learn(struct fit *f, const struct digest *digest, struct str text)
{
    struct known new = { .digest = *digest, .schema = jsonschema_of_caller(text) };

    f->bytes += size_of(&new);
    while (f->count == SCHEMAS || (f->count > 0 && f->bytes > SCHEMAS_BYTES))
        forget_oldest(f);
    f->known[f->count] = new;
    return &f->known[f->count++];
}

static const struct jsonschema *schema_of(struct fit *f, struct str text)
{
    struct known *k = NULL;
    struct digest digest;

    digest_of(&digest, text);
    for (size_t i = 0; i < f->count && !k; i++)
        if (digest_eq(&f->known[i].digest, &digest))
            k = &f->known[i];
    if (!k)
        k = learn(f, &digest, text);
    k->used = ++f->clock;
    return k->schema;
}

/* ---- what is asked for ---- */

struct wanted {
    bool object;       /* any will do */
    struct str schema; /* absent: none in particular */
};

/* {"type": "json_schema", "schema": {}}; chats have the second one level down. */
static bool read_format(const struct scan_member *format, struct wanted *out)
{
    enum { TYPE, SCHEMA, NESTED };
    static const struct str names[] = {
        [TYPE] = { "type", 4 }, [SCHEMA] = { "schema", 6 }, [NESTED] = { "json_schema", 11 }
    };
    struct scan_member found[3];

    if (format->type != SCAN_OBJECT)
        return false;
    scan_find(format->value, names, 3, found);
    out->object = scan_text_is(&found[TYPE], STR("json_object"));
    if (!scan_text_is(&found[TYPE], STR("json_schema")))
        return out->object;
    if (found[NESTED].type == SCAN_OBJECT)
        (void)scan_get(found[NESTED].value, STR("schema"), &found[SCHEMA]);
    if (found[SCHEMA].type != SCAN_NONE && found[SCHEMA].type != SCAN_NULL)
        out->schema = found[SCHEMA].value;
    return true;
}

bool fit_may_be_asked(struct str request)
{
    return request.len > 0 && memmem(request.at, request.len, "\"json_", 6);
}

static bool find_wanted(struct str request, struct wanted *out)
{
    enum { CHAT, MESSAGE, RESPONSE, CONFIG, COUNT };
    static const struct str names[COUNT] = { [CHAT] = { "response_format", 15 },
                                             [MESSAGE] = { "output_format", 13 },
                                             [RESPONSE] = { "text", 4 },
                                             [CONFIG] = { "output_config", 13 } };
    struct scan_member found[COUNT];

    *out = (struct wanted){ 0 };
    scan_find(request, names, COUNT, found);
    for (size_t i = RESPONSE; i < COUNT; i++)
        if (found[i].type != SCAN_OBJECT || !scan_get(found[i].value, STR("format"), &found[i]))
            found[i].type = SCAN_NONE;
    for (size_t i = 0; i < COUNT; i++)
        if (read_format(&found[i], out))
            return true;
    return false;
}

/* ---- the answer ---- */

static enum fit_word judge(struct fit *f, const struct wanted *wanted, struct str text)
{
    const struct jsonschema *schema;
    struct scan_member whole;

    if (scan_check(text, NULL) || !scan_pointer(text, STR(""), &whole))
        return FIT_NOT_JSON;
    if (wanted->object && whole.type != SCAN_OBJECT)
        return FIT_NO;
    if (!wanted->schema.at)
        return FIT_YES;
    schema = schema_of(f, wanted->schema);
    if (!schema)
        return FIT_UNKNOWN;
    switch (jsonschema_judge(schema, text)) {
    case JSONSCHEMA_FITS: return FIT_YES;
    case JSONSCHEMA_VIOLATED: return FIT_NO;
    case JSONSCHEMA_UNSURE: break;
    }
    return FIT_UNKNOWN;
}

enum fit_word fit_of(struct fit *f, struct str request, struct str answer)
{
    enum fit_word word = FIT_UNASKED;
    struct wanted wanted;
    struct arena texts;
    struct str text;

    if (!fit_may_be_asked(request) || scan_check(request, NULL) ||
        !find_wanted(request, &wanted))
        return FIT_UNASKED;
    if (answer.len == 0)
        return FIT_UNKNOWN;
    if (scan_check(answer, NULL))
        return FIT_NOT_JSON;
    arena_init(&texts, 0);
    text = said_answer(answer, &texts);
    if (text.at && !said_tool(answer, &texts).at)
        word = judge(f, &wanted, text);
    arena_deinit(&texts);
    return word;
}
