/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/watch/alarm.h"

#include <criterion/criterion.h>
#include <string.h>

/* An alarm as tests of its telling have it: raised at 1,000 s, firing since 1,060 s. */

enum { RAISED_MS = 1000 * 1000, FIRED_MS = 1060 * 1000 };

#define ALARM_NAME "0123456789abcdef"

static inline struct alarm *make_alarm(enum alarm_state state)
{
    static const struct tick_histogram of = { .model = { "chat", 4 },
                                              .version = { "qwen \"2.5\"", 10 },
                                              .prediction = { "intent", 6 },
                                              .segment = { "plan=pro", 8 } };
    struct alarm *a = alarm_new(&of);

    memcpy(a->id, ALARM_NAME, sizeof(ALARM_NAME));
    memcpy(a->baseline, "fedcba9876543210", sizeof(a->baseline));
    a->state = state;
    a->confirmed = state != ALARM_PENDING;
    a->began_ms = 900 * 1000;
    a->since_ms = RAISED_MS;
    a->updated_ms = FIRED_MS;
    a->score = 1.2345;
    a->sentence = STR("intent=refund 4.5 % \u2192 20.3 %");
    a->evidence = STR("{\"n\":800,\"moved\":["
                      "{\"value\":\"refund\",\"before\":0.045,\"after\":0.203},"
                      "{\"value\":\"say \\\"hi\\\"\",\"before\":0.5,\"after\":0.4},"
                      "{\"value\":\"c\",\"before\":0.1,\"after\":0},"
                      "{\"value\":\"d\",\"before\":0.1,\"after\":0.2}]}");
    return a;
}

/* Its JSON alone, or as a page of the judge. */
static inline struct buf alarm_json(enum alarm_state state)
{
    struct alarm *a = make_alarm(state);
    struct buf json = { 0 };

    alarm_put(a, &json);
    alarm_free(a);
    return json;
}

static inline struct buf alarm_page(enum alarm_state state)
{
    struct buf json = alarm_json(state), page = { 0 };

    buf_put(&page, STR("{\"alarms\":[\n"));
    buf_put(&page, buf_str(&json));
    buf_put(&page, STR("]}\n"));
    buf_deinit(&json);
    return page;
}
