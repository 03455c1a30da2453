/* SPDX-License-Identifier: Apache-2.0 */
/* Every stream is read whole and in pieces of many sizes, and must tell the same events. */
#include "weir/http/sse.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct told {
    struct buf text;
    struct buf raw;
    size_t opaque_pieces;
    size_t events;
};

static void put(struct buf *text, struct str s)
{
    buf_put(text, s.at ? s : STR("-"));
    buf_put(text, STR("|"));
}

static void on_event(void *owner, const struct sse_event *e)
{
    struct told *told = owner;

    buf_put(&told->raw, e->raw);
    told->opaque_pieces += e->opaque;
    told->events += e->has_blank;
    if (e->opaque)
        return;
    put(&told->text, e->name);
    put(&told->text, e->data);
    buf_put(&told->text, e->has_blank ? STR("\n") : STR("cut"));
}

static void read_in_pieces(struct str input, size_t most_bytes, size_t piece, struct told *told)
{
    struct sse s;
    size_t at = 0;

    *told = (struct told){ 0 };
    sse_init(&s, most_bytes);
    while (at < input.len) {
        size_t left = input.len - at;
        size_t n = piece < left ? piece : left;
        char *copy = malloc(n);

        memcpy(copy, input.at + at, n);
        sse_feed(&s, (struct str){ copy, n }, on_event, told);
        free(copy);
        at += n;
    }
    sse_end(&s, on_event, told);
    sse_deinit(&s);
    cr_assert(str_eq(buf_str(&told->raw), input));
}

static void drop(struct told *told)
{
    buf_deinit(&told->text);
    buf_deinit(&told->raw);
}

static void reads_as(struct str input, const char *expected)
{
    for (size_t piece = 1; piece <= input.len; piece++) {
        struct told told;

        read_in_pieces(input, SSE_EVENT_BYTES, piece, &told);
        buf_put(&told.text, (struct str){ "", 1 });
        cr_assert_str_eq(told.text.at, expected, "pieces of %zu: %s", piece, told.text.at);
        drop(&told);
    }
}

Test(sse, an_event_ends_with_its_blank_line, .timeout = 5)
{
    reads_as(STR("data: a\n\nevent: e\ndata:b\n\n"), "-|a|\ne|b|\n");
}

Test(sse, lines_end_in_lf_crlf_or_cr, .timeout = 5)
{
    reads_as(STR("data: a\r\n\r\ndata: b\r\rdata: c\n\r\ndata: d\r\n\n"),
             "-|a|\n-|b|\n-|c|\n-|d|\n");
}

Test(sse, data_lines_are_joined_by_lf, .timeout = 5)
{
    reads_as(STR("data: a\ndata\ndata:  b\n\n"), "-|a\n\n b|\n");
}

Test(sse, a_comment_has_no_data_and_empty_data_is_data, .timeout = 5)
{
    reads_as(STR(": ping\n\ndata:\n\n"), "-|-|\n-||\n");
}

Test(sse, a_byte_order_mark_is_skipped_once, .timeout = 5)
{
    reads_as(STR("\xEF\xBB\xBF"
                 "data: a\n\n"
                 "\xEF\xBB\xBF"
                 "data: b\n\n"),
             "-|a|\n-|-|\n");
}

Test(sse, the_last_name_counts, .timeout = 5)
{
    reads_as(STR("event: a\nevent: b\nid: 1\nretry: 5\ndata: c\n\n"), "b|c|\n");
}

Test(sse, characters_may_be_cut_anywhere, .timeout = 5)
{
    reads_as(STR("data: \xF0\x9F\x98\x80\xC3\xA4\n\n"), "-|\xF0\x9F\x98\x80\xC3\xA4|\n");
}

Test(sse, an_unfinished_event_is_told_as_cut, .timeout = 5)
{
    reads_as(STR("data: a\n\ndata: b"), "-|a|\n-|b|cut");
    reads_as(STR("data: b\n"), "-|b|cut");
}

Test(sse, a_blank_line_in_cr_at_the_end_is_one, .timeout = 5)
{
    reads_as(STR("data: a\r\r"), "-|a|\n");
}

Test(sse, crlf_of_a_blank_line_stays_with_its_event, .timeout = 5)
{
    struct sse s;
    struct told told = { 0 };

    sse_init(&s, SSE_EVENT_BYTES);
    sse_feed(&s, STR("data: a\r\n\r"), on_event, &told);
    sse_feed(&s, STR("\ndata"), on_event, &told);
    cr_assert(str_eq(buf_str(&told.raw), STR("data: a\r\n\r\n")));
    sse_deinit(&s);
    drop(&told);
}

static void fill(struct buf *b, size_t n)
{
    char *at;

    cr_assert_eq(buf_room(b, n, &at), OK);
    memset(at, 'x', n);
    buf_grown(b, n);
}

Test(sse, an_event_of_8_mebibytes_is_read, .timeout = 20)
{
    static const size_t pieces[] = { SIZE_MAX, 65536, 1000 };
    struct buf input = { 0 };

    buf_put(&input, STR("data: "));
    fill(&input, SSE_EVENT_BYTES - sizeof("data: \n\n") + 1);
    buf_put(&input, STR("\n\n"));
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct told told;

        read_in_pieces(buf_str(&input), SSE_EVENT_BYTES, pieces[i], &told);
        cr_assert_eq(told.opaque_pieces, 0);
        cr_assert_eq(told.events, 1);
        drop(&told);
    }
    buf_deinit(&input);
}

Test(sse, an_event_above_the_ceiling_passes_unread, .timeout = 5)
{
    struct buf input = { 0 };

    buf_put(&input, STR("data: "));
    fill(&input, 1000);
    buf_put(&input, STR("\n\ndata: a\n\n"));
    for (size_t piece = 1; piece < input.len; piece += 7) {
        struct told told;

        read_in_pieces(buf_str(&input), 100, piece, &told);
        cr_assert_gt(told.opaque_pieces, 0);
        cr_assert_eq(told.events, 2);
        cr_assert(str_eq(buf_str(&told.text), STR("-|a|\n")));
        drop(&told);
    }
    buf_deinit(&input);
}

static void ignore(void *owner, const struct sse_event *e)
{
    *(size_t *)owner += e->raw.len;
}

Test(sse, an_endless_event_takes_bounded_memory, .timeout = 20)
{
    enum { CEILING = 10000, PIECES = 100000 };
    size_t passed = 0;
    struct sse s;

    sse_init(&s, CEILING);
    for (int i = 0; i < PIECES; i++) {
        sse_feed(&s, STR("data: more and more\n"), ignore, &passed);
        cr_assert_leq(s.pending.capacity, 4 * CEILING);
    }
    cr_assert_eq(passed, (size_t)PIECES * 20);
    sse_deinit(&s);
}
