/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/err.h"
#include "weir/base/own.h"
#include "weir/base/str.h"

#include <stdint.h>

/*
 * What a JSON text must look like: a JSON Schema (draft 2020-12), of which a part is known.
 * docs/validation.md tells which. Compiled once, then read by any thread. A text is walked as
 * it stands, without a tree; depth and work are bounded, and what goes beyond them does not fit.
 *
 * It says what was expected and where, never what was found: texts are other people's.
 */

enum {
    JSONSCHEMA_BYTES = 1 << 20, /* of a schema */
    JSONSCHEMA_MOST = 8 << 20,  /* of a text; a larger one does not fit */
    JSONSCHEMA_TOLD = 5,        /* faults of one text */
    JSONSCHEMA_FIELDS = 16,     /* of the root's properties that rates are kept of */
    JSONSCHEMA_POINTER_BYTES = 160,
    JSONSCHEMA_WORDS_BYTES = 160,
};

struct jsonschema;

/*
 * Hears of what is wrong with a schema, or (a warning) has no effect: at which byte, at which
 * JSON Pointer. Only for the call.
 */
struct jsonschema_remark {
    bool is_fault;
    size_t at;
    const char *pointer;
    const char *words;
};
typedef void jsonschema_remark_fn(void *ctx, const struct jsonschema_remark *r);

/* ERR_CONFIG when a fault was told. */
MUST_CHECK enum err jsonschema_new(struct jsonschema **out, struct str text,
                                   jsonschema_remark_fn *told, void *ctx);
/* Of whoever asks, within narrow limits of size and time. NULL: it has a fault, or is too much. */
struct jsonschema *jsonschema_of_caller(struct str text);
void jsonschema_free(struct jsonschema *s); /* NULL is fine */
DEFINE_AUTO(struct jsonschema, jsonschema_free)

uint64_t jsonschema_hash(const struct jsonschema *s); /* of its text, in this process */
size_t jsonschema_size(const struct jsonschema *s);   /* about the bytes it takes */

/* "/messages/0/age" and "must be at least 0 (minimum)". */
struct jsonschema_violation {
    char pointer[JSONSCHEMA_POINTER_BYTES]; /* cut if longer; "" is the whole */
    char words[JSONSCHEMA_WORDS_BYTES];
};

struct jsonschema_report {
    size_t count; /* there may be more than are told */
    struct jsonschema_violation violations[JSONSCHEMA_TOLD];
};

/* `json` has passed scan_check. `report` (NULL is fine) is written if it does not fit. */
bool jsonschema_fits(const struct jsonschema *s, struct str json,
                     struct jsonschema_report *report);

/* The same for a caller's, with less patience. Unsure: it was given up. */
enum jsonschema_verdict { JSONSCHEMA_FITS, JSONSCHEMA_VIOLATED, JSONSCHEMA_UNSURE };
enum jsonschema_verdict jsonschema_judge(const struct jsonschema *s, struct str json);

/* ---- the root's properties, in their order ---- */

enum jsonschema_field {
    JSONSCHEMA_FIELD_OK,
    JSONSCHEMA_FIELD_NULL,
    JSONSCHEMA_FIELD_MISSING,
    JSONSCHEMA_FIELD_WRONG_TYPE,
    JSONSCHEMA_FIELD_OUT_OF_DOMAIN, /* of a type that may be there, and not as it should be */
};

size_t jsonschema_field_count(const struct jsonschema *s); /* at most JSONSCHEMA_FIELDS */
struct str jsonschema_field_name(const struct jsonschema *s, size_t i);
enum jsonschema_field jsonschema_field_of(const struct jsonschema *s, size_t i,
                                          struct str json);
