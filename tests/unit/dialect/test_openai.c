/* SPDX-License-Identifier: Apache-2.0 */

/* Events before they are read as chunks or as those of Responses, and how streams may end. */

#include "world.h"

static struct world w;

static void start(void)
{
    begin(&w, ENDPOINT_CHAT);
}

static void stop(void)
{
    end(&w);
}

TestSuite(openai, .init = start, .fini = stop, .timeout = 5);

Test(openai, an_event_without_data_is_silent_and_passes)
{
    cr_assert_eq(hear(&w, (struct tap_event){ .raw = STR(": ping\n\n"), .whole = true }), OK);
    cr_assert_eq(
        hear(&w, (struct tap_event){ .raw = STR("data:\n\n"), .data = STR(""), .whole = true }),
        OK);
    cr_assert_str_eq(w.kinds, "ss");
    expect_str(buf_str(&w.seen), ": ping\n\ndata:\n\n");
}

Test(openai, a_value_that_is_no_object_is_not_read)
{
    static const char *const values[] = { "[]", "\"text\"", "7", "null", "true", "{", "{}x" };

    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        cr_assert_eq(says(&w, values[i]), ERR_UPSTREAM_MALFORMED, "%s", values[i]);
    cr_assert(w.tap.gave_up);
}

Test(openai, what_cannot_be_read_passes_behind_content)
{
    cr_assert_eq(delta(&w, "\"content\":\"a\""), OK);
    cr_assert_eq(says(&w, "[]"), OK);
    cr_assert_str_eq(w.kinds, "cc");
    cr_assert(str_ends(buf_str(&w.seen), STR("data: []\n\n")));
}

Test(openai, errors_that_say_nothing_are_none)
{
    static const char *const values[] = { "null", "false", "\"\"", "0" };

    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        char data[64];

        (void)snprintf(data, sizeof(data), "{\"error\":%s,\"choices\":[]}", values[i]);
        cr_assert_eq(says(&w, data), OK, "%s", values[i]);
    }
    cr_assert_not(w.tap.failed);
}

Test(openai, an_error_event_may_be_a_mere_text)
{
    cr_assert_eq(says_named(&w, "error", "out of memory"), ERR_UPSTREAM_IN_BAND);
    cr_assert_str_eq(w.kinds, "e");
    cr_assert_geq(w.tap.answer.error_status, 400);
    cr_assert_eq(tap_end(&w.tap), ERR_UPSTREAM_IN_BAND);
}

Test(openai, an_error_after_all_content_still_fails_the_whole)
{
    cr_assert_eq(delta(&w, "\"content\":\"a\""), OK);
    cr_assert_eq(finishes(&w, "stop"), OK);
    cr_assert_eq(says(&w, "{\"error\":{\"message\":\"late\"}}"), ERR_UPSTREAM_IN_BAND);
    cr_assert_eq(says(&w, "[DONE]"), OK);
    cr_assert_eq(tap_end(&w.tap), ERR_UPSTREAM_IN_BAND);
    cr_assert_not(w.tap.answer.storable);
}

Test(openai, a_stream_that_only_says_done_is_empty)
{
    cr_assert_eq(says(&w, "[DONE]"), OK);
    cr_assert_str_eq(w.kinds, "d");
    cr_assert_eq(tap_end(&w.tap), ERR_UPSTREAM_EMPTY);
}

Test(openai, done_does_not_end_a_response)
{
    end(&w);
    begin(&w, ENDPOINT_RESPONSES);
    cr_assert_eq(says(&w, "{\"type\":\"response.output_text.delta\",\"delta\":\"a\"}"), OK);
    cr_assert_eq(says(&w, "[DONE]"), OK);
    cr_assert_eq(tap_end(&w.tap), ERR_UPSTREAM_TRUNCATED);
}

Test(openai, every_endpoint_that_it_serves_begins_with_a_slash_and_predictions_have_none)
{
    const struct dialect *d = dialect_named(STR("openai"));

    cr_assert(d->names_model);
    for (int e = 0; e < ENDPOINT_PREDICT; e++)
        cr_assert(d->paths[e] && d->paths[e][0] == '/', "endpoint %d", e);
    cr_assert_null(d->paths[ENDPOINT_PREDICT]);
}
