/* SPDX-License-Identifier: Apache-2.0 */
#include "histogram.h"
#include "judge_inner.h"

#include "weir/net/loop.h"
#include "weir/watch/store.h"
#include "weir/watch/ticks.h"

#include <criterion/criterion.h>
#include <string.h>

/* A judge between two rounds: what the configuration has is changed under an alarm that fires. */

enum { NOW = 100000, AGO = 61 };

static struct loop *loop;
static struct ticks *ticks;
static struct judge *judge;
static struct subject *subject;
static struct watchlist *list;

static void start(void)
{
    const struct judge_settings settings = { .tick_ms = 60000,
                                             .probability = .05,
                                             .per_ms = 3600 * 1000 };

    loop = loop_new(NULL);
    ticks = ticks_new();
    judge = judge_new(loop, store_file_new(loop, ticks, STR("")), &settings, NULL, NULL);
    judge->upto = NOW;
    list = watchlist_new(STR("support-chat"));
}

static void stop(void)
{
    watchlist_unref(list);
    judge_free(judge);
    ticks_free(ticks);
    loop_free(loop);
}

TestSuite(judge_watch, .init = start, .fini = stop, .timeout = 20);

static void fire(const char *member)
{
    subject = book_subject(&judge->book, str_of(member));
    (void)subject_adopt(subject, book_add_baseline(&judge->book, refusal_baseline(60)));
    subject->unread = false;
    subject->tick = subject->last = NOW - AGO;
    subject->drift->latch = (struct drift_latch){ LATCHED_CONFIRMED, NOW - AGO, NOW - AGO, 60,
                                                  0 };
}

static void configure(const char *version)
{
    struct str versions[] = { STR("other"), str_of(version) };

    judge_watch(judge, &(struct judge_model){ list, versions, 2 }, 1);
}

static bool is_let_go(void)
{
    judge_look_round(judge);
    judge_let_go(judge);
    cr_assert_eq(judge->book.alarm_count, subject->gone ? 1 : 0);
    return subject->gone;
}

Test(judge_watch, what_is_configured_is_watched_however_quiet_it_is)
{
    fire(REFUSAL);
    configure("qwen");
    cr_assert_not(is_let_go());
    cr_assert_eq(subject->drift->latch.on, LATCHED_CONFIRMED);
}

Test(judge_watch, before_it_knows_the_configuration_all_is_watched)
{
    fire(REFUSAL);
    cr_assert_not(is_let_go());
}

Test(judge_watch, the_alarm_of_a_model_that_is_gone_is_resolved_and_says_why)
{
    const struct alarm *alarm;
    struct buf text = { 0 };

    fire(REFUSAL);
    judge_watch(judge, NULL, 0);
    cr_assert(is_let_go());
    alarm = judge->book.alarms[0];
    cr_assert_eq(alarm->state, ALARM_RESOLVED);
    cr_assert(str_eq(alarm->ended, STR("gone")));
    alarm_put(alarm, &text);
    cr_assert(memmem(text.at, text.len, "\"ended\":\"gone\"", 14));
    cr_assert_eq(judge->book.row_count, 1, "it is to be written, and told");
    cr_assert_eq(subject->drift->latch.on, LATCHED_NOT);
    cr_assert(subject->unsaved);
    buf_deinit(&text);
}

Test(judge_watch, it_is_resolved_once)
{
    fire(REFUSAL);
    judge_watch(judge, NULL, 0);
    cr_assert(is_let_go());
    cr_assert(is_let_go());
    cr_assert_eq(judge->book.row_count, 1);
}

Test(judge_watch, what_older_versions_held_against_a_baseline_and_is_apart_is_let_go)
{
    fire("support-chat:qwen:~latency@upstream=up");
    judge_let_go(judge);
    cr_assert_eq(subject->drift->latch.on, LATCHED_NOT);
    cr_assert_eq(judge->book.alarms[0]->state, ALARM_RESOLVED);
}

Test(judge_watch, so_is_that_of_a_version_a_prediction_or_a_segment)
{
    fire(REFUSAL);
    configure("llama");
    cr_assert(is_let_go());
    configure("qwen");
    fire("support-chat:qwen:intent");
    judge_look_round(judge);
    cr_assert(subject->gone);
    fire("support-chat:qwen:refusal@plan=pro");
    judge_look_round(judge);
    cr_assert(subject->gone);
}

Test(judge_watch, any_value_of_a_segment_is_of_that_segment)
{
    list->segments = arena_take(&list->arena, 3 * sizeof(*list->segments));
    list->segments[0] = (struct segment){ .name = STR("plan"), .kind = SEGMENT_TENANT };
    list->segments[1] = (struct segment){ .name = STR("country"), .kind = SEGMENT_TENANT };
    list->segments[2] = (struct segment){ .kind = SEGMENT_TOGETHER,
                                          .parts = { 0, 1 },
                                          .part_count = 2 };
    for (size_t i = 0; i < 3; i++)
        segment_open(&list->segments[i], list->segments);
    list->segment_count = 3;
    configure("qwen");
    fire("support-chat:qwen:refusal@plan=pro");
    cr_assert_not(is_let_go());
    fire("support-chat:qwen:refusal@plan=pro,country=de");
    cr_assert_not(is_let_go());
    fire("support-chat:qwen:refusal@plan=pro,tier=1");
    judge_look_round(judge);
    cr_assert(subject->gone);
    fire("support-chat:qwen:refusal@plan=pro,country=de,tier=1");
    judge_look_round(judge);
    cr_assert(subject->gone);
}

Test(judge_watch, as_long_as_another_gateway_counts_it_it_is_watched)
{
    fire(REFUSAL);
    judge_watch(judge, NULL, 0);
    subject->last = NOW - 60;
    cr_assert_not(is_let_go());
    subject->last = NOW - AGO;
    judge_look_round(judge);
    cr_assert(subject->gone);
    subject->last = NOW;
    judge_look_round(judge);
    cr_assert_not(subject->gone, "it is back");
}

Test(judge_watch, the_promise_is_not_held_for_what_is_gone)
{
    double of_two, of_one;

    fire("support-chat:qwen:finish_reason");
    fire(REFUSAL);
    configure("qwen");
    judge_look_round(judge);
    judge_set_threshold(judge);
    of_two = judge->threshold;
    cr_assert_eq(book_judged(&judge->book), 2);
    list->model = STR("another");
    subject->last = subject->tick = NOW;
    judge_look_round(judge);
    judge_set_threshold(judge);
    of_one = judge->threshold;
    cr_assert_eq(book_judged(&judge->book), 1);
    cr_assert_eq(book_watched(&judge->book), 1);
    cr_assert_lt(of_one, of_two);
}

Test(judge_watch, what_is_about_to_be_forgotten_is_let_go_first)
{
    fire(REFUSAL);
    configure("qwen");
    judge->oldest = NOW - 1;
    book_forget(&judge->book, judge->oldest);
    cr_assert_eq(judge->book.subject_count, 1, "its alarm still fires");
    cr_assert(is_let_go());
    subject->unsaved = false;
    book_drop_rows(&judge->book);
    book_forget(&judge->book, judge->oldest);
    cr_assert_eq(judge->book.subject_count, 0);
}

/* ---- what else the configuration says ---- */

static bool has_words(const char *prediction)
{
    return judge_has_words(judge, &(struct tick_histogram){ STR("support-chat"), STR("qwen"),
                                                            str_of(prediction), STR("") });
}

Test(judge_watch, a_label_has_words_and_a_number_has_none)
{
    static const struct str labels[] = { { "upto_5", 6 }, { "upto_10", 7 } };

    list->predictions = arena_take(&list->arena, 2 * sizeof(*list->predictions));
    list->predictions[0] = (struct prediction){
        .name = STR("size"), .kind = PREDICTION_LABEL, .labels = labels, .label_count = 2
    };
    list->predictions[1] = (struct prediction){ .name = STR("risk"),
                                                .kind = PREDICTION_NUMBER };
    list->prediction_count = 2;
    prediction_complete(&list->predictions[1]);
    configure("qwen");
    cr_assert(has_words("size"));
    cr_assert(has_words("refusal"));
    cr_assert_not(has_words("risk"));
    cr_assert_not(has_words("latency"));
    cr_assert_not(has_words("unknown"));
}

Test(judge_watch, versions_are_named_or_not_once_it_knows_them)
{
    cr_assert(judge_names_version(judge, STR("support-chat"), STR("llama")));
    configure("qwen");
    cr_assert(judge_names_version(judge, STR("support-chat"), STR("qwen")));
    cr_assert_not(judge_names_version(judge, STR("support-chat"), STR("llama")));
}

/* ---- a control without answers ---- */

static bool says(const char *what)
{
    struct buf page = { 0 };
    bool found;

    judge_put_drift(judge, &page);
    found = memmem(page.at, page.len, what, strlen(what));
    buf_deinit(&page);
    return found;
}

static void hold_against(const char *control)
{
    struct counts total = answers(50, 950);
    struct baseline_origin origin = { .of = refusal(),
                                      .total = &total,
                                      .control = str_of(control),
                                      .tolerance = 1.2,
                                      .alpha = .01,
                                      .from = STR("control") };

    subject = book_subject(&judge->book, STR(REFUSAL));
    subject->unread = false;
    (void)subject_adopt(subject, book_add_baseline(&judge->book, baseline_new(&origin)));
    counts_deinit(&total);
}

static void fold(const struct counts *control)
{
    struct counts own = answers(5, 95);
    struct drift_tick tick = { .tick = NOW, .counts = &own, .control = control };

    judge_fold(judge, subject, &tick);
    counts_deinit(&own);
}

#define LACK "\"reason\":\"control version qwne has no answers: misspelt?\""

Test(judge_watch, that_a_control_has_no_answers_is_told)
{
    hold_against("qwne");
    cr_assert_not(says(LACK));
    fold(NULL);
    cr_assert(says("\"state\":\"insufficient_data\"," LACK));
}

Test(judge_watch, a_control_that_answers_is_not_missed)
{
    struct counts control = answers(5, 95);

    hold_against("qwne");
    fold(&control);
    counts_deinit(&control);
    cr_assert(says("insufficient_data"));
    cr_assert_not(says("misspelt"));
}
