/* SPDX-License-Identifier: Apache-2.0 */
#include "batch.h"
#include "stage.h"

#include <criterion/criterion.h>
#include <string.h>

static struct stage stage;
static struct batch batch;
static struct redis_op op;
static void (*look)(const struct redis_reply *all); /* at the reply, which is lent */
static enum err ended;

static void start(void)
{
    struct remote_settings settings = { .prefix = STR("weir:"),
                                        .most_bytes = REMOTE_ENTRY_BYTES };

    stage_open(&stage, &settings);
}

static void stop(void)
{
    batch_reset(&batch);
    stage_close(&stage);
}

TestSuite(batch, .init = start, .fini = stop, .timeout = 60);

static void on_done(struct redis_op *o, enum err err, const struct redis_reply *reply)
{
    (void)o;
    ended = err;
    if (!err)
        look(reply);
    loop_stop(stage.loop);
}

static void send(void (*fn)(const struct redis_reply *all))
{
    look = fn;
    ended = ERR_CANCELLED;
    batch_send(&batch, stage.link, &op, on_done);
    stage_run(&stage);
    cr_assert_eq(ended, OK, "%s", err_name(ended));
}

/* ---- what is sent -------------------------------------------------------------------------- */

static void expect_in_order(const struct redis_reply *all)
{
    cr_assert_eq(redis_reply_type(batch_reply(all, 0)), REDIS_STATUS);
    cr_assert(str_eq(redis_reply_text(batch_reply(all, 1)), STR("one")));
    cr_assert_eq(redis_reply_integer(batch_reply(all, 2)), 1);
    cr_assert_eq(redis_reply_type(batch_reply(all, 3)), REDIS_NIL);
}

Test(batch, each_command_has_its_reply_in_their_order)
{
    BATCH_ADD(&batch, STR("SET"), STR("a"), STR("one"));
    BATCH_ADD(&batch, STR("GET"), STR("a"));
    BATCH_ADD(&batch, STR("HSET"), STR("h"), STR("field"), STR("two"));
    BATCH_ADD(&batch, STR("GET"), STR("nothing"));
    send(expect_in_order);
}

static void expect_words(const struct redis_reply *all)
{
    cr_assert(str_eq(redis_reply_text(batch_reply(all, 1)), STR("said\0before")));
}

Test(batch, words_are_copied_with_every_byte_of_them)
{
    char text[] = "said\0before";

    BATCH_ADD(&batch, STR("SET"), STR("a"), (struct str){ text, sizeof(text) - 1 });
    memset(text, 'x', sizeof(text));
    BATCH_ADD(&batch, STR("GET"), STR("a"));
    send(expect_words);
}

static void expect_all(const struct redis_reply *all)
{
    cr_assert_eq(redis_reply_count(all), BATCH_MOST);
    cr_assert_eq(redis_reply_integer(batch_reply(all, BATCH_MOST - 1)), BATCH_MOST);
}

Test(batch, it_is_full_with_its_most_and_can_be_sent_so)
{
    for (size_t i = 0; i < BATCH_MOST; i++) {
        cr_assert_not(batch_is_full(&batch), "with %zu", i);
        BATCH_ADD(&batch, STR("INCR"), STR("n"));
    }
    cr_assert(batch_is_full(&batch));
    send(expect_all);
}

static void expect_fresh(const struct redis_reply *all)
{
    cr_assert_eq(redis_reply_count(all), 1);
    cr_assert(str_eq(redis_reply_text(batch_reply(all, 0)), STR("fresh")));
}

Test(batch, reset_it_is_empty_and_takes_others)
{
    BATCH_ADD(&batch, STR("SET"), STR("a"), STR("stale"));
    batch_reset(&batch);
    cr_assert(batch.count == 0 && !batch_is_full(&batch));
    BATCH_ADD(&batch, STR("ECHO"), STR("fresh"));
    send(expect_fresh);
}

static void expect_empty(const struct redis_reply *all)
{
    cr_assert_eq(redis_reply_count(all), 0);
    cr_assert_null(batch_reply(all, 0));
}

Test(batch, an_empty_one_is_sent_to_no_effect)
{
    send(expect_empty);
}

/* ---- what is refused ----------------------------------------------------------------------- */

static void expect_one_refused(const struct redis_reply *all)
{
    cr_assert_eq(redis_reply_type(batch_reply(all, 0)), REDIS_STATUS);
    cr_assert_null(batch_reply(all, 1));
    cr_assert(str_eq(redis_reply_text(batch_reply(all, 2)), STR("one")));
}

Test(batch, one_that_is_refused_has_no_reply_and_the_others_have_theirs)
{
    BATCH_ADD(&batch, STR("SET"), STR("a"), STR("one"));
    BATCH_ADD(&batch, STR("HGET"), STR("a"), STR("field"));
    BATCH_ADD(&batch, STR("GET"), STR("a"));
    send(expect_one_refused);
}

static void expect_none(const struct redis_reply *all)
{
    cr_assert_null(batch_reply(all, 0));
    cr_assert_null(batch_reply(all, 1));
}

Test(batch, one_that_nobody_understands_takes_all_with_it)
{
    struct buf answer = { 0 };

    BATCH_ADD(&batch, STR("SET"), STR("a"), STR("one"));
    BATCH_ADD(&batch, STR("NO_SUCH_COMMAND"));
    send(expect_none);
    stage_ask(&stage, &answer, "EXISTS a");
    cr_assert(str_eq(buf_str(&answer), STR("0")), "%.*s", STR_ARG(buf_str(&answer)));
    buf_deinit(&answer);
}

static void expect_no_second(const struct redis_reply *all)
{
    cr_assert_not_null(batch_reply(all, 0));
    cr_assert_null(batch_reply(all, 1));
}

Test(batch, a_command_that_was_not_sent_has_no_reply)
{
    BATCH_ADD(&batch, STR("PING"));
    send(expect_no_second);
}

/* ---- words --------------------------------------------------------------------------------- */

Test(batch, a_key_has_the_prefix_the_version_and_its_parts)
{
    struct str key = BATCH_KEY(&batch, STR("weir:"), STR("drift:"), STR("chat"), STR(":x"));

    cr_assert(str_eq(key, STR("weir:v1:drift:chat:x")));
    cr_assert(str_eq(BATCH_KEY(&batch, STR(""), STR("alarms")), STR("v1:alarms")));
}

Test(batch, numbers_are_written_out_up_to_the_highest)
{
    cr_assert(str_eq(batch_u64(&batch, 0), STR("0")));
    cr_assert(str_eq(batch_u64(&batch, UINT64_MAX), STR("18446744073709551615")));
}
