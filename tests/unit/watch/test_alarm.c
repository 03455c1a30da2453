/* SPDX-License-Identifier: Apache-2.0 */
#include "effect.h"
#include "histogram.h"
#include "weir/watch/alarm.h"

#include <criterion/criterion.h>

static struct baseline *b;
static struct alarm *a, *again;
static struct buf text, other;

static void start(void)
{
    const struct tick_histogram of = refusal();

    b = refusal_baseline(60);
    a = alarm_new(&of);
    a->confirmed = true;
    a->state = ALARM_FIRING;
    a->since_ms = 5;
    a->score = 1.25;
    alarm_name(a, STR(REFUSAL), b->id, 77);
}

static void stop(void)
{
    alarm_free(a);
    alarm_free(again);
    baseline_free(b);
    buf_deinit(&text);
    buf_deinit(&other);
}

TestSuite(alarm, .init = start, .fini = stop, .timeout = 30);

Test(alarm, whoever_finds_it_finds_the_same_id)
{
    again = alarm_new(&a->of);
    alarm_name(again, STR(REFUSAL), b->id, 77);
    cr_assert_str_eq(a->id, again->id);
    alarm_name(again, STR(REFUSAL), b->id, 78);
    cr_assert_str_neq(a->id, again->id);
}

Test(alarm, it_comes_back_from_its_json_with_its_evidence)
{
    alarm_explain(a, &(struct effect){ b, b->counts, (uint64_t[ECUSUM_BINS]){ 160, 0, 41 } },
                  &(struct counts){ 0 });
    alarm_put(a, &text);
    again = alarm_read(buf_str(&text));
    cr_assert(again, "%.*s", (int)text.len, text.at);
    alarm_put(again, &other);
    cr_assert(str_eq(buf_str(&text), buf_str(&other)));
    cr_assert(str_eq(again->sentence, STR("refusal=yes 5.0 % \u2192 20.4 %")));
}

Test(alarm, without_evidence_it_comes_back_too)
{
    alarm_put(a, &text);
    again = alarm_read(buf_str(&text));
    cr_assert(again);
    cr_assert_eq(again->evidence.len, 0);
    cr_assert_eq(again->state, ALARM_FIRING);
}

Test(alarm, what_is_none_is_not_read)
{
    cr_assert_not(alarm_read(STR("")));
    cr_assert_not(alarm_read(STR("{}")));
    cr_assert_not(alarm_read(STR("[1]")));
    alarm_put(a, &text);
    for (size_t n = 0; n < text.len; n += 5)
        cr_assert_not(alarm_read(str_head(buf_str(&text), n)));
}
