/* SPDX-License-Identifier: Apache-2.0 */
#include "drift_body.h"

#include "weir/base/buf.h"
#include "weir/base/clock.h"
#include "weir/watch/judge.h"

#include <criterion/criterion.h>
#include <string.h>

static struct drift_body body;
static struct fault why;

static void stop(void)
{
    drift_body_deinit(&body);
}

TestSuite(drift_body, .fini = stop, .timeout = 10);

static void takes(enum drift_kind kind, const char *json)
{
    drift_body_deinit(&body);
    cr_assert_eq(drift_body_read(&body, kind, str_of(json), &why), OK, "%s: %s", json,
                 why.text);
}

static void refuses(enum drift_kind kind, const char *json, const char *sentence)
{
    drift_body_deinit(&body);
    cr_assert_eq(drift_body_read(&body, kind, str_of(json), &why), ERR_MALFORMED, "%s", json);
    cr_assert_str_eq(why.text, sentence);
}

Test(drift_body, a_baseline_has_names_a_time_and_a_pin)
{
    takes(DRIFT_BASELINE,
          " \n{\"model\":\"ch\\u0061t\",\"version\":\"v1\",\"prediction\":\"p\","
          "\"segment\":\"plan=pro\",\"from\":5,\"to\":9,\"pin\":true}");
    cr_assert(str_eq(body.model, STR("chat")));
    cr_assert(str_eq(body.version, STR("v1")));
    cr_assert(str_eq(body.prediction, STR("p")));
    cr_assert(str_eq(body.segment, STR("plan=pro")));
    cr_assert_eq(body.from_ms, 5);
    cr_assert_eq(body.to_ms, 9);
    cr_assert(body.pins);
}

Test(drift_body, without_an_end_it_is_until_now)
{
    uint64_t now_ms = clock_wall_ms();

    takes(DRIFT_BASELINE, "{\"model\":\"chat\",\"from\":5,\"pin\":false}");
    cr_assert_geq(body.to_ms, now_ms);
    cr_assert_not(body.pins);
    cr_assert_not(body.version.at);
}

Test(drift_body, null_is_as_if_it_were_not_there)
{
    takes(DRIFT_BASELINE, "{\"model\":\"chat\",\"version\":null,\"counts\":null,\"from\":1}");
    cr_assert_not(body.version.at);
}

Test(drift_body, what_a_baseline_lacks_is_told)
{
    refuses(DRIFT_BASELINE, "{\"from\":1}", "model: say of which one");
    refuses(DRIFT_BASELINE, "{\"model\":\"chat\"}",
            "from: say from when on, in milliseconds since 1970, or give counts");
    refuses(DRIFT_BASELINE, "{\"model\":\"chat\",\"counts\":{},\"from\":1}",
            "from, to: counts are there already; say either the one or the other");
}

Test(drift_body, a_member_of_the_wrong_kind_is_named)
{
    refuses(DRIFT_BASELINE, "{\"model\":5}", "model: expected a text");
    refuses(DRIFT_BASELINE, "{\"model\":\"chat\",\"from\":\"1\"}",
            "from: expected milliseconds since 1970, a whole number");
    refuses(DRIFT_BASELINE, "{\"model\":\"chat\",\"from\":1.5}",
            "from: expected milliseconds since 1970, a whole number");
    refuses(DRIFT_BASELINE, "{\"model\":\"chat\",\"from\":-1}",
            "from: expected milliseconds since 1970, a whole number");
    refuses(DRIFT_BASELINE, "{\"pin\":\"yes\"}", "pin: expected true or false");
    refuses(DRIFT_BASELINE, "{\"counts\":[5]}",
            "counts: expected an object from value to number");
}

Test(drift_body, a_member_that_stands_twice_or_is_unknown_is_named)
{
    refuses(DRIFT_BASELINE, "{\"model\":\"a\",\"model\":\"b\"}", "model: stands twice");
    refuses(DRIFT_BASELINE, "{\"modle\":\"a\"}",
            "there is no member \"modle\" (did you mean \"model\"?)");
    refuses(DRIFT_SILENCE, "{\"until_ms\":5,\"counts\":{}}",
            "there is no member \"counts\": there is model, version, prediction, segment, why, "
            "until_ms");
}

Test(drift_body, a_silence_says_until_when)
{
    takes(DRIFT_SILENCE, "{\"until_ms\":77,\"model\":\"chat\",\"why\":\"a \\\"test\\\"\"}");
    cr_assert_eq(body.until_ms, 77);
    cr_assert(str_eq(body.why, STR("a \"test\"")));
    refuses(DRIFT_SILENCE, "{}",
            "until_ms: say when the silence ends, in milliseconds since 1970");
}

Test(drift_body, texts_are_bounded_with_the_bound_told)
{
    struct buf json = { 0 };

    buf_put_printf(&json, "{\"until_ms\":7,\"why\":\"%0*d\"}", JUDGE_WHY_BYTES, 0);
    buf_put(&json, (struct str){ "", 1 });
    takes(DRIFT_SILENCE, json.at);
    buf_reset(&json);
    buf_put_printf(&json, "{\"until_ms\":7,\"why\":\"%0*d\"}", JUDGE_WHY_BYTES + 1, 0);
    buf_put(&json, (struct str){ "", 1 });
    refuses(DRIFT_SILENCE, json.at, "why: has 501 bytes, and may have 500");
    buf_reset(&json);
    buf_put_printf(&json, "{\"from\":7,\"model\":\"%0*d\"}", JUDGE_NAME_BYTES + 1, 0);
    buf_put(&json, (struct str){ "", 1 });
    refuses(DRIFT_BASELINE, json.at, "model: has 257 bytes, and may have 256");
    buf_deinit(&json);
}

Test(drift_body, a_name_that_is_empty_or_no_text_is_refused)
{
    refuses(DRIFT_SILENCE, "{\"until_ms\":5,\"model\":\"\"}", "model: is empty");
    refuses(DRIFT_BASELINE, "{\"model\":\"chat\",\"version\":\"\",\"from\":1}",
            "version: is empty");
    refuses(DRIFT_SILENCE, "{\"until_ms\":5,\"model\":\"\\ud800\"}",
            "model: has half a surrogate pair");
    refuses(DRIFT_SILENCE, "{\"until_ms\":5,\"why\":\"x\\udc00y\"}",
            "why: has half a surrogate pair");
    takes(DRIFT_SILENCE, "{\"until_ms\":5,\"segment\":\"\",\"why\":\"\"}");
    cr_assert(body.segment.at && body.segment.len == 0, "all answers");
}

Test(drift_body, what_is_no_object_is_refused)
{
    refuses(DRIFT_SILENCE, "[]", "The body is JSON, but no object.");
    cr_assert_eq(drift_body_read(&body, DRIFT_SILENCE, STR("{"), &why), ERR_MALFORMED);
    cr_assert(strstr(why.text, "The body is no JSON: "));
}
