/* SPDX-License-Identifier: Apache-2.0 */
#include "histogram.h"
#include "subject.h"

#include <criterion/criterion.h>

static struct baseline *b;
static struct subject *s, *again;
static struct subject_news news;
static struct buf text, other;

static void start(void)
{
    b = refusal_baseline(60);
    s = subject_new(STR(REFUSAL));
    again = subject_new(STR(REFUSAL));
}

static void stop(void)
{
    subject_free(s);
    subject_free(again);
    baseline_free(b);
    buf_deinit(&news.hour_text);
    buf_deinit(&text);
    buf_deinit(&other);
}

TestSuite(subject, .init = start, .fini = stop, .timeout = 60);

static void fold(struct subject *to, uint64_t tick, uint64_t yes, uint64_t no)
{
    struct counts c = answers(yes, no);

    subject_fold(to, &(struct subject_rules){ 13.67, DRAFT_STEPS },
                 &(struct drift_tick){ tick, &c, NULL }, &news);
    counts_deinit(&c);
}

static bool same_state(void)
{
    buf_reset(&text);
    buf_reset(&other);
    subject_put(s, &text);
    subject_put(again, &other);
    return str_eq(buf_str(&text), buf_str(&other));
}

Test(subject, without_a_baseline_it_gathers_a_draft)
{
    for (uint64_t t = 1; t <= 60; t++)
        fold(s, t, 5, 95);
    cr_assert_eq(subject_verdict(s, 60), DRIFT_NO_BASELINE);
    cr_assert(draft_is_enough(&s->draft, 2000, 60));
}

Test(subject, a_tick_that_was_folded_is_not_folded_again)
{
    fold(s, 5, 5, 95);
    fold(again, 5, 5, 95);
    fold(again, 5, 5, 95);
    fold(again, 4, 5, 95);
    cr_assert(same_state());
}

Test(subject, two_restarts_on_the_way_change_nothing)
{
    char id[BASELINE_ID];
    uint64_t stamp;

    for (uint64_t t = 1; t <= 200; t++) {
        if (t == 70) {
            subject_adopt(s, b);
            subject_adopt(again, b);
        }
        fold(s, t, t % 11, 70);
        fold(again, t, t % 11, 70);
        if (t != 33 && t != 133)
            continue;
        buf_reset(&text);
        subject_put(again, &text);
        subject_free(again);
        again = subject_new(STR(REFUSAL));
        cr_assert(subject_peek(buf_str(&text), id, &stamp));
        cr_assert(subject_read(again, buf_str(&text), t > 70 ? b : NULL));
    }
    cr_assert(same_state());
}

Test(subject, its_stamp_rises_with_every_change)
{
    uint64_t first, second;

    fold(s, 9, 5, 95);
    first = subject_stamp(s);
    subject_adopt(s, b);
    second = subject_stamp(s);
    fold(s, 10, 5, 95);
    cr_assert_lt(first, second);
    cr_assert_lt(second, subject_stamp(s));
}

Test(subject, a_state_that_was_touched_is_refused_whichever_byte_it_is)
{
    char id[BASELINE_ID];
    uint64_t stamp;

    subject_adopt(s, b);
    for (uint64_t t = 1; t < 80; t++)
        fold(s, t, t % 6, 80);
    subject_put(s, &text);
    cr_assert(subject_peek(buf_str(&text), id, &stamp));
    for (size_t i = 0; i < text.len; i++) {
        text.at[i] ^= 1;
        cr_assert_not(subject_peek(buf_str(&text), id, &stamp));
        cr_assert_not(subject_read(again, buf_str(&text), b));
        text.at[i] ^= 1;
    }
    for (size_t n = 0; n < text.len; n += 11)
        cr_assert_not(subject_read(again, str_head(buf_str(&text), n), b));
    cr_assert(subject_read(again, buf_str(&text), b));
}

Test(subject, a_state_is_read_with_its_own_baseline_only)
{
    struct baseline *another = refusal_baseline(61);

    subject_adopt(s, b);
    subject_put(s, &text);
    cr_assert_not(subject_read(again, buf_str(&text), another));
    cr_assert_not(subject_read(again, buf_str(&text), NULL));
    cr_assert(subject_read(again, buf_str(&text), b));
    baseline_free(another);
}

Test(subject, an_hour_is_told_when_the_next_one_begins)
{
    for (uint64_t t = 60; t < 120; t++) {
        fold(s, t, 1, 9);
        cr_assert_not(news.hour_closed);
    }
    fold(s, 125, 1, 9);
    cr_assert(news.hour_closed);
    cr_assert_eq(news.hour, 1);
    cr_assert(str_eq(buf_str(&news.hour_text), STR("no=540 yes=60")));
}

Test(subject, another_baseline_ends_an_alarm)
{
    struct baseline *another = refusal_baseline(61);
    bool raised = false;

    subject_adopt(s, b);
    for (uint64_t t = 1; t < 60 && !raised; t++) {
        fold(s, t, 40, 60);
        raised = news.turn == DRIFT_ALARM;
    }
    cr_assert(raised);
    cr_assert(subject_adopt(s, another));
    cr_assert_not(subject_adopt(s, b));
    baseline_free(another);
}

Test(subject, one_that_is_apart_gathers_nothing_but_its_past)
{
    struct subject *apart = subject_new(STR("chat:qwen:~output_tokens@upstream=up"));

    for (uint64_t t = 1; t <= 60; t++)
        fold(apart, t, 5, 95);
    cr_assert(subject_is_apart(apart));
    cr_assert_not(subject_is_watched(apart));
    cr_assert_eq(counts_total(&apart->draft.total), 0);
    cr_assert_eq(apart->tick, 60);
    subject_free(apart);
}

Test(subject, the_coarse_lengths_are_not_apart)
{
    struct subject *coarse = subject_new(STR("chat:qwen:output_tokens"));

    cr_assert_not(subject_is_apart(coarse));
    subject_free(coarse);
}

Test(subject, what_is_no_histogram_is_none)
{
    cr_assert_not(subject_new(STR("just-a-word")));
}
