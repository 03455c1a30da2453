/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/buf.h"
#include "weir/base/ensure.h"
#include "weir/base/scan.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

/*
 * The scanner against jansson. What jansson accepts, scan_check accepts, and both find the
 * same values under the same names. What scan_check alone accepts is on the list of scan.h:
 * lone surrogates, numbers out of range; and names with a NUL, which jansson cannot hold.
 * What it alone refuses is nested deeper than SCAN_DEPTH, or holds a NUL byte, which jansson
 * overlooks behind a number.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(json_t *want, struct str value, struct arena *a);

static void compare_object(json_t *want, struct str value, struct arena *a)
{
    const char *key;
    json_t *member;

    json_object_foreach(want, key, member)
    {
        struct scan_member m;

        ensure(scan_get(value, str_of(key), &m));
        compare(member, m.value, a);
    }
}

static void compare_array(json_t *want, struct str value, struct arena *a)
{
    struct scan_member m;
    struct scan s;
    size_t i = 0;

    for (scan_start(&s, value); scan_next(&s, &m); i++)
        compare(json_array_get(want, i), m.value, a);
    ensure(i == json_array_size(want));
}

static void compare_string(json_t *want, struct str value, struct arena *a)
{
    struct str expected = { json_string_value(want), json_string_length(want) };
    struct buf again = { 0 };
    struct str text;
    bool lossy;

    text = scan_text(value, a, &lossy);
    ensure(!lossy && str_eq(text, expected));
    scan_put_string(&again, text);
    ensure(scan_check(buf_str(&again), NULL) == OK);
    ensure(str_eq(scan_text(buf_str(&again), a, NULL), expected));
    buf_deinit(&again);
}

static void compare_integer(json_t *want, struct str value)
{
    json_int_t n = json_integer_value(want);
    uint64_t read;

    if (value.at[0] == '-') {
        ensure(!scan_u64(value, &read));
        value = str_cut(value, 1, value.len);
    }
    ensure(scan_u64(value, &read));
    ensure(read == (n < 0 ? 0 - (uint64_t)n : (uint64_t)n));
}

static void compare(json_t *want, struct str value, struct arena *a)
{
    double read;

    ensure(want);
    switch (json_typeof(want)) {
    case JSON_OBJECT:
        ensure(scan_type_of(value) == SCAN_OBJECT);
        compare_object(want, value, a);
        break;
    case JSON_ARRAY:
        ensure(scan_type_of(value) == SCAN_ARRAY);
        compare_array(want, value, a);
        break;
    case JSON_STRING:
        ensure(scan_type_of(value) == SCAN_STRING);
        compare_string(want, value, a);
        break;
    case JSON_INTEGER: compare_integer(want, value); break;
    case JSON_REAL:
        ensure(scan_number(value, &read) && !isless(read, json_real_value(want)) &&
               !isgreater(read, json_real_value(want)));
        break;
    case JSON_TRUE: ensure(scan_true(value)); break;
    case JSON_FALSE: ensure(str_eq(value, STR("false"))); break;
    case JSON_NULL: ensure(str_eq(value, STR("null"))); break;
    }
}

static bool may_refuse(const json_error_t *why)
{
    enum json_error_code code = json_error_code(why);

    return code == json_error_numeric_overflow || code == json_error_null_byte_in_key ||
           strncmp(why->text, "invalid Unicode '", 17) == 0;
}

/* On any bytes whatever, the walk must end inside the text. */
static void walk_unchecked(struct str text, struct arena *a)
{
    struct scan_member m;
    struct scan s;
    size_t last = 0;

    for (scan_start(&s, text); scan_next(&s, &m);) {
        ensure(m.at >= last && m.at + m.value.len <= text.len && m.value.len > 0);
        last = m.at + m.value.len;
        (void)scan_text(m.value, a, NULL);
        (void)scan_key_is(m.key, STR("model"));
    }
    (void)scan_pointer(text, STR("/a/0/b~1c"), &m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* In a block of its own, so that a read past its end is seen. */
    char *copy = size > 0 ? memcpy(malloc(size), data, size) : NULL;
    struct str text = { copy, size };
    struct arena a = { .budget = 1 << 24 };
    struct scan_member m;
    json_error_t why;
    json_t *root = json_loadb(copy ? copy : "", size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    enum err err = scan_check(text, NULL);

    if (err == OK && root) {
        ensure(scan_pointer(text, STR(""), &m));
        compare(root, m.value, &a);
    } else if (err == OK) {
        ensure(may_refuse(&why));
    } else if (root) {
        ensure(err == ERR_TOO_LARGE || memchr(text.at, '\0', text.len));
    }
    walk_unchecked(text, &a);
    json_decref(root);
    arena_deinit(&a);
    free(copy);
    return 0;
}
