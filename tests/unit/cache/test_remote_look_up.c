/* SPDX-License-Identifier: Apache-2.0 */

/* Look-ups that wish for a lease; test_remote.c has the plain ones. */

#include "weir/cache/remote.h"

#include "stage.h"
#include "weir/base/clock.h"
#include "weir/base/own.h"

#include <criterion/criterion.h>
#include <signal.h>

static struct stage stage;

static void set_up(void)
{
    struct remote_settings settings = { .prefix = STR("weir:") };

    stage_open(&stage, &settings);
}

static void tear_down(void)
{
    stage_close(&stage);
}

TestSuite(remote_look_up, .init = set_up, .fini = tear_down, .timeout = 20);

#define HEX "0000000000000000000000000000000000000000000000000000000000000000"
#define KEY "weir:v1:answer:public:m:" HEX
#define FLIGHT "weir:v1:flight:" HEX
#define TAPE "weir:v1:tape:" HEX

static struct entry_facts facts(void)
{
    return (struct entry_facts){
        .scope = STR("public"),
        .model = STR("m"),
        .upstream = STR("up"),
        .upstream_model = STR("real"),
        .content_type = STR("application/json"),
        .body = STR("{}"),
        .status = 200,
        .created_ms = clock_wall_ms(),
        .fresh_ms = 60000,
        .stale_ms = 30000,
    };
}

static void store(const struct entry_facts *f)
{
    AUTO(entry_unref) struct entry *e = entry_new(f);

    cr_assert(remote_store(stage.remote, e, loop_shard(stage.loop)));
    stage_do(&stage, "PING");
}

/* ---- what was heard ---- */

struct hearing {
    struct remote_op op;
    bool found;
    unsigned heard;
};

static void on_done(struct remote_op *op, struct entry *found)
{
    struct hearing *h = container_of(op, struct hearing, op);

    h->found = found;
    h->heard++;
    entry_unref(found);
    loop_stop(stage.loop);
}

static void start(struct hearing *h, const char *holder, uint64_t not_before_ms)
{
    struct entry_facts asked = facts();
    struct lease_wish wish = { .holder = str_of(holder),
                               .lease_ms = 3000,
                               .not_before_ms = not_before_ms };

    *h = (struct hearing){ 0 };
    remote_look_up(stage.remote, &h->op, &asked, &wish, on_done);
    cr_assert_eq(h->heard, 0);
}

static struct hearing look_up_as(const char *holder, uint64_t not_before_ms)
{
    struct hearing h;

    start(&h, holder, not_before_ms);
    stage_run(&stage);
    cr_assert_eq(h.heard, 1);
    return h;
}

static struct hearing look_up(void)
{
    return look_up_as("we", 0);
}

static void expect_text(const char *command, const char *want)
{
    struct buf out = { 0 };

    stage_ask(&stage, &out, command);
    cr_assert(str_eq(buf_str(&out), str_of(want)), "%s: \"%.*s\"", command,
              STR_ARG(buf_str(&out)));
    buf_deinit(&out);
}

/* How often Redis was asked for this command, scripts' own calls included. */
static bool was_called(const char *name)
{
    struct buf out = { 0 };
    struct buf line = { 0 };
    bool any;

    buf_put_printf(&line, "cmdstat_%s:", name);
    buf_put(&line, (struct str){ "", 1 });
    stage_ask(&stage, &out, "INFO commandstats");
    buf_put(&out, (struct str){ "", 1 });
    any = strstr(out.at, line.at) != NULL;
    buf_deinit(&out);
    buf_deinit(&line);
    return any;
}

/* ---- the lease ---- */

Test(remote_look_up, a_miss_takes_the_lease_in_the_name_of_who_asks)
{
    struct hearing h = look_up();

    cr_assert_not(h.found);
    cr_assert_not(h.op.away);
    cr_assert_eq(h.op.lease, LEASE_OURS);
    expect_text("GET " FLIGHT, "we");
}

Test(remote_look_up, a_lease_ends_by_itself)
{
    struct buf out = { 0 };
    uint64_t left_ms;

    (void)look_up();
    stage_ask(&stage, &out, "PTTL " FLIGHT);
    cr_assert(str_to_u64(buf_str(&out), &left_ms));
    cr_assert(left_ms > 2000 && left_ms <= 3000);
    buf_deinit(&out);
}

Test(remote_look_up, a_lease_is_taken_once_and_the_next_hears_how_long_it_has_left)
{
    struct hearing h;

    (void)look_up();
    h = look_up_as("others", 0);
    cr_assert_eq(h.op.lease, LEASE_OTHERS);
    cr_assert(h.op.lease_left_ms > 2000 && h.op.lease_left_ms <= 3000);
    expect_text("GET " FLIGHT, "we");
}

Test(remote_look_up, a_fresh_answer_takes_no_lease)
{
    struct entry_facts f = facts();
    struct hearing h;

    store(&f);
    h = look_up();
    cr_assert(h.found);
    cr_assert_eq(h.op.lease, LEASE_NONE);
    expect_text("EXISTS " FLIGHT, "0");
}

Test(remote_look_up, a_stale_answer_comes_with_the_lease)
{
    struct entry_facts f = facts();
    struct hearing h;

    f.created_ms -= 60001;
    store(&f);
    h = look_up();
    cr_assert(h.found);
    cr_assert_eq(h.op.lease, LEASE_OURS);
}

Test(remote_look_up, an_answer_older_than_wished_comes_with_the_lease)
{
    struct entry_facts f = facts();

    store(&f);
    cr_assert_eq(look_up_as("we", f.created_ms).op.lease, LEASE_NONE);
    cr_assert_eq(look_up_as("we", f.created_ms + 1).op.lease, LEASE_OURS);
}

Test(remote_look_up, a_new_lease_begins_without_the_tape_of_the_last)
{
    stage_do(&stage, "XADD " TAPE " * by x b y");
    (void)look_up();
    expect_text("EXISTS " TAPE, "0");
}

Test(remote_look_up, a_lease_without_an_end_is_given_one)
{
    struct buf out = { 0 };
    uint64_t left_ms;

    stage_do(&stage, "SET " FLIGHT " by-hand");
    cr_assert_eq(look_up().op.lease, LEASE_OTHERS);
    stage_ask(&stage, &out, "PTTL " FLIGHT);
    cr_assert(str_to_u64(buf_str(&out), &left_ms));
    buf_deinit(&out);
}

Test(remote_look_up, a_lease_overwritten_with_another_type_is_nobodys)
{
    stage_do(&stage, "RPUSH " FLIGHT " x");
    cr_assert_eq(look_up().op.lease, LEASE_OURS);
    expect_text("GET " FLIGHT, "we");
}

Test(remote_look_up, a_value_of_another_type_is_a_miss_with_a_lease)
{
    struct hearing h;

    stage_do(&stage, "SET " KEY " text");
    h = look_up();
    cr_assert_not(h.found);
    cr_assert_not(h.op.away);
    cr_assert_eq(h.op.lease, LEASE_OURS);
}

Test(remote_look_up, a_full_redis_still_gives_its_answer)
{
    struct entry_facts f = facts();
    struct hearing h;

    f.created_ms -= 60001;
    store(&f);
    stage_do(&stage, "CONFIG SET maxmemory 1");
    h = look_up();
    cr_assert(h.found);
    cr_assert_eq(h.op.lease, LEASE_NONE);
}

Test(remote_look_up, leases_are_taken_again_as_soon_as_a_full_redis_has_room)
{
    (void)look_up();
    stage_do(&stage, "CONFIG SET maxmemory 1");
    cr_assert_eq(look_up().op.lease, LEASE_NONE);
    stage_do(&stage, "CONFIG SET maxmemory 0");
    stage_do(&stage, "DEL " FLIGHT);
    stage_run_for(&stage, 600 * 1000);
    cr_assert_eq(look_up().op.lease, LEASE_OURS);
}

/* ---- the script ---- */

Test(remote_look_up, redis_is_told_the_script_once)
{
    (void)look_up();
    cr_assert_not(was_called("evalsha"));
    (void)look_up();
    cr_assert(was_called("evalsha"));
    expect_text("DEL " FLIGHT, "1");
    cr_assert_eq(look_up().op.lease, LEASE_OURS);
}

Test(remote_look_up, a_redis_that_has_forgotten_the_script_is_told_again)
{
    struct hearing first, second;

    (void)look_up();
    stage_do(&stage, "FLUSHALL");
    stage_do(&stage, "SCRIPT FLUSH");
    start(&first, "first", 0);
    start(&second, "second", 0);
    while (first.heard + second.heard < 2)
        stage_run(&stage);
    cr_assert_eq(first.op.lease, LEASE_OURS);
    cr_assert_eq(second.op.lease, LEASE_OTHERS);
}

static void refuse(const char *rule)
{
    struct buf command = { 0 };

    buf_put_printf(&command, "ACL SETUSER default %s", rule);
    buf_put(&command, (struct str){ "", 1 });
    stage_do(&stage, command.at);
    buf_deinit(&command);
}

Test(remote_look_up, a_redis_that_runs_no_scripts_is_asked_plainly)
{
    struct entry_facts f = facts();
    struct hearing h;

    refuse("-@scripting");
    h = look_up();
    cr_assert_eq(h.op.lease, LEASE_NONE);
    cr_assert_not(h.op.away);
    store(&f);
    cr_assert(look_up().found);
    expect_text("EXISTS " FLIGHT, "0");
}

Test(remote_look_up, scripts_that_were_refused_are_not_tried_again_at_once)
{
    refuse("-@scripting");
    (void)look_up();
    refuse("+@all");
    cr_assert_eq(look_up().op.lease, LEASE_NONE);
    cr_assert_not(was_called("evalsha"));
}

Test(remote_look_up, a_lease_that_may_not_be_written_is_none)
{
    struct entry_facts f = facts();

    store(&f);
    refuse("resetkeys ~weir:v1:answer:*");
    cr_assert(look_up().found);
    refuse("allkeys");
}

/* ---- without a word of Redis ---- */

Test(remote_look_up, a_cancelled_one_gives_the_lease_back)
{
    struct hearing h;

    start(&h, "we", 0);
    remote_cancel(&h.op);
    stage_run(&stage);
    cr_assert_eq(h.heard, 1);
    cr_assert(h.op.away);
    cr_assert_eq(h.op.lease, LEASE_NONE);
    expect_text("EXISTS " FLIGHT, "0");
    cr_assert(was_called("set"), "it had been taken");
}

Test(remote_look_up, one_that_came_too_late_gives_the_lease_back)
{
    struct hearing h;

    (void)look_up();
    stage_do(&stage, "DEL " FLIGHT);
    kill(stage.server, SIGSTOP);
    h = look_up();
    cr_assert(h.op.away);
    kill(stage.server, SIGCONT);
    expect_text("EXISTS " FLIGHT, "0");
}

Test(remote_look_up, giving_back_leaves_the_lease_of_another)
{
    struct hearing h;

    (void)look_up_as("others", 0);
    start(&h, "we", 0);
    remote_cancel(&h.op);
    stage_run(&stage);
    expect_text("GET " FLIGHT, "others");
}
