/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_remote.h"

/* What is counted apart: each segment, and each upstream's names for itself. */

TestSuite(watch_apart, .init = start, .fini = stop, .timeout = 30);

/* ---- segments ---- */

static void add_segment(void)
{
    list->segments = ARENA_NEW(&list->arena, struct segment);
    list->segments[0] = (struct segment){ .name = STR("plan"), .kind = SEGMENT_TENANT };
    segment_open(&list->segments[0], list->segments);
    list->segment_count = 1;
}

static void note_plan(const char *plan, enum watch_source source)
{
    struct watch_answer a = answer_of(source);
    struct segment_source from = { .tenant = str_of(plan) };

    segment_find(list->segments, list->segment_count, &from, a.segments);
    watch_note(watch, &a);
}

Test(watch_apart, each_answer_counts_once_for_all_and_once_in_its_segment)
{
    add_segment();
    note_plan("pro", WATCH_FRESH);
    note_plan("pro", WATCH_FRESH);
    note_plan("free", WATCH_FRESH);
    note_plan("pro", WATCH_CACHED);
    watch_flush(watch);
    cr_assert(told(":qwen:refusal:"));
    cr_assert(told(":qwen:refusal@plan=pro:"));
    cr_assert(told(":qwen:refusal@plan=free:"));
    cr_assert(told(":qwen:refusal@plan=pro;cached:"));
    cr_assert(told(" no=3\n"));
    cr_assert(told(" no=2\n"));
    cr_assert(told(" no=1\n"));
}

Test(watch_apart, minutes_of_a_segment_live_for_three_hours)
{
    add_segment();
    note_plan("pro", WATCH_FRESH);
    watch_flush(watch);
    cr_assert(told(" ttl=10800 no=1\n"));
    cr_assert(told(" ttl=691200 no=1\n"));
}

Test(watch_apart, metrics_have_no_segments)
{
    add_segment();
    note_plan("pro", WATCH_FRESH);
    note_plan("free", WATCH_FRESH);
    cr_assert_eq(counted("refusal", "no", "fresh"), 2);
}

Test(watch_apart, the_index_has_the_histograms_of_fresh_answers)
{
    add_segment();
    note_plan("pro", WATCH_FRESH);
    watch_flush(watch);
    cr_assert(indexed("weir:v1:histograms support-chat:qwen:refusal ttl=3024000\n"));
    cr_assert(indexed("weir:v1:histograms support-chat:qwen:refusal@plan=pro ttl=3024000\n"));
    buf_reset(&remote.index);
    note_plan("pro", WATCH_CACHED);
    watch_flush(watch);
    cr_assert_not(indexed("refusal"));
}

/* ---- names of upstreams ---- */

static void note_named(const char *fingerprint, enum watch_source source)
{
    struct watch_answer a = answer_of(source);

    a.upstream = STR("open ai");
    a.returned_model = STR("gpt-4o");
    a.fingerprint = str_of(fingerprint);
    watch_note(watch, &a);
}

Test(watch_apart, names_of_upstreams_are_counted_for_each_of_them_if_asked_for)
{
    watch_set_names(watch, true);
    note_named("fp_1", WATCH_FRESH);
    note_named("fp_1", WATCH_FRESH);
    note_named("", WATCH_FRESH);
    watch_flush(watch);
    cr_assert(indexed("support-chat:qwen:returned_model@upstream=open%20ai "));
    cr_assert(indexed("support-chat:qwen:system_fingerprint@upstream=open%20ai "));
    cr_assert(told("qwen:system_fingerprint@upstream=open%20ai:"));
    cr_assert(told(" fp_1=2\n"));
    cr_assert(told(" gpt-4o=3\n"));
}

Test(watch_apart, names_are_not_counted_else)
{
    note_named("fp_1", WATCH_FRESH);
    watch_flush(watch);
    cr_assert_not(indexed("fingerprint"));
}

Test(watch_apart, lengths_and_times_are_counted_finely_beside_them)
{
    struct watch_answer a = answer_of(WATCH_FRESH);

    watch_set_names(watch, true);
    a.upstream = STR("up");
    a.completion_tokens = 1024;
    a.took_us = 2000;
    watch_note(watch, &a);
    watch_flush(watch);
    cr_assert(indexed("support-chat:qwen:~output_tokens@upstream=up "));
    cr_assert(indexed("support-chat:qwen:~latency@upstream=up "));
    cr_assert(told(" 40=1\n"), "ten doublings of a token");
    cr_assert(told(" 4=1\n"), "one of a thousandth second");
}

Test(watch_apart, a_length_that_is_not_told_is_not_counted)
{
    struct watch_answer a = answer_of(WATCH_FRESH);

    watch_set_names(watch, true);
    a.upstream = STR("up");
    a.completion_tokens = -1;
    watch_note(watch, &a);
    watch_flush(watch);
    cr_assert_not(indexed("~"));
}

Test(watch_apart, answers_from_the_cache_have_no_names)
{
    watch_set_names(watch, true);
    note_named("fp_1", WATCH_CACHED);
    watch_flush(watch);
    cr_assert_not(indexed("fingerprint"));
}
