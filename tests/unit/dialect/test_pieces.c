/* SPDX-License-Identifier: Apache-2.0 */
#include "pieces.h"

#include "world.h"

static void expect_whole_pieces(const char *unit, unsigned count)
{
    struct buf text = { 0 };
    struct str rest, piece;
    size_t total = 0;

    buf_put_text(&text, "x"); /* so that no cut falls between units by luck */
    for (unsigned i = 0; i < count; i++)
        buf_put_text(&text, unit);
    rest = buf_str(&text);
    while (pieces_next(&rest, &piece)) {
        struct buf value = { 0 };
        struct arena arena = { 0 };
        bool lossy;

        buf_put_printf(&value, "\"%.*s\"", STR_ARG(piece));
        cr_assert_eq(scan_check(buf_str(&value), NULL), OK);
        (void)scan_text(buf_str(&value), &arena, &lossy);
        cr_assert_not(lossy);
        cr_assert_lt(piece.len, PIECE_BYTES + 12);
        total += piece.len;
        buf_deinit(&value);
        arena_deinit(&arena);
    }
    cr_assert_eq(total, text.len);
    buf_deinit(&text);
}

Test(pieces, no_cut_lies_inside_a_character, .timeout = 5)
{
    expect_whole_pieces("\xF0\x9F\x98\x80", 300);
    expect_whole_pieces("\xC3\xA9", 300);
}

Test(pieces, no_cut_lies_inside_an_escape, .timeout = 5)
{
    expect_whole_pieces("\\n", 300);
    expect_whole_pieces("\\\\", 300);
    expect_whole_pieces("\\u00e9", 300);
}

Test(pieces, no_cut_lies_inside_a_pair_of_surrogates, .timeout = 5)
{
    expect_whole_pieces("\\ud83d\\uDE00", 300);
}

Test(pieces, nothing_has_no_piece, .timeout = 5)
{
    struct str rest = STR(""), piece;

    cr_assert_not(pieces_next(&rest, &piece));
}
