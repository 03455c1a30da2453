/* SPDX-License-Identifier: Apache-2.0 */
#include "book.h"
#include "histogram.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct book book;

static void start(void)
{
    book_init(&book);
}

static void stop(void)
{
    book_deinit(&book);
}

TestSuite(book, .init = start, .fini = stop, .timeout = 30);

Test(book, a_histogram_is_in_it_once)
{
    struct subject *a = book_subject(&book, STR("a:b:c"));
    struct subject *z = book_subject(&book, STR("z:b:c"));

    cr_assert_eq(book_subject(&book, STR("a:b:c")), a);
    cr_assert_eq(book_subject(&book, STR("z:b:c")), z);
    cr_assert_eq(book.subject_count, 2);
    cr_assert_not(book_subject(&book, STR("nonsense")));
}

Test(book, a_histogram_for_which_there_is_no_room_is_left_out_and_counted)
{
    char member[32];

    for (unsigned i = 0; i < BOOK_SUBJECTS; i++) {
        (void)snprintf(member, sizeof(member), "m:v:p%u", BOOK_SUBJECTS - i);
        cr_assert(book_subject(&book, str_of(member)));
    }
    cr_assert_not(book_subject(&book, STR("m:v:one_more")));
    cr_assert(book_subject(&book, STR("m:v:p1")));
    cr_assert_eq(book.left_out, 1);
}

Test(book, what_had_no_answers_for_long_is_forgotten)
{
    struct subject *old = book_subject(&book, STR("a:b:c"));
    struct subject *waiting = book_subject(&book, STR("b:b:c"));
    struct subject *fresh = book_subject(&book, STR("c:b:c"));

    old->tick = 5;
    waiting->tick = 5;
    waiting->unsaved = true;
    fresh->last = 10;
    book_forget(&book, 10);
    cr_assert_eq(book.subject_count, 2);
    cr_assert_eq(book_subject(&book, STR("b:b:c")), waiting);
    cr_assert_eq(book_subject(&book, STR("c:b:c")), fresh);
}

Test(book, an_own_pin_comes_before_that_of_any_version)
{
    struct subject *s = book_subject(&book, STR("chat:v1:intent"));

    cr_assert_not(book_pinned(&book, s));
    book_pin(&book, STR("chat:%2A:intent"), "0000000000000001");
    cr_assert_str_eq(book_pinned(&book, s), "0000000000000001");
    book_pin(&book, STR("chat:v1:intent"), "0000000000000002");
    cr_assert_str_eq(book_pinned(&book, s), "0000000000000002");
    book_pin(&book, STR("chat:v1:intent"), "");
    cr_assert_str_eq(book_pinned(&book, s), "0000000000000001");
    cr_assert(book_is_pinned(&book, "0000000000000001"));
    cr_assert_not(book_is_pinned(&book, "0000000000000002"));
}

Test(book, a_baseline_in_use_is_not_dropped)
{
    const struct baseline *b = book_add_baseline(&book, refusal_baseline(60));
    struct subject *s = book_subject(&book, STR(REFUSAL));
    struct baseline *another = refusal_baseline(61);
    char id[BASELINE_ID];

    (void)snprintf(id, sizeof(id), "%s", b->id);
    cr_assert_eq(book_add_baseline(&book, refusal_baseline(60)), b);
    subject_adopt(s, b);
    cr_assert_eq(book_judged(&book), 1);
    book_drop_baseline(&book, id);
    cr_assert_eq(book_baseline(&book, id), b);
    subject_adopt(s, book_add_baseline(&book, another));
    book_drop_baseline(&book, id);
    cr_assert_not(book_baseline(&book, id));
}

Test(book, an_alarm_replaces_its_older_self_and_the_oldest_makes_room)
{
    const struct tick_histogram of = refusal();

    for (uint64_t i = 0; i < BOOK_ALARMS + 5; i++) {
        struct alarm *a = alarm_new(&of);

        a->updated_ms = i;
        alarm_name(a, STR(REFUSAL), "0123456789abcdef", i);
        book_put_alarm(&book, a);
        a = alarm_new(&of);
        a->updated_ms = i;
        alarm_name(a, STR(REFUSAL), "0123456789abcdef", i);
        book_put_alarm(&book, a);
    }
    cr_assert_eq(book.alarm_count, BOOK_ALARMS);
    for (size_t i = 0; i < book.alarm_count; i++)
        cr_assert_geq(book.alarms[i]->updated_ms, 5);
}

Test(book, a_silence_is_replaced_by_its_id)
{
    book_silence(&book, STR("one"), STR("{}"), 5);
    book_silence(&book, STR("one"), STR("{\"a\":1}"), 6);
    cr_assert_eq(book.silence_count, 1);
    cr_assert_eq(book.silences[0].until_ms, 6);
    cr_assert(book_unsilence(&book, STR("one")));
    cr_assert_not(book_unsilence(&book, STR("one")));
}

Test(book, what_is_to_be_written_stays_until_it_was)
{
    struct subject *s = book_subject(&book, STR(REFUSAL));

    book_write_hour(&book, s, 7, STR("no=1"));
    cr_assert(s->unsaved);
    cr_assert_eq(book.row_count, 1);
    cr_assert(str_eq(book.rows[0].text, STR("no=1")));
    book_rows_written(&book);
    cr_assert_eq(book.row_count, 0);
}

Test(book, what_is_judged_by_is_in_force_without_a_pin)
{
    const struct baseline *b = book_add_baseline(&book, refusal_baseline(60));
    struct subject *s = book_subject(&book, STR(REFUSAL));

    cr_assert_not(book_is_in_force(&book, b->id));
    (void)subject_adopt(s, b);
    cr_assert_not(book_is_pinned(&book, b->id));
    cr_assert(book_is_in_force(&book, b->id));
}

Test(book, changes_stand_once_and_the_newest_first)
{
    struct change c = { .before = STR("null"), .after = STR("null") };

    for (uint64_t k = 0; k < BOOK_CHANGES + 5; k++) {
        change_name(&c, STR("a:b:c"), k, 0);
        c.at_ms = k;
        book_put_change(&book, change_copy(&c));
        book_put_change(&book, change_copy(&c));
    }
    cr_assert_eq(book.change_count, BOOK_CHANGES);
    cr_assert_eq(book.changes[0]->at_ms, BOOK_CHANGES + 4);
    cr_assert_eq(book.changes[BOOK_CHANGES - 1]->at_ms, 5);
}

Test(book, names_of_upstreams_and_fine_lengths_are_no_histograms_to_be_judged)
{
    (void)book_subject(&book, STR("a:b:finish_reason"));
    (void)book_subject(&book, STR("a:b:system_fingerprint@upstream=x"));
    (void)book_subject(&book, STR("a:b:returned_model@upstream=x"));
    (void)book_subject(&book, STR("a:b:~output_tokens@upstream=x"));
    (void)book_subject(&book, STR("a:b:~latency@upstream=x"));
    cr_assert_eq(book.subject_count, 5);
    cr_assert_eq(book_watched(&book), 1);
}
