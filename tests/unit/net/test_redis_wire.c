/* SPDX-License-Identifier: Apache-2.0 */
#include "redis_wire.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static struct redis_wire *wire;
static struct redis_reply *reply; /* the last */

static void start(void)
{
    wire = redis_wire_new();
}

static void stop(void)
{
    redis_wire_drop(reply);
    redis_wire_free(wire);
}

TestSuite(redis_wire, .init = start, .fini = stop, .timeout = 20);

/* False where the wire is of no more use; `reply` is what has become whole, or NULL. */
static bool hear(struct str bytes)
{
    redis_wire_drop(reply);
    reply = NULL;
    return redis_wire_feed(wire, bytes) && redis_wire_next(wire, &reply);
}

/* ---- commands ------------------------------------------------------------------------ */

Test(redis_wire, words_go_out_with_their_lengths_whatever_they_hold)
{
    const struct str words[] = { STR("SET"), STR("a\r\nb"), STR(""), STR("\0") };
    struct redis_command command = { words, 4 };
    struct buf out = { 0 };

    redis_wire_put(&out, &command);
    cr_assert(str_eq(buf_str(&out),
                     STR("*4\r\n$3\r\nSET\r\n$4\r\na\r\nb\r\n$0\r\n\r\n$1\r\n\0\r\n")));
    buf_deinit(&out);
}

Test(redis_wire, a_command_comes_back_as_the_list_of_its_words)
{
    const struct str words[] = { STR("a\r\nb"), STR("") };
    struct redis_command command = { words, 2 };
    struct buf out = { 0 };

    redis_wire_put(&out, &command);
    cr_assert(hear(buf_str(&out)));
    cr_assert_eq(redis_reply_count(reply), 2);
    for (size_t i = 0; i < 2; i++)
        cr_assert(str_eq(redis_reply_text(redis_reply_at(reply, i)), words[i]));
    buf_deinit(&out);
}

/* ---- replies ------------------------------------------------------------------------- */

Test(redis_wire, nothing_fed_is_nothing_heard)
{
    cr_assert(hear(STR("")));
    cr_assert_null(reply);
    cr_assert(hear((struct str){ 0 }));
    cr_assert_null(reply);
}

Test(redis_wire, a_reply_is_whole_at_its_last_byte)
{
    struct str bytes = STR("*2\r\n$3\r\na\r\n\r\n:-7\r\n");

    for (size_t i = 0; i < bytes.len; i++) {
        cr_assert_null(reply);
        cr_assert(hear(str_cut(bytes, i, i + 1)));
    }
    cr_assert(reply);
    cr_assert(str_eq(redis_reply_text(redis_reply_at(reply, 0)), STR("a\r\n")));
    cr_assert_eq(redis_reply_integer(redis_reply_at(reply, 1)), -7);
}

Test(redis_wire, replies_in_one_piece_come_one_by_one)
{
    cr_assert(hear(STR("+OK\r\n:1\r\n$1")));
    cr_assert_eq(redis_reply_type(reply), REDIS_STATUS);
    cr_assert(hear(STR("")));
    cr_assert_eq(redis_reply_type(reply), REDIS_INTEGER);
    cr_assert(hear(STR("")));
    cr_assert_null(reply);
    cr_assert(hear(STR("\r\nx\r\n")));
    cr_assert_eq(redis_reply_type(reply), REDIS_TEXT);
}

Test(redis_wire, an_accessor_of_another_type_gives_nothing)
{
    cr_assert(hear(STR(":5\r\n")));
    cr_assert_null(redis_reply_text(reply).at);
    cr_assert_eq(redis_reply_count(reply), 0);
    cr_assert_null(redis_reply_at(reply, 0));
    cr_assert(hear(STR("$1\r\n5\r\n")));
    cr_assert_eq(redis_reply_integer(reply), 0);
    cr_assert(hear(STR("*1\r\n:5\r\n")));
    cr_assert_null(redis_reply_text(reply).at);
    cr_assert_eq(redis_reply_integer(reply), 0);
    cr_assert_null(redis_reply_at(reply, 1));
    cr_assert_null(redis_reply_at(reply, SIZE_MAX));
}

Test(redis_wire, an_empty_text_is_there_and_nil_is_not)
{
    cr_assert(hear(STR("$0\r\n\r\n")));
    cr_assert_eq(redis_reply_type(reply), REDIS_TEXT);
    cr_assert_not_null(redis_reply_text(reply).at);
    cr_assert(hear(STR("$-1\r\n")));
    cr_assert_eq(redis_reply_type(reply), REDIS_NIL);
    cr_assert_null(redis_reply_text(reply).at);
    cr_assert(hear(STR("*-1\r\n")));
    cr_assert_eq(redis_reply_type(reply), REDIS_NIL);
}

Test(redis_wire, what_is_no_reply_spoils_the_wire_for_good)
{
    static const char *const wrong[] = { "HTTP/1.1 400 Bad Request\r\n", ":x\r\n", "$-2\r\n",
                                         "*-2\r\n", "$99999999999999999999\r\n" };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        cr_assert_not(hear(str_of(wrong[i])), "%s", wrong[i]);
        cr_assert_not(hear(STR("+OK\r\n")));
        cr_assert_not(hear(STR("")));
        redis_wire_free(wire);
        wire = redis_wire_new();
    }
}

/* ---- bounds -------------------------------------------------------------------------- */

Test(redis_wire, a_list_has_up_to_131072_elements)
{
    cr_assert(hear(STR("*131072\r\n")));
    cr_assert_null(reply);
    redis_wire_free(wire);
    wire = redis_wire_new();
    cr_assert_not(hear(STR("*131073\r\n")));
}

Test(redis_wire, elements_are_counted_over_all_depths)
{
    cr_assert(hear(STR("*2\r\n*70000\r\n")));
    for (unsigned i = 0; i < 70000; i++)
        cr_assert(hear(STR(":1\r\n")));
    cr_assert_null(reply);
    cr_assert_not(hear(STR("*70000\r\n")));
}

Test(redis_wire, each_reply_has_the_bound_for_itself)
{
    for (unsigned round = 0; round < 3; round++) {
        cr_assert(hear(STR("*70000\r\n")));
        for (unsigned i = 0; i < 70000; i++)
            cr_assert(hear(STR(":1\r\n")));
        cr_assert(reply);
        cr_assert_eq(redis_reply_count(reply), 70000);
    }
}

Test(redis_wire, half_a_reply_waits_within_64_mebibytes)
{
    const size_t piece = (size_t)1 << 20;
    char *much = malloc(piece);
    unsigned taken = 0;

    memset(much, 'x', piece);
    cr_assert(hear(STR("$500000000\r\n")));
    while (taken < 100 && hear((struct str){ much, piece }))
        taken++;
    cr_assert_geq(taken, 62);
    cr_assert_leq(taken, 64);
    free(much);
}

Test(redis_wire, a_wire_may_go_with_half_a_reply)
{
    cr_assert(hear(STR("*3\r\n$1\r\na\r\n*2\r\n$5\r\nab")));
    cr_assert_null(reply);
    redis_wire_free(NULL);
}
