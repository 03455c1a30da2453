/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/watch/segment.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* plan by a header, who asks, country by the body, and plan and country together. */
enum { PLAN, TENANT, COUNTRY, TOGETHER, SEGMENTS };

static struct segment all[SEGMENTS];
static uint8_t places[SEGMENT_MOST];

static void describe(struct segment *out)
{
    memset(out, 0, SEGMENTS * sizeof(*out));
    out[PLAN] = (struct segment){
        .name = STR("plan"), .kind = SEGMENT_HEADER, .from = STR("x-plan"), .header = 1
    };
    out[TENANT] = (struct segment){ .name = STR("who"), .kind = SEGMENT_TENANT };
    out[COUNTRY] = (struct segment){ .name = STR("country"),
                                     .kind = SEGMENT_POINTER,
                                     .from = STR("/meta/country") };
    out[TOGETHER] = (struct segment){ .kind = SEGMENT_TOGETHER,
                                      .parts = { PLAN, COUNTRY },
                                      .part_count = 2 };
}

static void open_all(struct segment *segments)
{
    for (size_t i = 0; i < SEGMENTS; i++)
        segment_open(&segments[i], segments);
}

static void close_all(struct segment *segments)
{
    for (size_t i = 0; i < SEGMENTS; i++)
        segment_close(&segments[i]);
}

static void start(void)
{
    describe(all);
    open_all(all);
}

static void stop(void)
{
    close_all(all);
}

TestSuite(segment, .init = start, .fini = stop, .timeout = 20);

static void find(struct str plan, const char *tenant, const char *body)
{
    struct str headers[] = { STR("of another model"), plan };
    struct segment_source source = { str_of(tenant), headers, str_of(body) };

    segment_find(all, SEGMENTS, &source, places);
}

static void assert_text(size_t i, const char *text)
{
    struct str found = segment_text(&all[i], places[i]);

    cr_assert(str_eq(found, str_of(text)), "%.*s, not %s", STR_ARG(found), text);
}

Test(segment, a_request_has_a_value_in_each)
{
    find(STR("pro"), "acme", "{\"meta\":{\"country\":\"de\"}}");
    assert_text(PLAN, "plan=pro");
    assert_text(TENANT, "who=acme");
    assert_text(COUNTRY, "country=de");
    assert_text(TOGETHER, "plan=pro,country=de");
}

Test(segment, what_is_not_sent_is_none)
{
    find((struct str){ 0 }, "", "{}");
    assert_text(PLAN, "plan=none");
    assert_text(TENANT, "who=none");
    assert_text(COUNTRY, "country=none");
    assert_text(TOGETHER, "plan=none,country=none");
    find(STR(""), "", "{\"meta\":{\"country\":null}}");
    assert_text(PLAN, "plan=none");
    assert_text(COUNTRY, "country=none");
}

Test(segment, numbers_are_values_and_trees_are_other)
{
    find(STR("a"), "b", "{\"meta\":{\"country\":49}}");
    assert_text(COUNTRY, "country=49");
    find(STR("a"), "b", "{\"meta\":{\"country\":[\"de\"]}}");
    assert_text(COUNTRY, "country=other");
}

Test(segment, values_are_escaped_as_in_a_key)
{
    find(STR("a,b=c:d"), "b", "{\"meta\":{\"country\":\"c\u00f4te\"}}");
    assert_text(PLAN, "plan=a%2Cb%3Dc%3Ad");
    assert_text(COUNTRY, "country=c%C3%B4te");
}

Test(segment, what_is_too_long_or_no_text_is_other)
{
    char longest[SEGMENT_VALUE_BYTES + 2] = { 0 };

    memset(longest, 'x', SEGMENT_VALUE_BYTES + 1);
    find(str_of(longest), "a\xff", "{}");
    assert_text(PLAN, "plan=other");
    assert_text(TENANT, "who=other");
    find(str_of(longest + 1), "a", "{}");
    cr_assert_eq(places[PLAN], SEGMENT_FIRST);
}

Test(segment, the_first_64_have_a_place_and_keep_it)
{
    char name[16];

    for (unsigned i = 0; i < 70; i++) {
        (void)snprintf(name, sizeof(name), "plan-%u", i);
        find(str_of(name), "a", "{}");
        cr_assert_eq(places[PLAN], i < 64 ? SEGMENT_FIRST + i : SEGMENT_OTHER, "%u", i);
    }
    find(STR("plan-63"), "a", "{}");
    assert_text(PLAN, "plan=plan-63");
    find(STR("plan-64"), "a", "{}");
    assert_text(PLAN, "plan=other");
}

Test(segment, of_combinations_there_are_64_as_well)
{
    char name[16], body[64];

    for (unsigned i = 0; i < 80; i++) {
        (void)snprintf(name, sizeof(name), "%u", i / 10);
        (void)snprintf(body, sizeof(body), "{\"meta\":{\"country\":%u}}", i % 10);
        find(str_of(name), "a", body);
        if (i < 64)
            cr_assert_eq(places[TOGETHER], SEGMENT_FIRST + i);
        else
            assert_text(TOGETHER, "plan=other,country=other");
    }
}

Test(segment, where_values_are_listed_there_are_no_others)
{
    struct str values[] = { STR("free"), STR("pro") };

    segment_close(&all[PLAN]);
    all[PLAN].values = values;
    all[PLAN].value_count = 2;
    segment_open(&all[PLAN], all);
    find(STR("pro"), "a", "{}");
    cr_assert_eq(places[PLAN], SEGMENT_FIRST + 1);
    find(STR("gold"), "a", "{}");
    assert_text(PLAN, "plan=other");
}

Test(segment, without_a_body_places_of_pointers_stay)
{
    struct segment_source source = { STR("a"), NULL, { NULL, 0 } };

    find(STR("pro"), "b", "{\"meta\":{\"country\":\"de\"}}");
    segment_find(all, SEGMENTS, &source, places);
    assert_text(COUNTRY, "country=de");
    assert_text(PLAN, "plan=none");
    assert_text(TOGETHER, "plan=none,country=de");
}

Test(segment, one_that_means_the_same_takes_over_the_values)
{
    struct segment next[SEGMENTS];

    find(STR("pro"), "acme", "{\"meta\":{\"country\":\"de\"}}");
    describe(next);
    open_all(next);
    for (size_t i = 0; i < SEGMENTS; i++)
        cr_assert(segment_adopt(&next[i], &all[i]));
    cr_assert(
        str_eq(segment_text(&next[TOGETHER], places[TOGETHER]), STR("plan=pro,country=de")));
    close_all(all);
    memcpy(all, next, sizeof(all));
    find(STR("gold"), "acme", "{}");
    cr_assert_eq(places[PLAN], SEGMENT_FIRST + 1);
    cr_assert_eq(places[TENANT], SEGMENT_FIRST);
}

Test(segment, one_that_reads_another_place_does_not)
{
    struct segment next[SEGMENTS];

    describe(next);
    next[COUNTRY].from = STR("/country");
    open_all(next);
    cr_assert_not(segment_adopt(&next[COUNTRY], &all[COUNTRY]));
    close_all(next);
}

static void *find_many(void *arg)
{
    uint8_t own[SEGMENT_MOST] = { 0 };
    char name[16];

    for (unsigned i = 0; i < 2000; i++) {
        struct str headers[] = { { NULL, 0 }, { name, 0 } };
        struct segment_source source = { STR("a"), headers, STR("{}") };

        headers[1].len = (size_t)snprintf(name, sizeof(name), "p%u", i % 100);
        segment_find(all, SEGMENTS, &source, own);
        if (own[PLAN] != SEGMENT_OTHER &&
            !str_ends(segment_text(&all[PLAN], own[PLAN]), headers[1]))
            return arg;
    }
    return NULL;
}

Test(segment, threads_agree_on_places)
{
    pthread_t threads[3];
    void *failed;

    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, find_many, all), 0);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(pthread_join(threads[i], &failed), 0);
        cr_assert_null(failed);
    }
}
