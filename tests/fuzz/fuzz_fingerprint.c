/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/ensure.h"
#include "weir/base/scan.h"
#include "weir/dialect/fingerprint.h"

#include <jansson.h>
#include <stdint.h>
#include <string.h>

/*
 * The canonical form of a canonical form is itself, it is JSON, and it means what its source
 * meant: jansson is asked, where it can read both. The first byte says which endpoint.
 */

static bool numbers_equal(const json_t *a, const json_t *b)
{
    if (json_is_integer(a) && json_is_integer(b))
        return json_integer_value(a) == json_integer_value(b);
    return !(json_number_value(a) < json_number_value(b)) &&
           !(json_number_value(a) > json_number_value(b));
}

static bool values_equal(const json_t *a, const json_t *b);

static bool members_equal(const json_t *a, const json_t *b)
{
    size_t count = 0;

    for (void *at = json_object_iter((json_t *)a); at;
         at = json_object_iter_next((json_t *)a, at)) {
        const json_t *other = json_object_getn(b, json_object_iter_key(at),
                                               json_object_iter_key_len(at));

        if (!other || !values_equal(json_object_iter_value(at), other))
            return false;
        count++;
    }
    return count == json_object_size(b);
}

static bool values_equal(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return numbers_equal(a, b);
    if (json_typeof(a) != json_typeof(b))
        return false;
    if (json_is_string(a))
        return json_string_length(a) == json_string_length(b) &&
               memcmp(json_string_value(a), json_string_value(b), json_string_length(a)) == 0;
    if (json_is_object(a))
        return members_equal(a, b);
    if (!json_is_array(a))
        return true;
    for (size_t i = 0; i < json_array_size(a); i++) {
        if (!values_equal(json_array_get(a, i), json_array_get(b, i)))
            return false;
    }
    return json_array_size(a) == json_array_size(b);
}

/* Only of bodies from which nothing is left out. */
static void check_meaning(struct str source, struct str canonical)
{
    const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES;
    json_t *a = json_loadb(source.at, source.len, flags, NULL);
    json_t *b = json_loadb(canonical.at, canonical.len, flags, NULL);

    if (a && b)
        ensure(values_equal(a, b));
    json_decref(a);
    json_decref(b);
}

static bool make(struct str body, enum endpoint e, struct arena *arena, struct fingerprint *out)
{
    struct fingerprint_parts parts = { STR("public"), STR("plan"), { NULL, 0 } };
    struct request r;

    return request_decode(&r, e, STR("m"), body, arena, NULL) == OK &&
           fingerprint_of(out, &r, &parts, arena) == OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = { .budget = 16 << 20 };
    struct fingerprint one, other;
    struct str body;
    enum endpoint e;

    if (size == 0)
        return 0;
    e = (enum endpoint)(data[0] % ENDPOINT_COUNT);
    body = (struct str){ (const char *)data + 1, size - 1 };
    if (make(body, e, &arena, &one)) {
        ensure(scan_check(one.canonical, NULL) == OK);
        ensure(make(one.canonical, e, &arena, &other));
        ensure(str_eq(one.canonical, other.canonical));
        ensure(digest_eq(&one.key, &other.key));
        if (e == ENDPOINT_PREDICT)
            check_meaning(body, one.canonical);
    }
    arena_deinit(&arena);
    return 0;
}
