/* SPDX-License-Identifier: Apache-2.0 */
#include "judges.h"

/* Who has the lease, whose state counts, and what lies where. */

TestSuite(store_redis, .init = start, .fini = stop, .timeout = 60);

/* ---- the lease ---- */

Test(store_redis, one_of_two_judges_and_keeps_judging)
{
    load(one, &book);
    load(two, &other);
    cr_assert(book.ours);
    cr_assert_not(other.ours);
    load(one, &book);
    cr_assert(book.ours);
}

Test(store_redis, who_leaves_hands_the_lease_on)
{
    load(one, &book);
    one->kind->leave(one);
    load(two, &other);
    cr_assert(other.ours);
    load(one, &book);
    cr_assert_not(book.ours);
}

Test(store_redis, a_lease_runs_out)
{
    load(one, &book);
    stage_do(&stage, "PEXPIRE weir:v1:drift:lease 1");
    stage_run_for(&stage, 5000);
    load(two, &other);
    cr_assert(other.ours);
}

/* ---- ticks ---- */

Test(store_redis, ticks_are_told_in_their_order_and_once)
{
    count("m:v:b", 1000, "x", 2);
    count("m:v:a", 1001, "x", 3);
    count("m:v:b", 1002, "y", 4);
    count("m:v:b", 1002, "x", 5);
    load(one, &book);
    feed(one, &book, 1002);
    cr_assert(str_eq(buf_str(&told), STR("a 1001 x=3\nb 1000 x=2\nb 1002 x=5 y=4\n")), "%.*s",
              (int)told.len, told.at);
    feed(one, &book, 1002);
    cr_assert_eq(told.len, 0);
}

/* From now on the histogram is held against that of another version. */
static void hold_against(struct subject *s, const char *version)
{
    struct counts total = { 0 };
    struct baseline_origin origin = { .of = s->of,
                                      .total = &total,
                                      .control = str_of(version),
                                      .tolerance = 1.2,
                                      .alpha = .01,
                                      .from = STR("control") };

    counts_add(&total, STR("x"), 300);
    (void)subject_adopt(s, book_add_baseline(&book, baseline_new(&origin)));
    counts_deinit(&total);
}

Test(store_redis, the_control_of_the_same_tick_is_told_beside)
{
    count("m:v:a", 1000, "x", 3);
    load(one, &book);
    feed(one, &book, 1000);
    hold_against(book.subjects[0], "zz");
    count("m:v:a", 1001, "x", 4);
    count("m:zz:a", 1001, "y", 5);
    count("m:v:a", 1002, "x", 6);
    load(one, &book);
    feed(one, &book, 1002);
    cr_assert(str_eq(buf_str(&told),
                     STR("a 1001 x=4 against y=5\na 1002 x=6 against \na 1001 y=5\n")),
              "%.*s", (int)told.len, told.at);
}

/* ---- definitions ---- */

static void define(const char *member, uint64_t tick, const char *meaning)
{
    struct buf command = { 0 };

    buf_put_printf(&command, "HINCRBY weir:v1:definition:%s:%llu %s 1", member,
                   (unsigned long long)tick, meaning);
    buf_put(&command, (struct str){ "", 1 });
    stage_do(&stage, command.at);
    buf_deinit(&command);
}

static void note_meaning(void *ctx, struct subject *s, const struct drift_tick *t)
{
    (void)ctx;
    s->tick = t->tick;
    buf_put_printf(&told, "%llu by %x%s%s\n", (unsigned long long)t->tick, (unsigned)t->meaning,
                   t->mixed ? " mixed" : "",
                   t->control && counts_total(t->control) > 0 ? " against" : "");
}

static void feed_by(uint64_t upto)
{
    buf_reset(&told);
    one->kind->feed(one, &book, &(struct store_feed){ upto, note_meaning, NULL }, &op);
    wait();
}

Test(store_redis, a_tick_tells_by_which_definition_it_was_counted)
{
    count("m:v:a", 1000, "x", 1);
    count("m:v:a", 1001, "x", 1);
    count("m:v:a", 1002, "x", 1);
    define("m:v:a", 1001, "00000007");
    define("m:v:a", 1002, "00000007");
    define("m:v:a", 1002, "00000008");
    load(one, &book);
    feed_by(1002);
    cr_assert(str_eq(buf_str(&told), STR("1000 by 0\n1001 by 7\n1002 by 0 mixed\n")), "%.*s",
              (int)told.len, told.at);
}

Test(store_redis, a_control_of_another_definition_says_nothing)
{
    count("m:v:a", 1000, "x", 3);
    load(one, &book);
    feed(one, &book, 1000);
    hold_against(book.subjects[0], "zz");
    for (uint64_t t = 1001; t <= 1002; t++) {
        count("m:v:a", t, "x", 4);
        count("m:zz:a", t, "y", 5);
        define("m:v:a", t, "00000007");
    }
    define("m:zz:a", 1001, "00000007");
    define("m:zz:a", 1002, "00000008");
    load(one, &book);
    feed_by(1002);
    cr_assert(strstr(told.at, "1001 by 7 against\n1002 by 7\n"), "%.*s", (int)told.len,
              told.at);
}

static void note_row(void *ctx, uint64_t tick, bool is_hour, const struct counts *counts)
{
    (void)ctx;
    buf_put_printf(&told, "%s%llu ", is_hour ? "hour " : "", (unsigned long long)tick);
    counts_put(counts, &told);
    buf_put(&told, STR("\n"));
}

Test(store_redis, of_the_past_only_what_is_of_that_definition_is_recalled)
{
    struct store_recall recall = { .member = STR("m:v:a"), .from = 1140, .to = 1383 };
    const struct str hours[] = { STR("HSET"), STR("weir:v1:hours:m:v:a:0"),
                                 STR("19"),   STR("x=1"),
                                 STR("20"),   STR("x=2 #00000007"),
                                 STR("21"),   STR("x=3 #00000008") };

    /* Hours 19 to 21 of the first day, and ticks since. */
    stage_do_words(&stage, hours, sizeof(hours) / sizeof(hours[0]));
    count("m:v:a", 1381, "x", 5);
    count("m:v:a", 1382, "x", 6);
    count("m:v:a", 1383, "x", 7);
    define("m:v:a", 1381, "00000007");
    define("m:v:a", 1382, "00000008");
    define("m:v:a", 1383, "00000007");
    define("m:v:a", 1383, "00000008");
    recall.now = 1600;
    recall.meaning = 7;
    recall.each = note_row;
    buf_reset(&told);
    one->kind->recall(one, &recall, &op);
    wait();
    cr_assert(str_eq(buf_str(&told), STR("hour 1140 x=1\nhour 1200 x=2\n1381 x=5\n")), "%.*s",
              (int)told.len, told.at);
}

Test(store_redis, a_long_silence_is_caught_up_in_order)
{
    for (uint64_t t = 1; t <= 300; t += 3)
        count("m:v:a", 1000 + t, "x", 1);
    load(one, &book);
    feed(one, &book, 1300);
    cr_assert_eq(book.subjects[0]->tick, 1298);
    cr_assert_eq(counts_total(&book.subjects[0]->draft.total), STORE_CATCH_UP / 3);
}

Test(store_redis, a_key_of_another_type_is_no_count)
{
    stage_do(&stage, "SET weir:v1:histogram:m:v:a:1000 hello");
    stage_do(&stage, "ZADD weir:v1:histograms 1000 m:v:a");
    stage_do(&stage, "ZADD weir:v1:histograms 1000 nonsense");
    load(one, &book);
    feed(one, &book, 1000);
    cr_assert_eq(told.len, 0);
    cr_assert_eq(book.subject_count, 1);
}

/* ---- states ---- */

Test(store_redis, who_takes_over_goes_on_where_the_other_was)
{
    struct buf mine = { 0 }, theirs = { 0 };

    for (uint64_t t = 1000; t < 1010; t++)
        count("m:v:a", t, "x", 20);
    load(one, &book);
    feed(one, &book, 1005);
    save(one, &book);
    one->kind->leave(one);
    load(two, &other);
    cr_assert_eq(other.subjects[0]->tick, 1005);
    feed(two, &other, 1009);
    feed(one, &book, 1009);
    subject_put(book.subjects[0], &mine);
    subject_put(other.subjects[0], &theirs);
    cr_assert(str_eq(buf_str(&mine), buf_str(&theirs)));
    buf_deinit(&mine);
    buf_deinit(&theirs);
}

Test(store_redis, a_state_that_is_not_later_is_not_taken)
{
    count("m:v:a", 1000, "x", 1);
    count("m:v:a", 1001, "x", 1);
    load(one, &book);
    load(two, &other);
    other.subjects[0]->unread = false;
    feed(one, &book, 1001);
    feed(two, &other, 1000);
    save(one, &book);
    save(two, &other);
    cr_assert(other.subjects[0]->unread);
    cr_assert_str_eq(ask("HGET weir:v1:drift:m:v:a stamp"), "1001000");
}

Test(store_redis, a_tick_that_was_folded_lives_only_for_a_while_longer)
{
    count("m:v:a", 1000, "x", 1);
    stage_do(&stage, "EXPIRE weir:v1:histogram:m:v:a:1000 9999");
    load(one, &book);
    feed(one, &book, 1000);
    save(one, &book);
    cr_assert_lt(strtol(ask("TTL weir:v1:histogram:m:v:a:1000"), NULL, 10), 100);
}

Test(store_redis, states_of_shorter_ticks_are_in_nobodys_way)
{
    count("m:v:a", 1000000, "x", 1);
    one->kind->load(one, &book, &(struct store_now){ .tick = 1000000, .lease_ms = 1 }, &op);
    wait();
    feed(one, &book, 1000000);
    save(one, &book);
    stage_run_for(&stage, 5000);
    count("m:v:a", 1000, "x", 1);
    load(two, &other);
    feed(two, &other, 1000);
    cr_assert(str_eq(buf_str(&told), STR("a 1000 x=1\n")), "%.*s", (int)told.len, told.at);
    save(two, &other);
    cr_assert_str_eq(ask("HGET weir:v1:drift:m:v:a stamp"), "1000000");
}

Test(store_redis, a_baseline_that_was_dropped_is_forgotten_by_all)
{
    struct baseline *b = refusal_baseline(60);
    struct buf json = { 0 };

    baseline_put(b, &json);
    edit(one, &(struct edit){ EDIT_BASELINE, str_of(b->id), buf_str(&json), 9 });
    load(two, &other);
    cr_assert(book_baseline(&other, b->id));
    edit(one, &(struct edit){ .kind = EDIT_DROP, .key = str_of(b->id) });
    load(two, &other);
    cr_assert_not(book_baseline(&other, b->id));
    buf_deinit(&json);
    baseline_free(b);
}

Test(store_redis, what_was_not_written_while_the_lease_was_lost_is_folded_anew)
{
    count("m:v:a", 1000, "x", 1);
    load(one, &book);
    feed(one, &book, 1000);
    one->kind->leave(one);
    load(two, &other);
    load(one, &book);
    cr_assert_eq(book.subjects[0]->tick, 0);
    two->kind->leave(two);
    load(one, &book);
    feed(one, &book, 1000);
    cr_assert(str_eq(buf_str(&told), STR("a 1000 x=1\n")));
}

Test(store_redis, a_damaged_state_is_refused_and_begins_anew)
{
    count("m:v:a", 1000, "x", 1);
    load(one, &book);
    feed(one, &book, 1000);
    save(one, &book);
    stage_do(&stage, "HSET weir:v1:drift:m:v:a state damaged");
    load(two, &other);
    cr_assert_eq(other.subjects[0]->tick, 0);
    cr_assert_not(other.subjects[0]->unread);
}

Test(store_redis, an_alarm_is_written_with_its_state_and_is_to_be_delivered)
{
    const struct tick_histogram of = refusal();
    struct alarm *a = alarm_new(&of);
    char command[128];

    count(REFUSAL, 1000, "yes", 60);
    load(one, &book);
    feed(one, &book, 1000);
    a->state = ALARM_FIRING;
    a->updated_ms = 5;
    alarm_name(a, STR(REFUSAL), "0123456789abcdef", 1000);
    book_write_alarm(&book, book.subjects[0], a);
    book_write_hour(&book, book.subjects[0], 24 * 7 + 5, STR("yes=60"));
    save(one, &book);
    cr_assert_eq(book.row_count, 0);
    cr_assert_eq(book.delivery_count, 1);
    (void)snprintf(command, sizeof(command), "HEXISTS weir:v1:deliveries %s:firing", a->id);
    cr_assert_str_eq(ask(command), "1");
    cr_assert_str_eq(ask("HGET weir:v1:hours:" REFUSAL ":7 5"), "yes=60");
    load(two, &other);
    cr_assert(book_alarm(&other, a->id));
    cr_assert_eq(other.delivery_count, 1);
    alarm_free(a);
}

Test(store_redis, an_alarm_of_a_state_that_was_not_taken_is_not_written)
{
    const struct tick_histogram of = refusal();
    struct alarm *a = alarm_new(&of);

    count(REFUSAL, 1000, "yes", 60);
    load(one, &book);
    load(two, &other);
    other.subjects[0]->unread = false;
    feed(one, &book, 1000);
    feed(two, &other, 1000);
    save(one, &book);
    alarm_name(a, STR(REFUSAL), "0123456789abcdef", 1000);
    book_write_alarm(&other, other.subjects[0], a);
    save(two, &other);
    cr_assert_str_eq(ask("EXISTS weir:v1:alarms"), "0");
    alarm_free(a);
}

#define NAMES "m:v:system_fingerprint@upstream=x"

Test(store_redis, a_change_is_written_with_its_state_beside_an_alarm_and_an_hour)
{
    const struct tick_histogram of = refusal();
    struct alarm *a = alarm_new(&of);
    struct change c = { .before = STR("null"), .after = STR("null"), .at_ms = 5 };
    char command[128];

    count(NAMES, 1000, "fp_1", 60);
    load(one, &book);
    feed(one, &book, 1000);
    alarm_name(a, STR(REFUSAL), "0123456789abcdef", 1000);
    change_name(&c, STR(NAMES), 1000, 0);
    book_write_hour(&book, book.subjects[0], 24 * 7 + 5, STR("fp_1=60"));
    book_write_change(&book, book.subjects[0], &c);
    book_write_alarm(&book, book.subjects[0], a);
    save(one, &book);
    (void)snprintf(command, sizeof(command), "HEXISTS weir:v1:deliveries %s:changed", c.id);
    cr_assert_str_eq(ask(command), "1");
    (void)snprintf(command, sizeof(command), "HEXISTS weir:v1:deliveries %s:pending", a->id);
    cr_assert_str_eq(ask(command), "1");
    cr_assert_str_eq(ask("HGET weir:v1:hours:" NAMES ":7 5"), "fp_1=60");
    cr_assert_str_eq(ask("ZCARD weir:v1:changes"), "1");
    load(two, &other);
    cr_assert_eq(other.change_count, 1);
    cr_assert_str_eq(other.changes[0]->id, c.id);
    alarm_free(a);
}

Test(store_redis, of_changes_the_newest_are_kept)
{
    struct change c = { .before = STR("null"), .after = STR("null") };

    for (uint64_t t = 40; t <= BOOK_CHANGES + 20; t += 40) {
        count(NAMES, 1000 + t, "fp_1", 1);
        load(one, &book);
        feed(one, &book, 1000 + t);
        for (uint64_t k = 0; k < 40; k++) {
            c.at_ms = t - k;
            change_name(&c, STR(NAMES), t, k);
            book_write_change(&book, book.subjects[0], &c);
        }
        save(one, &book);
    }
    cr_assert_str_eq(ask("ZCARD weir:v1:changes"), "100");
    load(two, &other);
    cr_assert_eq(other.changes[0]->at_ms, BOOK_CHANGES + 20);
}

/* ---- what people change ---- */

Test(store_redis, a_baseline_and_its_pin_are_known_to_all)
{
    struct baseline *b = refusal_baseline(60);

    put_baseline(b);
    load(two, &other);
    cr_assert(book_baseline(&other, b->id));
    cr_assert(book_is_pinned(&other, b->id));
    edit(one, &(struct edit){ EDIT_PIN, STR("m:v:a"), STR("0123456789abcdef"), 0 });
    edit(one, &(struct edit){ .kind = EDIT_PIN, .key = STR(REFUSAL), .text = STR("") });
    edit(one, &(struct edit){ .kind = EDIT_DROP, .key = str_of(b->id) });
    load(two, &other);
    cr_assert_not(book_is_pinned(&other, b->id));
    cr_assert_str_eq(ask("ZCARD weir:v1:baseline_ids"), "0");
    baseline_free(b);
}

Test(store_redis, silences_and_acknowledgements_are_known_to_all)
{
    const struct tick_histogram of = refusal();
    struct alarm *a = alarm_new(&of);

    count(REFUSAL, 1000, "yes", 60);
    load(one, &book);
    feed(one, &book, 1000);
    a->state = ALARM_FIRING;
    alarm_name(a, STR(REFUSAL), "0123456789abcdef", 1000);
    book_write_alarm(&book, book.subjects[0], a);
    save(one, &book);
    edit(one, &(struct edit){ .kind = EDIT_ACKNOWLEDGE, .key = str_of(a->id) });
    edit(one, &(struct edit){ EDIT_SILENCE, STR("s1"), STR("{\"until_ms\":77}"), 77 });
    load(two, &other);
    cr_assert_eq(book_alarm(&other, a->id)->state, ALARM_ACKNOWLEDGED);
    cr_assert_eq(other.silences[0].until_ms, 77);
    edit(one, &(struct edit){ .kind = EDIT_UNSILENCE, .key = STR("s1") });
    load(two, &other);
    cr_assert_eq(other.silence_count, 0);
    alarm_free(a);
}

Test(store_redis, a_silence_that_is_over_leaves_with_the_next)
{
    edit(one, &(struct edit){ EDIT_SILENCE, STR("s1"), STR("{\"until_ms\":77}"), 77 });
    load(one, &book);
    edit(one, &(struct edit){ EDIT_SILENCE, STR("s2"), STR("{\"until_ms\":99}"), 99 });
    cr_assert_str_eq(ask("HEXISTS weir:v1:silences s1"), "0");
    cr_assert_str_eq(ask("HEXISTS weir:v1:silences s2"), "1");
}

/* ---- the past ---- */

static void note_past(void *ctx, uint64_t tick, bool is_hour, const struct counts *counts)
{
    (void)ctx;
    buf_put_printf(&told, "%s%llu ", is_hour ? "hour " : "", (unsigned long long)tick);
    counts_put(counts, &told);
    buf_put(&told, STR("\n"));
}

Test(store_redis, the_past_is_told_by_hours_and_what_is_recent_by_ticks)
{
    struct store_recall recall = { STR("m:v:a"), 6000, 6501, 6510, note_past, NULL };

    stage_do(&stage, "HSET weir:v1:hours:m:v:a:4 4 x=600");
    count("m:v:a", 6001, "x", 1);
    count("m:v:a", 6500, "x", 2);
    one->kind->recall(one, &recall, &op);
    wait();
    cr_assert(str_eq(buf_str(&told), STR("hour 6000 x=600\n6500 x=2\n")), "%.*s", (int)told.len,
              told.at);
}
