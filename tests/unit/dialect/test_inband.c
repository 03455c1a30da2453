/* SPDX-License-Identifier: Apache-2.0 */
#include "inband.h"

#include "world.h"

static struct answer note(const char *around)
{
    struct answer a = { .error_status = 0 };
    struct scan_member error;

    cr_assert(scan_get(str_of(around), STR("error"), &error));
    inband_note(&a, error.value, str_of(around));
    return a;
}

Test(inband, words_and_numbers_tell_the_status, .timeout = 5)
{
    static const struct {
        const char *around;
        int status;
    } rows[] = {
        { "{\"error\":{\"code\":\"rate_limit_exceeded\",\"type\":\"tokens\"}}", 429 },
        { "{\"error\":{\"code\":\"insufficient_quota\",\"type\":\"insufficient_quota\"}}",
          429 },
        { "{\"error\":{\"type\":\"overloaded_error\"}}", 529 },
        { "{\"error\":{\"code\":503,\"type\":\"unavailable_error\"}}", 503 },
        { "{\"error\":{\"status\":\"UNAVAILABLE\"}}", 503 },
        { "{\"error\":{\"type\":\"invalid_request_error\",\"code\":null}}", 400 },
        { "{\"error\":{\"type\":\"BadRequestError\",\"code\":400}}", 400 },
        { "{\"error\":{\"code\":\"502\"}}", 502 },
        { "{\"error\":\"out of memory\",\"error_type\":\"overloaded\"}", 529 },
        { "{\"error\":{\"type\":\"server_error\"}}", 500 },
        { "{\"error\":true}", 500 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(note(rows[i].around).error_status, rows[i].status, "%s", rows[i].around);
}

Test(inband, the_message_is_kept, .timeout = 5)
{
    cr_assert_str_eq(note("{\"error\":{\"message\":\"wait \\\"here\\\"\"}}").error_text,
                     "wait \"here\"");
    cr_assert_str_eq(note("{\"error\":\"text\"}").error_text, "text");
}

Test(inband, a_long_message_is_cut_between_characters, .timeout = 5)
{
    char text[700] = "{\"error\":\"x";
    struct answer a;

    for (int i = 0; i < 150; i++)
        strncat(text, "\xC3\xA9", 3);
    strncat(text, "\"}", 3);
    a = note(text);
    cr_assert_eq(strlen(a.error_text), 159);
}

Test(inband, truth_is_what_clients_take_for_true, .timeout = 5)
{
    static const char *const no[] = { "null", "false", "0", "0.0", "\"\"" };
    static const char *const yes[] = { "true", "1", "\"x\"", "{}", "[]" };

    for (size_t i = 0; i < 5; i++) {
        cr_expect_not(inband_is_truthy(str_of(no[i])), "%s", no[i]);
        cr_expect(inband_is_truthy(str_of(yes[i])), "%s", yes[i]);
    }
}
