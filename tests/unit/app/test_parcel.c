/* SPDX-License-Identifier: Apache-2.0 */
#include "parcel.h"

#include "alarm.h"

static const uint64_t SECOND_US = UINT64_C(1000) * 1000;
static const uint64_t DAY_US = UINT64_C(24) * 3600 * 1000 * 1000;

static struct buf json;
static struct parcel *p;

static void start(void)
{
    json = alarm_json(ALARM_FIRING);
    p = parcel_new(STR(ALARM_NAME ":firing"), buf_str(&json), 2);
    cr_assert(p);
}

static void stop(void)
{
    parcel_free(p);
    buf_deinit(&json);
}

TestSuite(parcel, .init = start, .fini = stop, .timeout = 10);

Test(parcel, it_knows_its_alarm)
{
    cr_assert(parcel_is_of(p, ALARM_NAME));
    cr_assert_not(parcel_is_of(p, "fedcba9876543210"));
    cr_assert_eq(p->alarm->state, ALARM_FIRING);
    cr_assert_str_eq(p->key, ALARM_NAME ":firing");
}

Test(parcel, it_may_be_of_a_change_as_well)
{
    struct change c = { .kind = CHANGE_LATENCY,
                        .model = STR("chat"),
                        .version = STR("qwen"),
                        .before = STR("null"),
                        .after = STR("null"),
                        .at_ms = 77 };
    struct buf text = { 0 };
    struct parcel *of_change;

    change_name(&c, STR("chat:qwen:latency"), 1, 0);
    change_put(&c, &text);
    of_change = parcel_new(STR(ALARM_NAME ":changed"), buf_str(&text), 1);
    cr_assert(of_change);
    cr_assert_str_eq(parcel_id(of_change), c.id);
    cr_assert_eq(parcel_at_ms(of_change), 77);
    cr_assert_not(parcel_is_end(of_change));
    cr_assert(str_eq(parcel_name(of_change).prediction, STR("latency")));
    parcel_free(of_change);
    buf_deinit(&text);
}

Test(parcel, what_would_not_do_as_a_header_is_no_key)
{
    cr_assert_null(parcel_new(STR(ALARM_NAME ":a\r\nX: y"), buf_str(&json), 1));
    cr_assert_null(parcel_new(STR(ALARM_NAME), buf_str(&json), 1));
    cr_assert_null(parcel_new(STR(ALARM_NAME ":\0"), buf_str(&json), 1));
    cr_assert_null(parcel_new(STR(""), buf_str(&json), 1));
    cr_assert_null(
        parcel_new(STR(ALARM_NAME ":aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
                   buf_str(&json), 1));
}

Test(parcel, what_is_no_alarm_makes_none)
{
    cr_assert_null(parcel_new(STR(ALARM_NAME ":firing"), STR("{}"), 1));
}

Test(parcel, it_is_over_when_all_legs_are)
{
    cr_assert_not(parcel_is_over(p));
    p->legs[0].over = true;
    cr_assert_not(parcel_is_over(p));
    p->legs[1].over = true;
    cr_assert(parcel_is_over(p));
    cr_assert_not(parcel_is_due(p, 1, SECOND_US));
}

Test(parcel, without_receivers_it_is_over_at_once)
{
    struct parcel *bare = parcel_new(STR(ALARM_NAME ":firing"), buf_str(&json), 0);

    cr_assert(parcel_is_over(bare));
    parcel_free(bare);
}

Test(parcel, one_leg_is_put_off_alone)
{
    uint64_t pause_us;

    parcel_try(p, 0, SECOND_US);
    pause_us = parcel_put_off(p, 0, SECOND_US);
    cr_assert(pause_us >= SECOND_US / 2 && pause_us <= SECOND_US);
    cr_assert_not(parcel_is_due(p, 0, SECOND_US));
    cr_assert(parcel_is_due(p, 0, SECOND_US + pause_us));
    cr_assert(parcel_is_due(p, 1, SECOND_US));
}

Test(parcel, pauses_are_doubled_up_to_five_minutes)
{
    uint64_t whole_us = SECOND_US, pause_us;

    for (unsigned i = 0; i < 40; i++) {
        parcel_try(p, 0, SECOND_US);
        pause_us = parcel_put_off(p, 0, SECOND_US);
        cr_assert(pause_us >= whole_us / 2 && pause_us <= whole_us, "try %u", i);
        whole_us = whole_us * 2 > 300 * SECOND_US ? 300 * SECOND_US : whole_us * 2;
    }
}

Test(parcel, pauses_differ)
{
    uint64_t first_us = parcel_pause_us(9, 300 * SECOND_US);
    unsigned same = 0;

    for (unsigned i = 0; i < 20; i++)
        same += parcel_pause_us(9, 300 * SECOND_US) == first_us;
    cr_assert_lt(same, 20);
}

Test(parcel, after_a_day_it_is_given_up)
{
    parcel_try(p, 0, SECOND_US);
    cr_assert_gt(parcel_put_off(p, 0, SECOND_US), 0);
    parcel_try(p, 0, DAY_US + SECOND_US);
    cr_assert_eq(parcel_put_off(p, 0, DAY_US + SECOND_US), 0);
    cr_assert(p->legs[0].over && !p->legs[1].over);
}
