/* SPDX-License-Identifier: Apache-2.0 */
#include "histogram.h"
#include "statefile.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct book book, again;
static struct fault why;
static char path[64];
static struct buf text;

static void start(void)
{
    int fd;

    (void)snprintf(path, sizeof(path), "/tmp/weir-statefile-XXXXXX");
    fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
    book_init(&book);
    book_init(&again);
}

static void stop(void)
{
    book_deinit(&book);
    book_deinit(&again);
    buf_deinit(&text);
    unlink(path);
}

TestSuite(statefile, .init = start, .fini = stop, .timeout = 30);

static void fill(void)
{
    const struct tick_histogram of = refusal();
    const struct baseline *b = book_add_baseline(&book, refusal_baseline(60));
    struct subject *s = book_subject(&book, STR(REFUSAL));
    struct subject_news news = { .turn = DRIFT_STAYED };
    struct alarm *a = alarm_new(&of);
    struct change change = { .before = STR("null"), .after = STR("{}") };

    subject_adopt(s, b);
    for (uint64_t t = 1; t < 40; t++) {
        struct counts c = answers(5, 95);

        subject_fold(s, &(struct subject_rules){ 13, DRAFT_STEPS },
                     &(struct drift_tick){ t, &c, NULL }, &news);
        counts_deinit(&c);
    }
    buf_deinit(&news.hour_text);
    book_pin(&book, STR(REFUSAL), b->id);
    alarm_name(a, STR(REFUSAL), b->id, 7);
    book_put_alarm(&book, a);
    book_silence(&book, STR("one"), STR("{\"why\":\"a test\"}"), 77);
    change_name(&change, STR(REFUSAL), 7, 0);
    book_put_change(&book, change_copy(&change));
    book_deliver(&book, STR("abc:firing"), STR("{\"id\":\"abc\"}"));
    (void)book_subject(&book, STR("chat:v2:intent@plan=pro"));
}

static void read_text(void)
{
    FILE *file = fopen(path, "r");
    char piece[4096];
    size_t got;

    cr_assert(file);
    buf_reset(&text);
    while ((got = fread(piece, 1, sizeof(piece), file)) > 0)
        buf_put(&text, (struct str){ piece, got });
    fclose(file);
}

static void write_text(struct str bytes)
{
    FILE *file = fopen(path, "w");

    cr_assert(file);
    cr_assert_eq(fwrite(bytes.at, 1, bytes.len, file), bytes.len);
    fclose(file);
}

static bool is_empty(const struct book *b)
{
    return b->subject_count + b->baseline_count + b->pin_count + b->alarm_count +
               b->change_count + b->silence_count + b->delivery_count ==
           0;
}

Test(statefile, all_of_the_book_comes_back)
{
    struct buf one = { 0 }, other = { 0 };

    fill();
    cr_assert_eq(statefile_write(path, &book, &why), OK);
    statefile_read(path, &again);
    cr_assert_eq(again.subject_count, 2);
    cr_assert_eq(again.baseline_count, 1);
    cr_assert_eq(again.alarm_count, 1);
    cr_assert_eq(again.delivery_count, 1);
    cr_assert_eq(again.change_count, 1);
    cr_assert_str_eq(again.changes[0]->id, book.changes[0]->id);
    cr_assert_str_eq(again.silences[0].json, "{\"why\":\"a test\"}");
    cr_assert_str_eq(again.pins[0].member, REFUSAL);
    subject_put(book_subject(&book, STR(REFUSAL)), &one);
    subject_put(book_subject(&again, STR(REFUSAL)), &other);
    cr_assert(str_eq(buf_str(&one), buf_str(&other)));
    buf_deinit(&one);
    buf_deinit(&other);
}

Test(statefile, cut_off_anywhere_it_is_refused_as_a_whole)
{
    fill();
    cr_assert_eq(statefile_write(path, &book, &why), OK);
    read_text();
    for (size_t n = 0; n < text.len; n += 97) {
        write_text(str_head(buf_str(&text), n));
        statefile_read(path, &again);
        cr_assert(is_empty(&again), "read at %zu of %zu", n, text.len);
    }
}

Test(statefile, a_state_that_was_touched_begins_anew_and_the_rest_stays)
{
    char *tick;

    fill();
    cr_assert_eq(statefile_write(path, &book, &why), OK);
    read_text();
    tick = memmem(text.at, text.len, "\n1 39 ", 6);
    cr_assert(tick);
    tick[3] = '8';
    write_text(buf_str(&text));
    statefile_read(path, &again);
    cr_assert_eq(again.alarm_count, 1);
    cr_assert_eq(book_subject(&again, STR(REFUSAL))->tick, 0);
    cr_assert_not(book_subject(&again, STR(REFUSAL))->drift);
}

Test(statefile, another_kind_of_file_is_refused)
{
    write_text(STR("hello\nend\n"));
    statefile_read(path, &again);
    cr_assert(is_empty(&again));
}

Test(statefile, without_a_file_the_book_is_empty)
{
    unlink(path);
    statefile_read(path, &again);
    statefile_read(NULL, &again);
    cr_assert(is_empty(&again));
    cr_assert_eq(statefile_write(NULL, &book, &why), OK);
}

Test(statefile, a_folder_that_is_not_there_is_told)
{
    cr_assert_eq(statefile_write("/nowhere/at/all", &book, &why), ERR_STORE_DOWN);
}

Test(statefile, where_writing_fails_nothing_is_left_beside_it)
{
    char beside[80];

    unlink(path);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(statefile_write(path, &book, &why), ERR_STORE_DOWN);
    cr_assert_str_eq(why.text, "Is a directory");
    (void)snprintf(beside, sizeof(beside), "%s.new", path);
    cr_assert_neq(access(beside, F_OK), 0);
    cr_assert_eq(rmdir(path), 0);
}
