/* SPDX-License-Identifier: Apache-2.0 */
#include "judges.h"

/* What Redis has lost, and what it no longer has. */

TestSuite(store_redis_mend, .init = start, .fini = stop, .timeout = 60);

/* Judged by a pinned baseline, with an alarm, and all of it in Redis. */
static struct baseline *judge_refusals(char alarm_id[ALARM_ID])
{
    struct baseline *b = refusal_baseline(60);
    const struct tick_histogram of = refusal();
    struct alarm *a = alarm_new(&of);

    put_baseline(b);
    count(REFUSAL, 1000, "yes", 60);
    load(one, &book);
    (void)subject_adopt(book.subjects[0], book_baseline(&book, b->id));
    feed(one, &book, 1000);
    a->state = ALARM_FIRING;
    alarm_name(a, STR(REFUSAL), b->id, 1000);
    (void)snprintf(alarm_id, ALARM_ID, "%s", a->id);
    book_write_alarm(&book, book.subjects[0], a);
    book_put_alarm(&book, a);
    save(one, &book);
    return b;
}

Test(store_redis_mend, what_an_emptied_redis_has_lost_is_written_again)
{
    char alarm_id[ALARM_ID];
    struct baseline *b = judge_refusals(alarm_id);

    edit(one, &(struct edit){ EDIT_SILENCE, STR("s1"), STR("{\"until_ms\":77}"), 77 });
    load(one, &book);
    stage_do(&stage, "FLUSHALL");
    load(one, &book);
    cr_assert(book_is_pinned(&book, b->id));
    save(one, &book);
    one->kind->leave(one);
    load(two, &other);
    cr_assert(book_is_pinned(&other, b->id));
    cr_assert_eq(other.subject_count, 1);
    cr_assert_str_eq(subject_baseline(other.subjects[0])->id, b->id);
    cr_assert_eq(other.subjects[0]->tick, 1000);
    cr_assert(book_alarm(&other, alarm_id));
    cr_assert_eq(other.silence_count, 1);
    cr_assert_eq(other.delivery_count, 1);
    cr_assert_gt(strtol(ask("TTL weir:v1:baselines"), NULL, 10), 0);
    baseline_free(b);
}

Test(store_redis_mend, who_does_not_judge_writes_it_again_too)
{
    char alarm_id[ALARM_ID];
    struct baseline *b = judge_refusals(alarm_id);
    struct book fresh;

    load(two, &other);
    cr_assert_not(other.ours);
    stage_do(&stage, "FLUSHALL");
    book_init(&fresh);
    load(one, &fresh); /* begun anew in that moment, with the lease */
    load(two, &other);
    cr_assert_not(other.ours);
    load(one, &fresh);
    cr_assert(book_is_pinned(&fresh, b->id));
    cr_assert(book_baseline(&fresh, b->id));
    book_deinit(&fresh);
    baseline_free(b);
}

Test(store_redis_mend, a_baseline_in_force_that_redis_has_lost_is_written_again)
{
    char alarm_id[ALARM_ID];
    struct baseline *b = judge_refusals(alarm_id);

    stage_do(&stage, "DEL weir:v1:baseline_ids");
    load(one, &book);
    cr_assert_str_eq(ask("ZCARD weir:v1:baseline_ids"), "1");
    baseline_free(b);
}

Test(store_redis_mend, what_is_judged_by_gets_its_pin_back)
{
    char alarm_id[ALARM_ID];
    struct baseline *b = judge_refusals(alarm_id);

    stage_do(&stage, "DEL weir:v1:baselines");
    load(two, &other); /* which has never seen the pin */
    cr_assert_not(other.ours);
    cr_assert(book_is_in_force(&other, b->id));
    one->kind->leave(one);
    load(two, &other);
    cr_assert(other.ours);
    cr_assert(book_is_pinned(&other, b->id));
    cr_assert_str_eq(ask("HGET weir:v1:baselines " REFUSAL), b->id);
    baseline_free(b);
}

Test(store_redis_mend, a_pin_that_was_made_since_does_not_hide_the_loss)
{
    char alarm_id[ALARM_ID];
    struct baseline *b = judge_refusals(alarm_id);

    stage_do(&stage, "FLUSHALL");
    edit(one, &(struct edit){ EDIT_PIN, STR("m:v:a"), STR("0123456789abcdef"), 0 });
    load(one, &book);
    save(one, &book);
    cr_assert_str_eq(ask("HGET weir:v1:baselines " REFUSAL), b->id);
    cr_assert_str_eq(ask("HGET weir:v1:baselines m:v:a"), "0123456789abcdef");
    cr_assert_str_eq(ask("HGET weir:v1:drift:" REFUSAL " stamp"), "1000000");
    cr_assert_str_eq(ask("ZCARD weir:v1:baseline_ids"), "1");
    baseline_free(b);
}

Test(store_redis_mend, what_somebody_has_pinned_meanwhile_is_not_dropped)
{
    struct baseline *b = refusal_baseline(60);

    put_baseline(b);
    one->kind->edit(one, &book, &(struct edit){ .kind = EDIT_DROP, .key = str_of(b->id) }, &op);
    stage_run(&stage);
    cr_assert_eq(ended, ERR_MALFORMED);
    cr_assert_str_eq(ask("ZCARD weir:v1:baseline_ids"), "1");
    baseline_free(b);
}

Test(store_redis_mend, what_is_listed_and_has_expired_leaves_the_list)
{
    struct baseline *b = refusal_baseline(60);

    put_baseline(b);
    stage_do(&stage, "ZADD weir:v1:baseline_ids 5 0123456789abcdef");
    load(one, &book);
    cr_assert_str_eq(ask("ZCARD weir:v1:baseline_ids"), "1");
    load(two, &other);
    cr_assert(book_baseline(&other, b->id), "the other one stayed");
    cr_assert(book_baseline(&book, b->id));
    baseline_free(b);
}
