/* SPDX-License-Identifier: Apache-2.0 */
/* Every message is read whole, byte by byte and in random pieces, and must tell the same. */
#include "weir/base/buf.h"

#include "intake.h"
#include "parser.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_BYTES = 1 << 20 };

static void put(struct buf *told, struct str s)
{
    buf_put(told, s.at ? s : STR("-"));
    buf_put(told, STR("|"));
}

static void put_request(struct buf *told, const struct intake *in)
{
    struct http_field fields[HTTP_FIELDS];
    struct http_request r;

    intake_request(in, fields, &r);
    put(told, r.method_text);
    put(told, r.path);
    put(told, r.query);
    for (size_t i = 0; i < r.field_count; i++)
        buf_put_printf(told, "%.*s=%.*s|", STR_ARG(fields[i].name), STR_ARG(fields[i].value));
    put(told, r.body);
    buf_put(told, STR("\n"));
}

static bool feed(struct intake *in, struct str bytes, struct buf *told)
{
    size_t at = 0;

    while (at < bytes.len) {
        size_t used;
        enum intake_event got = intake_feed(in, str_cut(bytes, at, bytes.len), &used);

        at += used;
        if (got == INTAKE_BAD) {
            buf_put_printf(told, "%d", intake_status(in));
            return false;
        }
        if (got == INTAKE_WHOLE || (got == INTAKE_HEAD && intake_is_whole(in))) {
            put_request(told, in);
            intake_end(in);
            intake_begin(in, BODY_BYTES, NULL);
        } else if (got == INTAKE_HEAD && at == bytes.len) {
            intake_keep(in);
        }
    }
    return true;
}

/* The pieces lie in memory of their own, which is gone before the next one. */
static void read_in_pieces(struct str input, size_t most, struct buf *told)
{
    struct intake *in = intake_new();
    size_t at = 0;
    bool goes_on = true;

    intake_begin(in, BODY_BYTES, NULL);
    while (goes_on && at < input.len) {
        size_t left = input.len - at;
        size_t n = most == 0 ? left : 1 + (size_t)rand() % most;
        char *copy;

        n = n < left ? n : left;
        copy = malloc(n);
        memcpy(copy, input.at + at, n);
        goes_on = feed(in, (struct str){ copy, n }, told);
        free(copy);
        at += n;
    }
    intake_free(in);
}

static void reads_as(struct str input, const char *expected)
{
    static const size_t most[] = { 0, 1, 2, 5, 20, 100 };

    for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
        struct buf told = { 0 };

        read_in_pieces(input, most[i], &told);
        buf_put(&told, (struct str){ "", 1 });
        cr_assert_str_eq(told.at, expected, "pieces of at most %zu: %s", most[i], told.at);
        buf_deinit(&told);
    }
}

#define HOST "Host: a\r\n"
#define CHUNKED "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"

Test(intake, passes_its_self_test, .timeout = 5)
{
    parser_self_test();
}

Test(intake, reads_a_request_without_a_body, .timeout = 5)
{
    reads_as(STR("GET /v1/models?a=b HTTP/1.1\r\n" HOST "X-Empty:\r\nX-B: \t c \r\n\r\n"),
             "GET|/v1/models|a=b|Host=a|X-Empty=|X-B=c||\n");
}

Test(intake, reads_a_body_with_a_length, .timeout = 5)
{
    reads_as(STR("POST /p HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhe\r\n\n"),
             "POST|/p|-|Host=a|Content-Length=5|he\r\n\n|\n");
}

Test(intake, joins_the_chunks_of_a_body, .timeout = 5)
{
    reads_as(STR(CHUNKED "5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\n\r\n"),
             "POST|/|-|Host=a|Transfer-Encoding=chunked|hello, world|\n");
}

Test(intake, tells_pipelined_requests_apart, .timeout = 5)
{
    reads_as(STR(CHUNKED "1\r\nx\r\n0\r\n\r\nGET /b HTTP/1.1\r\n" HOST "\r\n\r\n"
                         "POST /c HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nyGET"),
             "POST|/|-|Host=a|Transfer-Encoding=chunked|x|\n"
             "GET|/b|-|Host=a||\n"
             "POST|/c|-|Host=a|Content-Length=1|y|\n");
}

Test(intake, executes_nothing_behind_a_refused_request, .timeout = 5)
{
    reads_as(STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"
                 "xGET /b HTTP/1.1\r\n" HOST "\r\n"),
             "400");
}

Test(intake, refuses_trailer_fields, .timeout = 5)
{
    reads_as(STR(CHUNKED "1\r\nx\r\n0\r\nA: b\r\n\r\n"), "400");
}

Test(intake, refuses_line_feeds_alone_in_chunk_framing, .timeout = 5)
{
    reads_as(STR(CHUNKED "1\nx\r\n0\r\n\r\n"), "400");
    reads_as(STR(CHUNKED "1\r\nx\n0\r\n\r\n"), "400");
    reads_as(STR(CHUNKED "1;a=b\nx\r\n0\r\n\r\n"), "400");
}

Test(intake, refuses_a_target_beyond_8_kibibytes, .timeout = 5)
{
    struct buf input = { 0 };

    buf_put(&input, STR("GET /"));
    for (int i = 0; i < PARSER_TARGET_BYTES; i++)
        buf_put(&input, STR("x"));
    buf_put(&input, STR(" HTTP/1.1\r\n" HOST "\r\n"));
    reads_as(buf_str(&input), "414");
    buf_deinit(&input);
}

Test(intake, refuses_more_than_128_fields, .timeout = 5)
{
    struct buf input = { 0 };

    buf_put(&input, STR("GET / HTTP/1.1\r\n" HOST));
    for (int i = 0; i < PARSER_FIELDS; i++)
        buf_put(&input, STR("A: b\r\n"));
    buf_put(&input, STR("\r\n"));
    reads_as(buf_str(&input), "431");
    buf_deinit(&input);
}

Test(intake, refuses_a_head_beyond_64_kibibytes, .timeout = 5)
{
    struct buf input = { 0 };

    buf_put(&input, STR("GET / HTTP/1.1\r\n" HOST "A: "));
    for (int i = 0; i < 64 << 10; i++)
        buf_put(&input, STR("x"));
    buf_put(&input, STR("\r\n\r\n"));
    reads_as(buf_str(&input), "431");
    buf_deinit(&input);
}

Test(intake, refuses_a_length_above_the_limit, .timeout = 5)
{
    reads_as(STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 1048577\r\n\r\n"), "413");
}

Test(intake, refuses_chunks_that_grow_above_the_limit, .timeout = 10)
{
    struct buf input = { 0 };

    buf_put(&input, STR(CHUNKED));
    for (int i = 0; i < 17; i++) {
        buf_put(&input, STR("10000\r\n"));
        for (int k = 0; k < 1 << 12; k++)
            buf_put(&input, STR("0123456789abcdef"));
        buf_put(&input, STR("\r\n"));
    }
    reads_as(buf_str(&input), "413");
    buf_deinit(&input);
}

Test(intake, refuses_chunk_extensions_beyond_4_kibibytes, .timeout = 5)
{
    struct buf input = { 0 };

    buf_put(&input, STR(CHUNKED "1;a="));
    for (int i = 0; i < 5000; i++)
        buf_put(&input, STR("x"));
    buf_put(&input, STR("\r\nx\r\n0\r\n\r\n"));
    reads_as(buf_str(&input), "413");
    buf_deinit(&input);
}

Test(intake, takes_chunks_of_a_byte, .timeout = 5)
{
    struct buf input = { 0 }, expected = { 0 };

    buf_put(&input, STR(CHUNKED));
    buf_put(&expected, STR("POST|/|-|Host=a|Transfer-Encoding=chunked|"));
    for (int i = 0; i < 20000; i++) {
        buf_put(&input, STR("1\r\nx\r\n"));
        buf_put(&expected, STR("x"));
    }
    buf_put(&input, STR("0\r\n\r\n"));
    buf_put(&expected, (struct str){ "|\n", 3 });
    reads_as(buf_str(&input), expected.at);
    buf_deinit(&input);
    buf_deinit(&expected);
}

Test(intake, lends_what_came_in_one_piece, .timeout = 5)
{
    struct str input = STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}");
    struct http_field fields[HTTP_FIELDS];
    struct intake *in = intake_new();
    struct http_request r;
    size_t used;

    intake_begin(in, BODY_BYTES, NULL);
    cr_assert_eq(intake_feed(in, input, &used), INTAKE_HEAD);
    cr_assert_eq(intake_feed(in, str_cut(input, used, input.len), &used), INTAKE_WHOLE);
    intake_request(in, fields, &r);
    cr_assert_eq(r.target.at, input.at + 5);
    cr_assert_eq(r.body.at, input.at + input.len - 2);
    cr_assert_null(intake_take_body(in, &(struct room_share){ 0 }));
    intake_free(in);
}

/* A body in two reads, with so much room; the event at its end. */
static enum intake_event read_body_with(struct http_room *room, struct intake *in)
{
    struct str head = STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 8\r\n\r\n1234");
    size_t used;

    intake_begin(in, BODY_BYTES, room);
    cr_assert_eq(intake_feed(in, head, &used), INTAKE_HEAD);
    cr_assert_eq(intake_feed(in, str_cut(head, used, head.len), &used), INTAKE_MORE);
    return intake_feed(in, STR("5678"), &used);
}

Test(intake, refuses_a_body_for_which_there_is_no_room, .timeout = 5)
{
    struct http_room room = { .most = 7 };
    struct intake *in = intake_new();

    cr_assert_eq(read_body_with(&room, in), INTAKE_BAD);
    cr_assert_eq(intake_status(in), 503);
    intake_free(in);
    cr_assert_eq(room.used, 0);
}

Test(intake, gives_a_bodys_room_back_at_its_end, .timeout = 5)
{
    struct http_room room = { .most = 8 };
    struct intake *in = intake_new();

    cr_assert_eq(read_body_with(&room, in), INTAKE_WHOLE);
    cr_assert_eq(room.used, 8);
    intake_end(in);
    cr_assert_eq(room.used, 0);
    intake_free(in);
}

Test(intake, a_body_that_is_taken_takes_its_room_along, .timeout = 5)
{
    struct http_room room = { .most = 8 };
    struct intake *in = intake_new();
    struct room_share share;
    char *body;

    cr_assert_eq(read_body_with(&room, in), INTAKE_WHOLE);
    body = intake_take_body(in, &share);
    intake_free(in);
    cr_assert_eq(room.used, 8);
    room_share_end(&share);
    cr_assert_eq(room.used, 0);
    free(body);
}
