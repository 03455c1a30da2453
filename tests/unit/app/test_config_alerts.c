/* SPDX-License-Identifier: Apache-2.0 */
#include "loaded.h"

/* Who is told of alarms. */

Test(config_alerts, without_any_nobody_is_told, .timeout = 10)
{
    struct loaded l = load(BASE);
    const struct alert_settings *s = &l.config->settings.alerts;

    cr_assert_eq(s->alertmanager_count + s->webhook_count, 0);
    cr_assert(!s->exec && !s->link.at);
    unload(&l);
}

Test(config_alerts, all_kinds_of_receivers_are_read, .timeout = 10)
{
    struct loaded l = load(BASE "alerts:\n"
                                "  alertmanager: [\"http://a:9093\", \"http://b:9093/am\"]\n"
                                "  webhooks: [\"http://c/d\", {url: \"http://e\", secret: f}]\n"
                                "  exec: [true, --model, 7]\n"
                                "  link: \"https://weir.example.com/\"\n");
    const struct alert_settings *s;

    cr_assert_eq(l.err, OK, "%.*s", STR_ARG(buf_str(&l.faults)));
    cr_assert_eq(l.warnings.len, 0, "%.*s", STR_ARG(buf_str(&l.warnings)));
    s = &l.config->settings.alerts;
    cr_assert_eq(s->alertmanager_count, 2);
    cr_assert(str_eq(s->alertmanagers[1], STR("http://b:9093/am")));
    cr_assert_eq(s->webhook_count, 2);
    cr_assert(str_eq(s->webhooks[0].url, STR("http://c/d")) && !s->webhooks[0].key.at);
    cr_assert(str_eq(s->webhooks[1].url, STR("http://e")));
    cr_assert(str_eq(s->webhooks[1].key, STR("f")));
    cr_assert_str_eq(s->exec[0], "true");
    cr_assert_str_eq(s->exec[2], "7");
    cr_assert_null(s->exec[3]);
    cr_assert(str_eq(s->link, STR("https://weir.example.com/")));
    unload(&l);
}

Test(config_alerts, a_secret_behind_its_mark_is_base64, .timeout = 10)
{
    struct loaded l = load(BASE "alerts: {webhooks: [{url: \"http://h\", secret: "
                                "\"whsec_AGZvbw==\"}]}\n");
    const struct alert_settings *s;

    cr_assert_eq(l.err, OK, "%.*s", STR_ARG(buf_str(&l.faults)));
    s = &l.config->settings.alerts;
    cr_assert(str_eq(s->webhooks[0].key, STR("\0foo")));
    unload(&l);
}

Test(config_alerts, one_that_is_not_is_a_fault_that_does_not_show_it, .timeout = 10)
{
    struct loaded l = load(BASE
                           "alerts: {webhooks: [{url: \"http://h\", secret: whsec_tell!}]}\n");

    cr_assert_eq(l.err, ERR_CONFIG);
    cr_assert(has_line(&l.faults, "weir.yaml:6: alerts.webhooks[0].secret: ", "base64"));
    cr_assert_null(memmem(l.faults.at, l.faults.len, "tell!", 5));
    unload(&l);
    expect_fault(BASE "alerts: {webhooks: [{url: \"http://h\", secret: whsec_}]}\n",
                 "6: alerts.webhooks[0].secret: ", "base64");
}

Test(config_alerts, a_program_that_cannot_be_run_is_a_fault, .timeout = 10)
{
    expect_fault(BASE "alerts: {exec: [/nowhere/at/all, a]}\n",
                 "6: alerts.exec[0]: ", "no such program");
    expect_fault(BASE "alerts: {exec: [/tmp]}\n", "6: alerts.exec[0]: ", "no such program");
    expect_good(BASE "alerts: {exec: [looked-for-in-the-path]}\n");
}

Test(config_alerts, what_is_no_receiver_is_a_fault, .timeout = 10)
{
    expect_fault(BASE "alerts: {alertmanager: [nonsense]}\n",
                 "6: alerts.alertmanager[0]: ", "http(s)://");
    expect_fault(BASE "alerts: {alertmanager: http://h}\n", "6: alerts.alertmanager: ", "list");
    expect_fault(BASE "alerts: {webhooks: [{secret: s}]}\n", "6: alerts.webhooks[0]", "url");
    expect_fault(BASE "alerts: {webhooks: [{url: \"http://h\", secrets: s}]}\n",
                 "6: alerts.webhooks[0]", "secret");
    expect_fault(BASE "alerts: {webhooks: [\"ftp://h\"]}\n",
                 "6: alerts.webhooks[0]: ", "http(s)://");
    expect_fault(BASE "alerts: {exec: []}\n", "6: alerts.exec", "");
    expect_fault(BASE "alerts: {link: somewhere}\n", "6: alerts.link: ", "http(s)://");
}

Test(config_alerts, more_than_sixteen_are_too_many, .timeout = 10)
{
    expect_fault(BASE "alerts: {alertmanager: [http://a, http://a, http://a, http://a, "
                      "http://a, http://a, http://a, http://a, http://a, http://a, http://a, "
                      "http://a, http://a, http://a, http://a, http://a, http://a]}\n",
                 "6: alerts.alertmanager: ", "16");
}
