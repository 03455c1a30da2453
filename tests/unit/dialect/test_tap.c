/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/dialect/tap.h"

#include "world.h"

static struct world w;

static void whole(const char *text, enum err wanted, const char *passed)
{
    struct buf body = { 0 };

    begin(&w, ENDPOINT_CHAT);
    buf_put_text(&body, text);
    cr_assert_eq(tap_whole(&w.tap, &body), wanted);
    if (passed)
        expect_str(buf_str(&body), passed);
    buf_deinit(&body);
}

Test(tap, a_plain_answer_changes_in_its_models_name_alone, .timeout = 5)
{
    whole("{ \"x\":0.1, \"model\": \"gpt-4o-2024\" "
          ",\"y\":[1e2,18446744073709551616,\"\\u0041\"]}\n",
          OK,
          "{ \"x\":0.1, \"model\": \"alias\" ,\"y\":[1e2,18446744073709551616,\"\\u0041\"]}\n");
    end(&w);
}

Test(tap, an_error_inside_a_200_is_told_with_its_status, .timeout = 5)
{
    whole("{\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"slow down\"}}",
          ERR_UPSTREAM_IN_BAND, NULL);
    cr_assert_eq(w.tap.answer.error_status, 429);
    cr_assert_str_eq(w.tap.answer.error_text, "slow down");
    cr_assert_not(w.tap.answer.storable);
    end(&w);
}

Test(tap, nothing_and_no_json_are_failures, .timeout = 5)
{
    whole("", ERR_UPSTREAM_EMPTY, NULL);
    end(&w);
    whole("<html>bad gateway</html>", ERR_UPSTREAM_MALFORMED, NULL);
    end(&w);
}

Test(tap, a_character_cut_in_half_passes_and_is_not_kept, .timeout = 5)
{
    whole("{\"model\":\"u\",\"choices\":[{\"message\":{\"content\":\"a\xF0\x9F\"},\"finish_"
          "reason\":"
          "\"stop\"}]}",
          OK,
          "{\"model\":\"alias\",\"choices\":[{\"message\":{\"content\":\"a\xF0\x9F\"},"
          "\"finish_reason\":\"stop\"}]}");
    cr_assert(w.tap.gave_up);
    cr_assert_not(w.tap.answer.storable);
    end(&w);
}

Test(tap, json_deeper_than_the_scanner_goes_passes_and_is_not_kept, .timeout = 5)
{
    char deep[201];

    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    deep[200] = '\0';
    whole(deep, OK, deep);
    cr_assert(w.tap.gave_up);
    cr_assert_not(w.tap.answer.storable);
    end(&w);
}

Test(tap, an_event_too_large_to_read_passes_as_it_is, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    cr_assert_eq(hear(&w, (struct tap_event){ .raw = STR("data: xxxx"), .opaque = true }), OK);
    expect_str(buf_str(&w.seen), "data: xxxx");
    cr_assert_str_eq(w.kinds, "o");
    cr_assert_eq(says(&w, "[DONE]"), OK);
    cr_assert_eq(tap_end(&w.tap), OK);
    cr_assert_not(w.tap.answer.storable);
    end(&w);
}

Test(tap, a_last_event_without_its_blank_line_gets_one, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    cr_assert_eq(delta(&w, "\"content\":\"a\""), OK);
    buf_reset(&w.seen);
    cr_assert_eq(
        hear(&w, (struct tap_event){ .raw = STR("data: [DONE]\n"), .data = STR("[DONE]") }),
        OK);
    expect_str(buf_str(&w.seen), "data: [DONE]\n\n");
    cr_assert_eq(tap_end(&w.tap), OK);
    end(&w);
}

Test(tap, half_an_event_is_not_passed_on, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    cr_assert_eq(delta(&w, "\"content\":\"a\""), OK);
    buf_reset(&w.seen);
    cr_assert_eq(
        hear(&w, (struct tap_event){ .raw = STR("data: {\"cho"), .data = STR("{\"cho") }), OK);
    cr_assert_eq(w.seen.len, 0);
    cr_assert_eq(tap_end(&w.tap), ERR_UPSTREAM_TRUNCATED);
    end(&w);
}

Test(tap, several_data_lines_that_need_a_splice_become_one, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    cr_assert_eq(hear(&w, (struct tap_event){ .raw = STR("data: {\"model\":\ndata: \"u\"}\n\n"),
                                              .data = STR("{\"model\":\n\"u\"}"),
                                              .whole = true }),
                 OK);
    expect_str(buf_str(&w.seen), "data: {\"model\": \"alias\"}\n\n");
    end(&w);
}

Test(tap, several_data_lines_that_need_none_stay, .timeout = 5)
{
    begin(&w, ENDPOINT_CHAT);
    cr_assert_eq(
        hear(&w, (struct tap_event){ .raw = STR("data: {\"model\":\ndata: \"alias\"}\n\n"),
                                     .data = STR("{\"model\":\n\"alias\"}"),
                                     .whole = true }),
        OK);
    expect_str(buf_str(&w.seen), "data: {\"model\":\ndata: \"alias\"}\n\n");
    end(&w);
}

Test(tap, what_an_upstream_calls_itself_is_noted, .timeout = 5)
{
    whole("{\"model\":\"gpt-4o\",\"system_fingerprint\":\"fp_\\u00e9\",\"choices\":[]}", OK,
          NULL);
    cr_assert_str_eq(w.tap.answer.model, "gpt-4o");
    cr_assert_str_eq(w.tap.answer.fingerprint, "fp_\u00e9");
    end(&w);
}

Test(tap, a_long_name_is_cut_between_characters_and_marks_of_control_are_taken_out,
     .timeout = 5)
{
    whole("{\"model\":\"a\\u0000\\n\\u007f\",\"system_fingerprint\":\""
          "123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 "
          "123456789 12345\u00e9\",\"choices\":[]}",
          OK, NULL);
    cr_assert_str_eq(w.tap.answer.model, "a???");
    cr_assert_eq(strlen(w.tap.answer.fingerprint), 95);
    end(&w);
}

Test(tap, what_is_no_string_is_no_name, .timeout = 5)
{
    whole("{\"model\":7,\"system_fingerprint\":{\"a\":1},\"choices\":[]}", OK, NULL);
    cr_assert_str_eq(w.tap.answer.model, "");
    cr_assert_str_eq(w.tap.answer.fingerprint, "");
    end(&w);
}
