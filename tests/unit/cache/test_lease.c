/* SPDX-License-Identifier: Apache-2.0 */

/* The steps one by one; test_fleet*.c play whole stories with them. */

#include "lease.h"

#include "stage.h"
#include "weir/base/own.h"

#include <criterion/criterion.h>

static struct stage stage;
static const struct digest flight;

#define HEX "0000000000000000000000000000000000000000000000000000000000000000"
#define FLIGHT "weir:v1:flight:" HEX
#define TAPE "weir:v1:tape:" HEX

static void set_up(void)
{
    struct remote_settings settings = { .prefix = STR("weir:") };

    stage_open(&stage, &settings);
}

static void tear_down(void)
{
    stage_close(&stage);
}

TestSuite(lease, .init = set_up, .fini = tear_down, .timeout = 20);

static struct lease_of lease_of(const char *holder)
{
    return (struct lease_of){ stage.link, STR("weir:"), str_of(holder), &flight };
}

struct hearing {
    struct redis_op op;
    int64_t number;
    enum redis_type type;
};

static void on_done(struct redis_op *op, enum err err, const struct redis_reply *reply)
{
    struct hearing *h = container_of(op, struct hearing, op);

    cr_assert_eq(err, OK);
    h->type = redis_reply_type(reply);
    h->number = redis_reply_integer(reply);
    loop_stop(stage.loop);
}

static void expect_text(const char *command, const char *want)
{
    struct buf out = { 0 };

    stage_ask(&stage, &out, command);
    cr_assert(str_eq(buf_str(&out), str_of(want)), "%s: \"%.*s\"", command,
              STR_ARG(buf_str(&out)));
    buf_deinit(&out);
}

static int64_t renew(const char *holder)
{
    struct lease_of l = lease_of(holder);
    struct hearing h;

    lease_renew(&l, 3000, &h.op, on_done);
    stage_run(&stage);
    cr_assert_eq(h.type, REDIS_INTEGER);
    return h.number;
}

static int64_t write_as(const char *holder, struct lease_piece piece)
{
    struct lease_of l = lease_of(holder);
    struct hearing h;

    piece.by = STR("run");
    piece.bytes = STR("some");
    lease_write(&l, &piece, &h.op, on_done);
    stage_run(&stage);
    cr_assert_eq(h.type, REDIS_INTEGER);
    return h.number;
}

static void land(const char *holder, const struct lease_landing *landing)
{
    struct lease_of l = lease_of(holder);

    lease_land(&l, landing);
}

/* ---- */

static void on_looked_up(struct redis_op *op, enum err err, const struct redis_reply *reply)
{
    struct hearing *h = container_of(op, struct hearing, op);

    cr_assert_eq(err, OK);
    cr_assert_eq(redis_reply_count(reply), 2);
    h->type = redis_reply_type(redis_reply_at(reply, 1));
    loop_stop(stage.loop);
}

static enum redis_type look_up(bool by_text)
{
    struct lease_of l = lease_of("we");
    struct lease_question question = { .answer_key = STR("k"),
                                       .lease_ms = 10,
                                       .by_text = by_text };
    struct hearing h;

    lease_look_up(&l, &h.op, &question, on_looked_up);
    stage_run(&stage);
    return h.type;
}

Test(lease, redis_knows_the_script_of_look_ups_by_the_digest_that_we_send)
{
    cr_assert_eq(look_up(false), REDIS_ERROR);
    cr_assert_eq(look_up(true), REDIS_INTEGER);
    cr_assert_eq(look_up(false), REDIS_INTEGER);
}

Test(lease, renewing_makes_it_last)
{
    struct buf out = { 0 };
    uint64_t left_ms;

    stage_do(&stage, "SET " FLIGHT " we PX 500");
    cr_assert_eq(renew("we"), 1);
    stage_ask(&stage, &out, "PTTL " FLIGHT);
    cr_assert(str_to_u64(buf_str(&out), &left_ms) && left_ms > 2000);
    buf_deinit(&out);
}

Test(lease, renewing_leaves_the_lease_of_another)
{
    stage_do(&stage, "SET " FLIGHT " others PX 5000");
    cr_assert_eq(renew("we"), 0);
    expect_text("GET " FLIGHT, "others");
}

Test(lease, renewing_takes_again_what_has_run_out)
{
    cr_assert_eq(renew("we"), 2);
    expect_text("GET " FLIGHT, "we");
}

Test(lease, renewing_takes_again_what_was_overwritten_with_another_type)
{
    stage_do(&stage, "RPUSH " FLIGHT " x");
    cr_assert_eq(renew("we"), 2);
    expect_text("GET " FLIGHT, "we");
}

Test(lease, a_full_redis_keeps_a_lease_from_no_renewal)
{
    stage_do(&stage, "SET " FLIGHT " we PX 500");
    stage_do(&stage, "CONFIG SET maxmemory 1");
    cr_assert_eq(renew("we"), 1);
}

Test(lease, what_is_written_stands_on_the_tape_for_a_minute)
{
    struct buf out = { 0 };
    uint64_t left_ms;

    stage_do(&stage, "SET " FLIGHT " we PX 5000");
    cr_assert_eq(write_as("we", (struct lease_piece){ .first = true }), 1);
    cr_assert_eq(write_as("we", (struct lease_piece){ 0 }), 1);
    expect_text("XLEN " TAPE, "2");
    stage_ask(&stage, &out, "PTTL " TAPE);
    cr_assert(str_to_u64(buf_str(&out), &left_ms) && left_ms > 50000 && left_ms <= 60000);
    buf_deinit(&out);
}

Test(lease, who_lost_the_lease_writes_nothing)
{
    stage_do(&stage, "SET " FLIGHT " others PX 5000");
    cr_assert_eq(write_as("we", (struct lease_piece){ .first = true }), 0);
    expect_text("EXISTS " TAPE, "0");
}

Test(lease, a_tape_that_has_gone_is_not_continued)
{
    stage_do(&stage, "SET " FLIGHT " we PX 5000");
    cr_assert_eq(write_as("we", (struct lease_piece){ 0 }), 0);
    expect_text("EXISTS " TAPE, "0");
}

Test(lease, a_first_piece_begins_a_new_tape)
{
    stage_do(&stage, "SET " FLIGHT " we PX 5000");
    stage_do(&stage, "XADD " TAPE " * by x b old");
    cr_assert_eq(write_as("we", (struct lease_piece){ .first = true }), 1);
    expect_text("XLEN " TAPE, "1");
}

Test(lease, landing_gives_the_lease_back_and_ends_the_tape)
{
    stage_do(&stage, "SET " FLIGHT " we PX 5000");
    cr_assert_eq(write_as("we", (struct lease_piece){ .first = true }), 1);
    land("we", &(struct lease_landing){
                   .by = STR("run"), .bytes = STR("last"), .end = STR("whole") });
    expect_text("EXISTS " FLIGHT, "0");
    expect_text("XLEN " TAPE, "3");
}

Test(lease, landing_leaves_the_lease_and_the_tape_of_another)
{
    stage_do(&stage, "SET " FLIGHT " others PX 5000");
    stage_do(&stage, "XADD " TAPE " * by x b theirs");
    land("we", &(struct lease_landing){ .good = true, .by = STR("run"), .end = STR("whole") });
    expect_text("GET " FLIGHT, "others");
    expect_text("XLEN " TAPE, "1");
}

Test(lease, landing_clears_away_what_the_lease_was_overwritten_with_and_is_told)
{
    struct buf out = { 0 };

    stage_do(&stage, "RPUSH " FLIGHT " x");
    land("we", &(struct lease_landing){ 0 });
    expect_text("EXISTS " FLIGHT, "0");
    stage_ask(&stage, &out, "INFO commandstats");
    buf_put(&out, (struct str){ "", 1 });
    cr_assert(strstr(out.at, "cmdstat_publish:"));
    buf_deinit(&out);
}

Test(lease, a_channel_that_is_not_allowed_keeps_nothing_else_back)
{
    stage_do(&stage, "SET " FLIGHT " we PX 5000");
    stage_do(&stage, "ACL SETUSER default resetchannels");
    land("we", &(struct lease_landing){ .good = true });
    expect_text("EXISTS " FLIGHT, "0");
}
