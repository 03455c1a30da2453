/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/buf.h"

#include "parser.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct parser *parser;
static struct buf body;

static void on_body(void *owner, struct str piece)
{
    cr_assert_eq(owner, &body);
    buf_put(&body, piece);
}

static void start(void)
{
    parser = parser_new(on_body, &body);
}

static void stop(void)
{
    parser_free(parser);
    buf_deinit(&body);
}

TestSuite(parser, .init = start, .fini = stop, .timeout = 10);

static enum parser_event head(const char *text)
{
    return parser_feed_head(parser, str_of(text));
}

static void begin_chunks(void)
{
    cr_assert_eq(head("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
                 PARSER_HEAD);
}

static enum parser_event more(struct str bytes)
{
    size_t used = 0;
    enum parser_event got = parser_feed_body(parser, bytes, &used);

    cr_assert(got != PARSER_MORE || used == bytes.len);
    return got;
}

static bool is_at(const char *text, struct parser_span span, const char *wanted)
{
    return str_eq(str_cut(str_of(text), span.from, (size_t)span.from + span.len),
                  str_of(wanted));
}

/* ---- the head ------------------------------------------------------------------------ */

Test(parser, places_are_counted_from_the_first_byte_however_it_came)
{
    static const char text[] =
        "GET /a?b HTTP/1.0\r\nX-One:  v w \r\nX-None:\r\nHost: h\r\n\r\n";
    struct str all = str_of(text);

    for (size_t piece = 1; piece <= all.len; piece++) {
        const struct parser_head *h = parser_head(parser);
        enum parser_event got = PARSER_MORE;

        parser_begin(parser);
        for (size_t at = 0; at < all.len; at += piece) {
            cr_assert_eq(got, PARSER_MORE);
            got = parser_feed_head(
                parser, str_cut(all, at, at + piece < all.len ? at + piece : all.len));
        }
        cr_assert_eq(got, PARSER_HEAD);
        cr_assert_str_eq(h->method, "GET");
        cr_assert_eq(h->version, 10);
        cr_assert_eq(h->field_count, 3);
        cr_assert(is_at(text, h->target, "/a?b"));
        cr_assert(is_at(text, h->names[0], "X-One"));
        cr_assert(str_starts(str_cut(all, h->values[0].from, all.len), STR("v w")));
        cr_assert_eq(h->values[1].len, 0);
        cr_assert(is_at(text, h->names[2], "Host"));
        cr_assert(is_at(text, h->values[2], "h"));
    }
}

Test(parser, a_request_without_a_body_is_whole_with_its_head)
{
    size_t used = 9;

    cr_assert_eq(head("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), PARSER_HEAD);
    cr_assert(parser_is_whole(parser));
    cr_assert_eq(parser_feed_body(parser, STR("GET"), &used), PARSER_WHOLE);
    cr_assert_eq(used, 0);
}

Test(parser, another_version_is_refused_with_505)
{
    static const char *const heads[] = {
        "GET / HTTP/1.2\r\n\r\n", "GET / HTTP/3.0\r\n\r\n",   "GET / HTTP/1.15\r\n\r\n",
        "GET / HTTP/11\r\n\r\n",  "GET / HTTP/1.1 x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    };

    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        parser_begin(parser);
        cr_assert_eq(head(heads[i]), PARSER_BAD, "%s", heads[i]);
        cr_assert_eq(parser_status(parser), 505, "%s", heads[i]);
    }
}

Test(parser, a_version_that_llhttp_knows_is_told_and_left_to_the_rules)
{
    cr_assert_eq(head("GET / HTTP/2.0\r\n\r\n"), PARSER_HEAD);
    cr_assert_eq(parser_head(parser)->version, 20);
}

Test(parser, http_is_told_from_what_llhttp_reads_besides)
{
    static const struct {
        const char *text;
        bool http;
    } heads[] = {
        { "GET / HTTP/1.1\r\n\r\n", true },
        { "GET /RTSP/   HTTP/1.0\r\n\r\n", true },
        { "\r\n\r\nGET / HTTP/1.1\r\n\r\n", true },
        { "GET / RTSP/1.0\r\n\r\n", false },
        { "GET /HTTP/ RTSP/1.0\r\nA: HTTP/1.1\r\n\r\n", false },
        { "SOURCE / ICE/1.0\r\n\r\n", false },
    };

    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        parser_begin(parser);
        cr_assert_eq(head(heads[i].text), PARSER_HEAD, "%s", heads[i].text);
        cr_assert_eq(parser_is_http(parser, str_of(heads[i].text)), heads[i].http, "%s",
                     heads[i].text);
    }
}

Test(parser, what_is_no_request_line_is_refused_with_400_and_a_reason)
{
    static const char *const heads[] = { "\x16\x03\x01",           "FETCH / HTTP/1.1\r\n\r\n",
                                         "get / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n",
                                         "GET / ICE/1.1\r\n\r\n",  "GET\r\n\r\n" };

    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        parser_begin(parser);
        cr_assert_eq(head(heads[i]), PARSER_BAD, "%s", heads[i]);
        cr_assert_eq(parser_status(parser), 400, "%s", heads[i]);
        cr_assert_neq(parser_what(parser)[0], '\0', "%s", heads[i]);
    }
}

Test(parser, a_field_is_a_token_a_colon_and_a_value)
{
    static const char *const lines[] = { "X Y: 1",
                                         "X\t: 1",
                                         "X : 1",
                                         "X\xc3\xa9: 1",
                                         "X",
                                         "X: a\x01"
                                         "b",
                                         "X: a\x7f"
                                         "b" };

    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        struct buf text = { 0 };

        buf_put_printf(&text, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n", lines[i]);
        parser_begin(parser);
        cr_assert_eq(parser_feed_head(parser, buf_str(&text)), PARSER_BAD, "%s", lines[i]);
        cr_assert_eq(parser_status(parser), 400);
        buf_deinit(&text);
    }
}

Test(parser, a_target_of_8_kibibytes_is_read_and_one_byte_more_is_not)
{
    for (size_t extra = 0; extra < 2; extra++) {
        struct buf text = { 0 };

        buf_put_text(&text, "GET /");
        for (size_t i = 1; i < PARSER_TARGET_BYTES + extra; i++)
            buf_put_text(&text, "a");
        buf_put_text(&text, " HTTP/1.1\r\nHost: a\r\n\r\n");
        parser_begin(parser);
        cr_assert_eq(parser_feed_head(parser, buf_str(&text)),
                     extra > 0 ? PARSER_BAD : PARSER_HEAD);
        cr_assert_eq(parser_status(parser), extra > 0 ? 414 : 0);
        buf_deinit(&text);
    }
}

Test(parser, the_128th_field_is_read_and_the_next_is_not)
{
    for (size_t count = PARSER_FIELDS; count <= PARSER_FIELDS + 1; count++) {
        struct buf text = { 0 };

        buf_put_text(&text, "GET / HTTP/1.1\r\n");
        for (size_t i = 0; i < count; i++)
            buf_put_text(&text, "a: b\r\n");
        buf_put_text(&text, "\r\n");
        parser_begin(parser);
        cr_assert_eq(parser_feed_head(parser, buf_str(&text)),
                     count > PARSER_FIELDS ? PARSER_BAD : PARSER_HEAD);
        cr_assert_eq(parser_status(parser), count > PARSER_FIELDS ? 431 : 0);
        buf_deinit(&text);
    }
}

/* ---- the body ------------------------------------------------------------------------ */

Test(parser, a_length_ends_where_it_says)
{
    size_t used;

    cr_assert_eq(head("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"), PARSER_HEAD);
    cr_assert_not(parser_is_whole(parser));
    cr_assert_eq(parser_feed_body(parser, STR(""), &used), PARSER_MORE);
    cr_assert_eq(used, 0);
    cr_assert_eq(parser_feed_body(parser, STR("ab"), &used), PARSER_MORE);
    cr_assert_eq(used, 2);
    cr_assert_eq(parser_feed_body(parser, STR("cGET"), &used), PARSER_WHOLE);
    cr_assert_eq(used, 1);
    cr_assert(str_eq(buf_str(&body), STR("abc")));
}

Test(parser, chunks_end_with_the_line_behind_the_last)
{
    struct str bytes = STR("2\r\nab\r\n00A\r\n0123456789\r\n0\r\n\r\nGET");
    size_t used;

    begin_chunks();
    cr_assert_eq(parser_feed_body(parser, bytes, &used), PARSER_WHOLE);
    cr_assert_eq(used, bytes.len - 3);
    cr_assert(str_eq(buf_str(&body), STR("ab0123456789")));
}

Test(parser, the_size_of_a_chunk_is_hexadecimal_and_fits_64_bits)
{
    static const char *const sizes[] = {
        "g\r\n", "-1\r\n", "0x1\r\n", "\r\n", "+1\r\n", "1 1\r\n", "11111111111111111\r\n"
    };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        parser_begin(parser);
        begin_chunks();
        cr_assert_eq(more(str_of(sizes[i])), PARSER_BAD, "%s", sizes[i]);
        cr_assert_eq(parser_status(parser), 400, "%s", sizes[i]);
    }
}

Test(parser, a_chunk_ends_with_a_line_end)
{
    begin_chunks();
    cr_assert_eq(more(STR("1\r\nab\r\n")), PARSER_BAD);
    cr_assert_eq(parser_status(parser), 400);
}

Test(parser, zeroes_before_a_chunks_size_are_framing_and_bounded)
{
    static char zeroes[32 << 10];
    enum parser_event got = PARSER_MORE;

    memset(zeroes, '0', sizeof(zeroes));
    begin_chunks();
    for (size_t i = 0; i < sizeof(zeroes) && got == PARSER_MORE; i += 1024)
        got = more((struct str){ zeroes + i, 1024 });
    cr_assert_eq(got, PARSER_BAD);
    cr_assert_eq(parser_status(parser), 413);
}

Test(parser, an_extension_of_4_kibibytes_is_borne)
{
    static char name[4 << 10];

    memset(name, 'x', sizeof(name));
    begin_chunks();
    cr_assert_eq(more(STR("1;")), PARSER_MORE);
    cr_assert_eq(more((struct str){ name, sizeof(name) }), PARSER_MORE);
    cr_assert_eq(more(STR("y")), PARSER_BAD);
    cr_assert_eq(parser_status(parser), 413);
}

Test(parser, a_new_message_remembers_nothing_of_the_last)
{
    begin_chunks();
    cr_assert_eq(more(STR("1\r\na\r\nno")), PARSER_BAD);
    parser_begin(parser);
    cr_assert_eq(parser_status(parser), 0);
    cr_assert_null(parser_what(parser));
    cr_assert_eq(parser_head(parser)->field_count, 0);
    cr_assert_not(parser_is_whole(parser));
    cr_assert_eq(head("GET / HTTP/1.1\r\nHost: b\r\n\r\n"), PARSER_HEAD);
    cr_assert(parser_is_whole(parser));
}
