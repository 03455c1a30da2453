/* SPDX-License-Identifier: Apache-2.0 */
#include "store_inner.h"
#include "weir/net/loop.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* Ticks from the process's own memory, each told once and in their order. */

static struct loop *loop;
static struct ticks *ticks;
static struct store *store;
static struct book book;
static struct store_op op;
static enum err ended;
static struct buf told;

static void on_done(struct store_op *o, enum err err)
{
    (void)o;
    ended = err;
    loop_stop(loop);
}

static void start(void)
{
    loop = loop_new(NULL);
    ticks = ticks_new();
    store = store_file_new(loop, ticks, STR(""));
    book_init(&book);
    op.on_done = on_done;
    ended = ERR_CANCELLED;
}

static void stop(void)
{
    store_free(store);
    book_deinit(&book);
    ticks_free(ticks);
    loop_free(loop);
    buf_deinit(&told);
}

TestSuite(store_file, .init = start, .fini = stop, .timeout = 30);

static void note(void *ctx, struct subject *s, const struct drift_tick *t)
{
    (void)ctx;
    buf_put_printf(&told, "%.*s %llu ", STR_ARG(s->of.prediction), (unsigned long long)t->tick);
    counts_put(t->counts, &told);
    if (t->control) {
        buf_put(&told, STR(" against "));
        counts_put(t->control, &told);
    }
    buf_put(&told, STR("\n"));
}

static void note_past(void *ctx, uint64_t tick, bool is_hour, const struct counts *counts)
{
    (void)ctx;
    cr_assert_not(is_hour);
    buf_put_printf(&told, "%llu ", (unsigned long long)tick);
    counts_put(counts, &told);
    buf_put(&told, STR("\n"));
}

static void count(uint64_t tick, const char *prediction, const char *value, uint64_t n)
{
    struct tick_histogram of = { STR("m"), STR("v"), str_of(prediction), STR("") };

    ticks_add(ticks, tick, &of, str_of(value), n);
}

static void load(void)
{
    store->kind->load(store, &book, &(struct store_now){ .tick = 0 }, &op);
    loop_run(loop);
    cr_assert_eq(ended, OK);
}

static void feed(uint64_t upto)
{
    buf_reset(&told);
    store->kind->feed(store, &book, &(struct store_feed){ upto, note, NULL }, &op);
    loop_run(loop);
    cr_assert_eq(ended, OK);
}

static bool was_told(struct str text)
{
    return str_eq(buf_str(&told), text);
}

Test(store_file, who_is_alone_judges)
{
    load();
    cr_assert(book.ours);
}

Test(store_file, ticks_are_told_in_their_order_and_once)
{
    load();
    count(1001, "b", "x", 2);
    count(1000, "b", "y", 1);
    count(1000, "a", "x", 3);
    count(1000, "b", "x", 4);
    feed(1001);
    cr_assert(was_told(STR("a 1000 x=3\nb 1000 x=4 y=1\nb 1001 x=2\n")), "%.*s", (int)told.len,
              told.at);
    feed(1001);
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

Test(store_file, the_control_of_the_same_tick_is_told_beside)
{
    struct tick_histogram old = { STR("m"), STR("zz"), STR("a"), STR("") };

    load();
    count(1000, "a", "x", 3);
    feed(1000);
    hold_against(book.subjects[0], "zz");
    count(1001, "a", "x", 4);
    ticks_add(ticks, 1001, &old, STR("y"), 5);
    count(1002, "a", "x", 6);
    feed(1002);
    cr_assert(was_told(STR("a 1001 x=4 against y=5\na 1001 y=5\na 1002 x=6\n")), "%.*s",
              (int)told.len, told.at);
}

/* ---- definitions ---- */

static void count_by(uint32_t meaning, uint64_t tick, const char *version, uint64_t n)
{
    struct tick_histogram of = { STR("m"), str_of(version), STR("a"), STR(""), meaning };

    ticks_add(ticks, tick, &of, STR("x"), n);
}

static void note_meaning(void *ctx, struct subject *s, const struct drift_tick *t)
{
    note(ctx, s, t);
    buf_put_printf(&told, "by %x%s\n", (unsigned)t->meaning, t->mixed ? " mixed" : "");
}

static void feed_by(uint64_t upto)
{
    store->kind->feed(store, &book, &(struct store_feed){ upto, note_meaning, NULL }, &op);
    loop_run(loop);
    cr_assert_eq(ended, OK);
}

Test(store_file, a_tick_tells_by_which_definition_it_was_counted)
{
    load();
    count_by(7, 1000, "v", 1);
    count_by(7, 1001, "v", 1);
    count_by(8, 1001, "v", 2);
    feed_by(1001);
    cr_assert(was_told(STR("a 1000 x=1\nby 7\na 1001 x=3\nby 7 mixed\n")), "%.*s",
              (int)told.len, told.at);
}

Test(store_file, a_control_of_another_definition_says_nothing)
{
    load();
    count_by(7, 1000, "v", 1);
    feed_by(1000);
    hold_against(book.subjects[0], "zz");
    buf_reset(&told);
    count_by(7, 1001, "v", 4);
    count_by(8, 1001, "zz", 5);
    feed(1001);
    cr_assert(was_told(STR("a 1001 x=4\na 1001 x=5\n")), "%.*s", (int)told.len, told.at);
}

Test(store_file, of_the_past_only_ticks_of_that_definition_are_recalled)
{
    struct store_recall recall = { .member = STR("m:v:a"), .from = 1000, .to = 1002 };

    load();
    count_by(7, 1000, "v", 1);
    count_by(8, 1001, "v", 2);
    count_by(7, 1002, "v", 3);
    count_by(8, 1002, "v", 4);
    feed_by(1002);
    buf_reset(&told);
    recall.meaning = 8;
    recall.each = note_past;
    store->kind->recall(store, &recall, &op);
    loop_run(loop);
    cr_assert(was_told(STR("1001 x=2\n")), "%.*s", (int)told.len, told.at);
}

Test(store_file, the_running_tick_is_left_alone)
{
    load();
    count(1000, "a", "x", 1);
    count(1001, "a", "x", 1);
    feed(1000);
    cr_assert(was_told(STR("a 1000 x=1\n")));
    count(1001, "a", "x", 1);
    feed(1001);
    cr_assert(was_told(STR("a 1001 x=2\n")));
}

Test(store_file, ticks_of_the_past_can_be_had_again)
{
    struct store_recall recall = { STR("m:v:a"), 1001, 1002, 1003, note_past, NULL };

    load();
    for (uint64_t t = 1000; t < 1004; t++) {
        count(t, "a", "x", t - 999);
        count(t, "b", "x", 7);
    }
    feed(1003);
    buf_reset(&told);
    store->kind->recall(store, &recall, &op);
    loop_run(loop);
    cr_assert(was_told(STR("1001 x=2\n1002 x=3\n")));
}

Test(store_file, what_people_change_is_in_the_book)
{
    struct edit edit = { EDIT_PIN, STR("m:v:a"), STR("0123456789abcdef"), 0 };

    load();
    store->kind->edit(store, &book, &edit, &op);
    loop_run(loop);
    cr_assert_eq(ended, OK);
    cr_assert(book_is_pinned(&book, "0123456789abcdef"));
}

Test(store_file, what_was_written_is_no_longer_waiting)
{
    load();
    count(1000, "a", "x", 1);
    feed(1000);
    book_write_hour(&book, book.subjects[0], 16, STR("x=1"));
    store->kind->save(store, &book, &op);
    loop_run(loop);
    cr_assert_eq(ended, OK);
    cr_assert_eq(book.row_count, 0);
    cr_assert_not(book.subjects[0]->unsaved);
}

Test(store_file, a_silence_that_is_over_leaves_with_the_next)
{
    struct edit first = { EDIT_SILENCE, STR("s1"), STR("{}"), 77 };
    struct edit next = { EDIT_SILENCE, STR("s2"), STR("{}"), UINT64_MAX };

    store_apply(&book, &first);
    store_apply(&book, &next);
    cr_assert_eq(book.silence_count, 1);
    cr_assert_str_eq(book.silences[0].id, "s2");
}
