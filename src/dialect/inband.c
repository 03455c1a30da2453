/* SPDX-License-Identifier: Apache-2.0 */
#include "inband.h"

#include "weir/base/scan.h"
#include "weir/base/utf8.h"
#include "weir/dialect/tap.h"

#include <string.h>

/*
 * Every family of servers has its own words for what went wrong. They are looked for in the
 * order of the rows, inside the words of `code`, `type` and `status`.
 */
/* clang-format off */
static const struct word {
    const char *text;
    int status;
} words[] = {
    { "rate_limit",         429 },
    { "ratelimit",          429 },
    { "insufficient_quota", 429 },
    { "quota",              429 },
    { "too_many_requests",  429 },
    { "resource_exhausted", 429 },
    { "overloaded",         529 },
    { "unavailable",        503 },
    { "timeout",            504 },
    { "authentication",     401 },
    { "invalid_api_key",    401 },
    { "permission",         403 },
    { "not_found",          404 },
    { "too_large",          413 },
    { "invalid_",           400 },
    { "badrequest",         400 },
    { "context_length",     400 },
    { "validation",         400 },
    { "content_policy",     400 },
};
/* clang-format on */

enum { WORDS = sizeof(words) / sizeof(words[0]), UNKNOWN_STATUS = 500 };

bool inband_is_truthy(struct str value)
{
    double number;

    switch (scan_type_of(value)) {
    case SCAN_NONE:
    case SCAN_NULL: return false;
    case SCAN_BOOL: return scan_true(value);
    case SCAN_NUMBER: return !scan_number(value, &number) || number != 0;
    case SCAN_STRING: return value.len > 2;
    case SCAN_ARRAY:
    case SCAN_OBJECT: break;
    }
    return true;
}

static bool holds_word(struct str value, const char *word)
{
    size_t len = strlen(word);

    for (size_t i = 0; i + len <= value.len; i++) {
        if (str_eq_nocase(str_cut(value, i, i + len), str_of(word)))
            return true;
    }
    return false;
}

static int status_of_value(const struct scan_member *m)
{
    struct str text = m->type == SCAN_STRING ? str_cut(m->value, 1, m->value.len - 1)
                                             : m->value;
    uint64_t number;

    if (m->type != SCAN_STRING && m->type != SCAN_NUMBER)
        return 0;
    if (str_to_u64(text, &number))
        return number >= 400 && number <= 599 ? (int)number : 0;
    for (size_t i = 0; i < WORDS; i++) {
        if (holds_word(text, words[i].text))
            return words[i].status;
    }
    return 0;
}

static int status_in(struct str object)
{
    static const char *const names[] = { "code", "type", "status", "status_code",
                                         "error_type" };
    struct scan_member m;
    int status = 0;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && status == 0; i++) {
        if (scan_get(object, str_of(names[i]), &m))
            status = status_of_value(&m);
    }
    return status;
}

/* As much of the message as there is room for, cut between characters. */
static void put_text(struct answer *a, struct str value)
{
    struct arena arena = { 0 };
    struct str text = scan_text(value, &arena, NULL);
    size_t len = 0;

    while (len < text.len) {
        size_t next = utf8_length(text.at + len, text.len - len);

        if (next == 0 || len + next >= sizeof(a->error_text))
            break;
        len += next;
    }
    memcpy(a->error_text, text.at, len);
    a->error_text[len] = '\0';
    arena_deinit(&arena);
}

void inband_note(struct answer *a, struct str error, struct str around)
{
    struct scan_member message = { .value = { NULL, 0 } };
    int status = status_in(error);

    if (status == 0)
        status = status_in(around);
    a->error_status = status == 0 ? UNKNOWN_STATUS : status;
    if (scan_type_of(error) == SCAN_STRING)
        put_text(a, error);
    else if (scan_get(error, STR("message"), &message) && message.type == SCAN_STRING)
        put_text(a, message.value);
    else if (scan_get(around, STR("message"), &message) && message.type == SCAN_STRING)
        put_text(a, message.value);
    else
        put_text(a, STR("\"the upstream reported an error\""));
}
