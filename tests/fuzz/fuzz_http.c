/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request bytes, read once in one piece and once in pieces whose sizes the input decides. Both
 * readings must tell the same requests, and refuse the same. The status of a refusal is not
 * compared: where a message breaks two rules at once, a piece's end may show the other first.
 */
#include "weir/base/buf.h"
#include "weir/base/ensure.h"

#include "intake.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_BODY = 4096 };

static void put(struct buf *told, struct str s)
{
    buf_put_printf(told, "%zu:", s.len);
    buf_put(told, s);
}

static void put_request(struct buf *told, const struct intake *in)
{
    struct http_field fields[HTTP_FIELDS];
    struct http_request r;

    intake_request(in, fields, &r);
    put(told, r.method_text);
    put(told, r.path);
    put(told, r.query);
    for (size_t i = 0; i < r.field_count; i++) {
        put(told, fields[i].name);
        put(told, fields[i].value);
    }
    put(told, r.body);
    buf_put_printf(told, " %d\n", intake_rules(in)->is_kept_alive);
}

/* Feeds one piece, from memory of its own size so that reading past it is seen. */
static bool feed(struct intake *in, struct str piece, struct buf *told)
{
    char *copy = malloc(piece.len + 1);
    size_t at = 0;
    bool goes_on = true;

    memcpy(copy, piece.at, piece.len);
    while (goes_on && at < piece.len) {
        size_t used;
        enum intake_event got = intake_feed(in, (struct str){ copy + at, piece.len - at },
                                            &used);

        ensure(used <= piece.len - at);
        at += used;
        if (got == INTAKE_BAD) {
            buf_put(told, STR("refused\n"));
            ensure(intake_status(in) >= 400 && intake_what(in));
            goes_on = false;
        } else if (got == INTAKE_WHOLE || (got == INTAKE_HEAD && intake_is_whole(in))) {
            put_request(told, in);
            intake_end(in);
            intake_begin(in, MOST_BODY, NULL);
        } else if (got == INTAKE_HEAD && at == piece.len) {
            intake_keep(in);
        } else if (got == INTAKE_MORE) {
            ensure(at == piece.len);
        }
    }
    free(copy);
    return goes_on;
}

static void read_in_pieces(struct str input, size_t most, uint32_t seed, struct buf *told)
{
    struct intake *in = intake_new();
    size_t at = 0;
    bool goes_on = true;

    intake_begin(in, MOST_BODY, NULL);
    while (goes_on && at < input.len) {
        size_t left = input.len - at;
        size_t n;

        seed = seed * 1664525U + 1013904223U;
        n = most == 0 ? left : 1 + (seed >> 16) % most;
        n = n < left ? n : left;
        goes_on = feed(in, str_cut(input, at, at + n), told);
        at += n;
    }
    intake_free(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t most[] = { 1, 7, 300 };
    struct str input = { (const char *)data, size };
    struct buf whole = { 0 };

    if (size == 0)
        return 0;
    read_in_pieces(input, 0, 0, &whole);
    for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
        struct buf split = { 0 };

        read_in_pieces(input, most[i], data[size / 2], &split);
        ensure(str_eq(buf_str(&whole), buf_str(&split)));
        buf_deinit(&split);
    }
    buf_deinit(&whole);
    return 0;
}
