/* SPDX-License-Identifier: Apache-2.0 */
#include "histogram.h"
#include "judge_inner.h"

#include "weir/net/loop.h"
#include "weir/watch/store.h"
#include "weir/watch/ticks.h"

#include <criterion/criterion.h>
#include <string.h>

/* Ticks of two definitions under one name, handed to a judge between two rounds. */

enum { OLD = 0x01d, NEW = 0x2e3, FIRST = 1000 };

static struct loop *loop;
static struct ticks *ticks;
static struct judge *judge;
static struct subject *subject;
static uint64_t now;

static void start(void)
{
    const struct judge_settings settings = { .tick_ms = 60000,
                                             .probability = .05,
                                             .per_ms = 3600 * 1000,
                                             .min_n = 2000,
                                             .baseline_ticks = 60,
                                             .automatic = true };

    loop = loop_new(NULL);
    ticks = ticks_new();
    judge = judge_new(loop, store_file_new(loop, ticks, STR("")), &settings, NULL, NULL);
    judge->threshold = 14;
    subject = book_subject(&judge->book, STR(REFUSAL));
    subject->unread = false;
    now = FIRST;
}

static void stop(void)
{
    judge_free(judge);
    ticks_free(ticks);
    loop_free(loop);
}

TestSuite(judge_meaning, .init = start, .fini = stop, .timeout = 20);

/* So many ticks of a hundred answers, of which so many refuse. */
static void fold(uint32_t meaning, bool mixed, size_t count, uint64_t yes)
{
    for (size_t i = 0; i < count; i++) {
        struct counts counts = answers(yes, 100 - yes);
        struct drift_tick tick = {
            .tick = ++now, .counts = &counts, .meaning = meaning, .mixed = mixed
        };

        judge->upto = now;
        judge_fold(judge, subject, &tick);
        counts_deinit(&counts);
    }
}

/* Pins a baseline of that definition, and has it adopted as the next round would. */
static const struct baseline *pin(uint32_t meaning)
{
    struct counts total = answers(300, 5700);
    struct baseline_origin origin = {
        .of = refusal(), .total = &total, .tolerance = 1.2, .alpha = .01, .from = STR("file")
    };
    const struct baseline *b;
    struct buf name = { 0 };

    origin.of.meaning = meaning;
    b = book_add_baseline(&judge->book, baseline_new(&origin));
    book_put_pin(&name, &origin.of);
    book_pin(&judge->book, buf_str(&name), b->id);
    buf_deinit(&name);
    counts_deinit(&total);
    return b;
}

static void settle_on(uint32_t meaning)
{
    const struct baseline *b = pin(meaning);

    judge_adopt(judge, subject, b);
    fold(OLD, false, 10, 5);
}

static size_t count_alarms(enum alarm_state state)
{
    size_t n = 0;

    for (size_t i = 0; i < judge->book.alarm_count; i++)
        n += judge->book.alarms[i]->state == state ? 1 : 0;
    return n;
}

Test(judge_meaning, a_change_of_the_model_is_an_alarm)
{
    settle_on(OLD);
    fold(OLD, false, 60, 60);
    cr_assert_eq(count_alarms(ALARM_FIRING), 1);
}

Test(judge_meaning, a_change_of_the_definition_is_none)
{
    settle_on(OLD);
    fold(NEW, false, 60, 60);
    cr_assert_eq(judge->book.alarm_count, 0);
    cr_assert_null(subject->drift);
    cr_assert_eq(counts_total(&subject->draft.total), 6000);
}

Test(judge_meaning, it_is_told_as_what_is_not_known)
{
    settle_on(OLD);
    cr_assert_null(judge_reason(judge, subject));
    fold(NEW, false, 1, 60);
    cr_assert_eq(subject_verdict(subject, now), DRIFT_INSUFFICIENT_DATA);
    cr_assert(strstr(judge_reason(judge, subject), "was redefined"));
}

Test(judge_meaning, its_alarm_ends_and_says_why)
{
    settle_on(OLD);
    fold(OLD, false, 60, 60);
    fold(NEW, false, 1, 60);
    cr_assert_eq(count_alarms(ALARM_FIRING), 0);
    cr_assert(str_eq(judge->book.alarms[0]->ended, STR("redefined")));
}

Test(judge_meaning, what_was_drafted_before_is_no_part_of_the_new_baseline)
{
    fold(OLD, false, 30, 5);
    fold(NEW, false, 2, 60);
    cr_assert_eq(counts_of(&subject->draft.total, STR("yes")), 120);
    cr_assert_eq(subject_verdict(subject, now), DRIFT_NO_BASELINE);
}

Test(judge_meaning, the_old_definition_takes_its_baseline_up_again)
{
    const struct baseline *old;

    settle_on(OLD);
    old = subject_baseline(subject);
    fold(NEW, false, 5, 60);
    fold(OLD, false, 5, 5);
    cr_assert_eq(subject_baseline(subject), old);
    cr_assert_null(judge_reason(judge, subject));
    fold(OLD, false, 60, 60);
    cr_assert_eq(count_alarms(ALARM_FIRING), 1);
}

Test(judge_meaning, a_tick_of_several_is_passed_over)
{
    settle_on(OLD);
    fold(OLD, true, 60, 60);
    cr_assert_eq(judge->book.alarm_count, 0);
    cr_assert_eq(subject_verdict(subject, now), DRIFT_INSUFFICIENT_DATA);
    cr_assert(strstr(judge_reason(judge, subject), "different definitions"));
    fold(OLD, false, 5, 5);
    cr_assert_null(judge_reason(judge, subject));
    cr_assert_not_null(subject->drift);
}

Test(judge_meaning, nor_is_it_part_of_a_draft)
{
    fold(OLD, false, 3, 5);
    fold(OLD, true, 3, 60);
    cr_assert_eq(counts_total(&subject->draft.total), 300);
}

/* ---- what older versions have left ---- */

Test(judge_meaning, ticks_that_do_not_say_go_with_any)
{
    settle_on(OLD);
    fold(0, false, 60, 60);
    cr_assert_eq(count_alarms(ALARM_FIRING), 1);
}

Test(judge_meaning, a_baseline_that_does_not_say_is_claimed_for_the_first_that_does)
{
    settle_on(0);
    cr_assert(judge_wants_claim(judge, subject));
    cr_assert_eq(subject->of.meaning, OLD);
    fold(OLD, false, 60, 60);
    cr_assert_eq(count_alarms(ALARM_FIRING), 1);
}

Test(judge_meaning, and_is_not_taken_for_another_then)
{
    struct buf name = { 0 };
    struct tick_histogram of = refusal();

    settle_on(0);
    of.meaning = OLD;
    book_put_pin(&name, &of);
    book_pin(&judge->book, buf_str(&name), subject_baseline(subject)->id);
    cr_assert_not(judge_wants_claim(judge, subject));
    fold(NEW, false, 60, 60);
    cr_assert_null(subject->drift);
    fold(OLD, false, 1, 5);
    cr_assert_not_null(subject->drift, "it is taken up again");
    buf_deinit(&name);
}

Test(judge_meaning, what_an_older_version_has_pinned_for_another_is_not_judged_by)
{
    const struct baseline *b = pin(OLD);

    book_pin(&judge->book, STR(REFUSAL), b->id); /* by its name alone */
    fold(NEW, false, 10, 60);
    cr_assert_null(subject->drift);
    fold(OLD, false, 1, 5);
    cr_assert_eq(subject_baseline(subject), b);
}

Test(judge_meaning, what_is_pinned_is_judged_by_from_the_first_tick_on)
{
    const struct baseline *b = pin(OLD);

    fold(OLD, false, 1, 5);
    cr_assert_eq(subject_baseline(subject), b);
}

/* ---- states, and people ---- */

Test(judge_meaning, a_state_keeps_what_its_ticks_were_counted_by)
{
    struct subject *other = subject_new(STR(REFUSAL));
    struct buf text = { 0 };

    settle_on(OLD);
    fold(NEW, false, 3, 60);
    fold(NEW, true, 1, 60);
    subject_put(subject, &text);
    cr_assert(subject_read(other, buf_str(&text), NULL));
    cr_assert_eq(other->of.meaning, NEW);
    cr_assert(other->mixed);
    cr_assert(other->redefined);
    buf_deinit(&text);
    subject_free(other);
}

static enum err ended;

static void on_order(struct judge_order *o, enum err err)
{
    (void)o;
    ended = err;
    loop_stop(loop);
}

Test(judge_meaning, a_baseline_of_another_definition_is_not_pinned_and_may_be_dropped)
{
    struct judge_order order = { 0 };
    char id[BASELINE_ID];

    settle_on(OLD);
    memcpy(id, subject_baseline(subject)->id, sizeof(id));
    fold(NEW, false, 1, 60);
    judge_pin(judge, &order, str_of(id), on_order);
    loop_run(loop);
    cr_assert_eq(ended, ERR_MALFORMED);
    cr_assert(strstr(order.why.text, "defined otherwise"));
    buf_deinit(&order.answer);
    judge_drop(judge, &order, str_of(id), on_order);
    loop_run(loop);
    cr_assert_eq(ended, OK);
    cr_assert_null(book_baseline(&judge->book, id));
    cr_assert_eq(judge->book.pin_count, 0);
    buf_deinit(&order.answer);
}
