/* SPDX-License-Identifier: Apache-2.0 */
#include "alert_text.h"

#include "alarm.h"
#include "weir/base/scan.h"

enum { NOW_MS = 1070 * 1000, LONG_PAST_MS = FIRED_MS + ALERT_TEXT_HOLDS_MS };

#define ENDS_MS (UINT64_C(1700000000) * 1000)

static struct buf page, out;
static struct alert_scene scene;

static void start(void)
{
    scene = (struct alert_scene){ .silences = STR("{\"silences\":[]}"),
                                  .link = STR("http://127.0.0.1:8081/"),
                                  .now_ms = NOW_MS };
}

static void stop(void)
{
    buf_deinit(&page);
    buf_deinit(&out);
}

TestSuite(alert_text, .init = start, .fini = stop, .timeout = 10);

static size_t alerts_of(enum alarm_state state)
{
    size_t count;

    page = alarm_page(state);
    scene.alarms = buf_str(&page);
    count = alert_text_put_alerts(&out, &scene, ENDS_MS);
    cr_assert_eq(scan_check(buf_str(&out), NULL), OK, "%.*s", STR_ARG(buf_str(&out)));
    return count;
}

#define expect_at(pointer, text)                                                         \
    do {                                                                                 \
        struct scan_member m_;                                                           \
                                                                                         \
        cr_assert(scan_pointer(buf_str(&out), STR(pointer), &m_), pointer " is absent"); \
        cr_assert(scan_text_is(&m_, STR(text)), pointer " is %.*s", STR_ARG(m_.value));  \
    } while (0)

Test(alert_text, an_alarm_is_an_alert_with_all_that_names_it)
{
    cr_assert_eq(alerts_of(ALARM_ACKNOWLEDGED), 1);
    expect_at("/0/labels/alertname", "WeirDrift");
    expect_at("/0/labels/severity", "confirmed");
    expect_at("/0/labels/model", "chat");
    expect_at("/0/labels/version", "qwen \"2.5\"");
    expect_at("/0/labels/prediction", "intent");
    expect_at("/0/labels/segment", "plan=pro");
    expect_at("/0/labels/alarm", ALARM_NAME);
    expect_at("/0/annotations/summary", "intent=refund 4.5 % \u2192 20.3 %");
    expect_at("/0/annotations/score", "1.23");
    expect_at("/0/annotations/runbook_url", "docs/alerts.md#weirdrift");
    expect_at("/0/startsAt", "1970-01-01T00:16:40.000Z");
    expect_at("/0/endsAt", "2023-11-14T22:13:20.000Z");
    expect_at("/0/generatorURL", "http://127.0.0.1:8081/");
}

Test(alert_text, its_description_names_the_three_that_moved_most)
{
    cr_assert_eq(alerts_of(ALARM_ACKNOWLEDGED), 1);
    expect_at(
        "/0/annotations/description",
        "Since 1970-01-01T00:15:00.000Z, intent of chat (version qwen \"2.5\", segment "
        "plan=pro) is not what it was in baseline fedcba9876543210, by 800 answers. Moved "
        "most: refund 4.5 % \u2192 20.3 %; say \"hi\" 50.0 % \u2192 40.0 %; c 10.0 % \u2192 "
        "0.0 %.");
}

Test(alert_text, a_suspicion_is_one_of_another_severity)
{
    cr_assert_eq(alerts_of(ALARM_PENDING), 1);
    expect_at("/0/labels/severity", "suspected");
    expect_at("/0/endsAt", "2023-11-14T22:13:20.000Z");
}

Test(alert_text, what_is_confirmed_ends_what_was_suspected)
{
    cr_assert_eq(alerts_of(ALARM_FIRING), 2);
    expect_at("/0/labels/severity", "confirmed");
    expect_at("/0/endsAt", "2023-11-14T22:13:20.000Z");
    expect_at("/1/labels/severity", "suspected");
    expect_at("/1/endsAt", "1970-01-01T00:17:40.000Z");
}

Test(alert_text, what_was_confirmed_long_ago_stands_alone)
{
    scene.now_ms = LONG_PAST_MS;
    cr_assert_eq(alerts_of(ALARM_FIRING), 1);
    expect_at("/0/labels/severity", "confirmed");
}

Test(alert_text, what_is_over_is_said_with_its_end_while_a_push_may_hold)
{
    cr_assert_eq(alerts_of(ALARM_RESOLVED), 1);
    expect_at("/0/labels/severity", "confirmed");
    expect_at("/0/endsAt", "1970-01-01T00:17:40.000Z");
    stop();
    scene.now_ms = LONG_PAST_MS;
    cr_assert_eq(alerts_of(ALARM_RESOLVED), 0);
}

Test(alert_text, without_alarms_there_is_an_empty_list)
{
    scene.alarms = STR("{\"alarms\":[]}");
    cr_assert_eq(alert_text_put_alerts(&out, &scene, ENDS_MS), 0);
    cr_assert(str_eq(str_trim(buf_str(&out)), STR("[]\n")));
}

Test(alert_text, what_is_silenced_is_left_out)
{
    scene.silences = STR("{\"silences\":[{\"id\":\"a\",\"until_ms\":5000000}]}");
    cr_assert_eq(alerts_of(ALARM_FIRING), 0);
}

static bool is_silenced(const char *silence)
{
    struct alarm *a = make_alarm(ALARM_FIRING);
    bool silenced;

    buf_reset(&page);
    buf_put_printf(&page, "{\"silences\":[%s]}", silence);
    scene.silences = buf_str(&page);
    silenced = alert_text_is_silenced(a, &scene);
    alarm_free(a);
    return silenced;
}

Test(alert_text, a_silence_covers_what_all_its_matchers_fit)
{
    cr_assert(is_silenced("{\"until_ms\":1070001,\"model\":\"chat\",\"why\":\"x\"}"));
    cr_assert(is_silenced("{\"until_ms\":1070001,\"version\":\"qwen \\\"2.5\\\"\","
                          "\"prediction\":\"intent\",\"segment\":\"plan=pro\"}"));
    cr_assert_not(is_silenced("{\"until_ms\":1070001,\"model\":\"chat\",\"segment\":\"\"}"));
    cr_assert_not(is_silenced("{\"until_ms\":1070001,\"model\":\"cha\"}"));
}

Test(alert_text, one_of_several_is_enough_and_one_that_is_over_is_none)
{
    cr_assert_not(is_silenced("{\"until_ms\":1070000}"));
    cr_assert_not(is_silenced("{\"model\":\"chat\"}"));
    cr_assert(is_silenced("{\"until_ms\":1},{\"until_ms\":9999999,\"prediction\":\"intent\"}"));
}

Test(alert_text, an_event_holds_the_alarm_as_the_judge_says_it)
{
    struct alarm *a = make_alarm(ALARM_FIRING);
    struct scan_member data;

    page = alarm_json(ALARM_FIRING);
    alert_text_put_event(&out, a, buf_str(&page), STR("http://h/"));
    alarm_free(a);
    cr_assert_eq(scan_check(buf_str(&out), NULL), OK);
    expect_at("/type", "drift.firing");
    expect_at("/timestamp", "1970-01-01T00:17:40.000Z");
    expect_at("/link", "http://h/");
    expect_at("/data/state", "firing");
    cr_assert(scan_get(buf_str(&out), STR("data"), &data));
    cr_assert(str_eq(data.value, buf_str(&page)));
}

/* As Python's hmac makes it. */
Test(alert_text, a_signature_is_of_the_id_the_time_and_the_body)
{
    alert_text_put_signature(&out, STR("tell-nobody"), STR("msg_1"), 1674087231,
                             STR("{\"test\": 2432232314}"));
    cr_assert(str_eq(buf_str(&out), STR("v1,XbPpCHOHGvkUB/Iy0hc6ckSa6VAoBFqmuefH+10J4oY=")),
              "%.*s", STR_ARG(buf_str(&out)));
}
