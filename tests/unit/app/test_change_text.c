/* SPDX-License-Identifier: Apache-2.0 */
#include "change_text.h"

#include "alert_text.h"
#include "weir/base/scan.h"

#include <criterion/criterion.h>

enum { AT_MS = 1000 * 1000, ENDS_MS = 2000 * 1000 };

static struct buf page, out;
static struct change change;
static struct alert_scene scene;

static void start(void)
{
    change = (struct change){ .kind = CHANGE_FINGERPRINT,
                              .model = STR("chat"),
                              .version = STR("gpt-4o"),
                              .upstream = STR("openai"),
                              .before = STR("{\"values\":[]}"),
                              .after = STR("null"),
                              .since_ms = AT_MS - 60000,
                              .at_ms = AT_MS,
                              .sentence = STR("system_fingerprint a \u2192 b") };
    change_name(&change, STR("chat:gpt-4o:system_fingerprint"), 1, 0);
    buf_put(&page, STR("{\"changes\":["));
    change_put(&change, &page);
    buf_put(&page, STR("]}"));
    scene = (struct alert_scene){ .alarms = STR("{\"alarms\":[]}"),
                                  .silences = STR("{\"silences\":[]}"),
                                  .changes = buf_str(&page),
                                  .link = STR("http://h/"),
                                  .now_ms = AT_MS + 1 };
}

static void stop(void)
{
    buf_deinit(&page);
    buf_deinit(&out);
}

TestSuite(change_text, .init = start, .fini = stop, .timeout = 10);

#define expect_at(pointer, text)                                                         \
    do {                                                                                 \
        struct scan_member m_;                                                           \
                                                                                         \
        cr_assert(scan_pointer(buf_str(&out), STR(pointer), &m_), pointer " is absent"); \
        cr_assert(scan_text_is(&m_, STR(text)), pointer " is %.*s", STR_ARG(m_.value));  \
    } while (0)

Test(change_text, a_change_is_an_alert_that_ends_after_an_hour)
{
    cr_assert_eq(alert_text_put_alerts(&out, &scene, ENDS_MS), 1);
    cr_assert_eq(scan_check(buf_str(&out), NULL), OK, "%.*s", STR_ARG(buf_str(&out)));
    expect_at("/0/labels/alertname", "WeirModelChanged");
    expect_at("/0/labels/severity", "info");
    expect_at("/0/labels/upstream", "openai");
    expect_at("/0/labels/what", "fingerprint");
    expect_at("/0/annotations/summary", "system_fingerprint a \u2192 b");
    expect_at("/0/startsAt", "1970-01-01T00:16:40.000Z");
    expect_at("/0/endsAt", "1970-01-01T01:16:40.000Z");
}

Test(change_text, after_that_it_is_not_spoken_of)
{
    scene.now_ms = AT_MS + CHANGE_TEXT_STANDS_MS;
    cr_assert_eq(alert_text_put_alerts(&out, &scene, ENDS_MS), 0);
}

Test(change_text, a_silence_of_its_model_or_kind_covers_it)
{
    scene.silences = STR("{\"silences\":[{\"until_ms\":9999999,\"model\":\"chat\","
                         "\"prediction\":\"fingerprint\"}]}");
    cr_assert_eq(alert_text_put_alerts(&out, &scene, ENDS_MS), 0);
    scene.silences = STR("{\"silences\":[{\"until_ms\":9999999,\"prediction\":\"latency\"}]}");
    buf_reset(&out);
    cr_assert_eq(alert_text_put_alerts(&out, &scene, ENDS_MS), 1);
}

Test(change_text, where_no_changes_are_known_none_are_told)
{
    scene.changes = (struct str){ 0 };
    cr_assert_eq(alert_text_put_alerts(&out, &scene, ENDS_MS), 0);
}

Test(change_text, an_event_has_all_of_it)
{
    struct buf json = { 0 };

    change_put(&change, &json);
    change_text_put_event(&out, &change, buf_str(&json), STR("http://h/"));
    buf_deinit(&json);
    cr_assert_eq(scan_check(buf_str(&out), NULL), OK);
    expect_at("/type", "model.changed");
    expect_at("/timestamp", "1970-01-01T00:16:40.000Z");
    expect_at("/link", "http://h/");
    expect_at("/data/kind", "fingerprint");
}
