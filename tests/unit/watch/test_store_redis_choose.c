/* SPDX-License-Identifier: Apache-2.0 */
#include "judges.h"

/* More histograms than there is room for: which of them two judges watch, now and a round later. */

TestSuite(store_redis_choose, .init = start, .fini = stop, .timeout = 120);

enum { AT_ONCE = 2000 }; /* so that no script keeps Redis from its clients for long */

/* `amount` histograms, named `head` and a number of five digits, that had answers in this tick. */
static void crowd(const char *head, unsigned amount, unsigned tick)
{
    char script[200];
    struct str words[] = { STR("EVAL"), STR(""), STR("1"), STR("weir:v1:histograms") };

    for (unsigned from = 1; from <= amount; from += AT_ONCE) {
        unsigned to = from + AT_ONCE - 1 < amount ? from + AT_ONCE - 1 : amount;

        (void)snprintf(
            script, sizeof(script),
            "for i=%u,%u do redis.call('ZADD',KEYS[1],%u,string.format('%s%%05d',i)) end", from,
            to, tick, head);
        words[1] = str_of(script);
        stage_do_words(&stage, words, 4);
    }
}

static bool has(const struct book *b, const char *member)
{
    return book_find(b, str_of(member));
}

static void expect_alike(void)
{
    cr_assert_eq(book.subject_count, BOOK_SUBJECTS);
    cr_assert_eq(other.subject_count, BOOK_SUBJECTS);
    for (size_t i = 0; i < BOOK_SUBJECTS; i++)
        cr_assert(str_eq(book.subjects[i]->member, other.subjects[i]->member), "%zu", i);
    cr_assert_eq(book.left_out, other.left_out);
}

Test(store_redis_choose, segments_push_out_no_model)
{
    crowd("m:v:p@s=", 12000, 2000);
    crowd("m:v:p@s=a,t=", 3000, 2000);
    crowd("zz:v:p", 20, 1500);
    load(one, &book);
    for (unsigned i = 1; i <= 20; i++) {
        char name[20];

        (void)snprintf(name, sizeof(name), "zz:v:p%05u", i);
        cr_assert(has(&book, name));
    }
    cr_assert(has(&book, "m:v:p@s=00001"));
    cr_assert_not(has(&book, "m:v:p@s=a,t=00001"));
    cr_assert_eq(book.subject_count, BOOK_SUBJECTS);
    cr_assert_eq(book.left_out, 5020);
}

Test(store_redis_choose, whole_models_that_come_later_take_the_places_of_segments)
{
    crowd("m:v:p@s=", 10001, 2000);
    load(one, &book);
    cr_assert(has(&book, "m:v:p@s=10000"));
    crowd("zz:v:p", 20, 2000);
    load(one, &book);
    cr_assert(has(&book, "zz:v:p00020"));
    cr_assert_not(has(&book, "m:v:p@s=10000"));
    cr_assert_eq(book.subject_count, BOOK_SUBJECTS);
    cr_assert_eq(book.left_out, 21);
}

Test(store_redis_choose, what_is_watched_stays_though_names_come_that_stand_before_it)
{
    crowd("m:v:p@s=m", 9999, 1500);
    count("m:v:p@s=zz", 1999, "x", 20);
    load(one, &book);
    cr_assert_eq(book.left_out, 0);
    feed(one, &book, 2000);
    save(one, &book);
    crowd("m:v:p@s=a", 5000, 1500);
    load(one, &book);
    load(two, &other);
    cr_assert(has(&book, "m:v:p@s=zz"));
    cr_assert(has(&book, "m:v:p@s=a05000"));
    expect_alike();
}

Test(store_redis_choose, two_judges_that_began_with_other_names_watch_the_same)
{
    crowd("m:v:p@s=b", 8000, 2000);
    load(one, &book);
    crowd("m:v:p@s=a", 8000, 2000);
    load(two, &other);
    load(one, &book);
    expect_alike();
    cr_assert_eq(book_judged(&book), book_judged(&other));
}

Test(store_redis_choose, what_has_a_baseline_for_any_version_keeps_its_place)
{
    crowd("m:v:p@s=", 12000, 2000);
    crowd("m:v:zz@s=", 3, 2000);
    edit(one, &(struct edit){ EDIT_PIN, STR("m:%2A:zz@s=00002"), STR("0123456789abcdef"), 0 });
    load(one, &book);
    cr_assert(has(&book, "m:v:zz@s=00002"));
    cr_assert_not(has(&book, "m:v:zz@s=00001"));
}

/* A histogram whose alarm fires, in Redis. */
static struct alarm *fire(const char *segment)
{
    const struct tick_histogram of = { STR("m"), STR("v"), STR("p"), str_of(segment) };
    struct alarm *a = alarm_new(&of);
    struct buf member = { 0 };

    buf_put_printf(&member, "m:v:p@%s", segment);
    a->state = ALARM_FIRING;
    a->updated_ms = 5;
    alarm_name(a, buf_str(&member), "0123456789abcdef", 1000);
    book_write_alarm(&book, book.subjects[0], a);
    book_put_alarm(&book, a);
    buf_deinit(&member);
    return a;
}

Test(store_redis_choose, an_alarm_that_fires_keeps_its_histogram_until_it_is_over)
{
    struct alarm *alarm;

    count("m:v:p@s=z,t=z", 1990, "x", 20);
    load(one, &book);
    feed(one, &book, 2000);
    alarm = fire("s=z,t=z");
    save(one, &book);
    crowd("m:v:p", 10000, 2000);
    load(one, &book);
    load(two, &other);
    cr_assert(has(&other, "m:v:p@s=z,t=z"));
    expect_alike();
    alarm->state = ALARM_RESOLVED;
    alarm->updated_ms = 6;
    book_find(&book, STR("m:v:p@s=z,t=z"))->revision++;
    book_write_alarm(&book, book_find(&book, STR("m:v:p@s=z,t=z")), alarm);
    save(one, &book);
    load(one, &book);
    load(two, &other);
    cr_assert_not(has(&other, "m:v:p@s=z,t=z"));
    expect_alike();
}

Test(store_redis_choose, of_more_than_are_read_the_latest_are_looked_at)
{
    crowd("m:v:p", 40000, 1000);
    crowd("m:v:q", 40000, 1500);
    load(one, &book);
    cr_assert_eq(book.subject_count, BOOK_SUBJECTS);
    cr_assert_eq(book.left_out, 50000);
    cr_assert_eq(ended, OK);
}
