/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static int lines_fd;

/* Standard error becomes a file in memory, which the test reads back. */
static void listen_to(enum log_format format)
{
    lines_fd = memfd_create("log", 0);
    cr_assert_geq(lines_fd, 0);
    cr_assert_geq(dup2(lines_fd, STDERR_FILENO), 0);
    log_setup(format, LOG_INFO);
}

static char *heard(void)
{
    static char text[1 << 21];
    ssize_t len;

    log_flush();
    len = pread(lines_fd, text, sizeof(text) - 1, 0);
    cr_assert_geq(len, 0);
    text[len] = '\0';
    return text;
}

static json_t *heard_json(void)
{
    json_t *root = json_loads(heard(), 0, NULL);

    cr_assert_not_null(root, "not one JSON value: %s", heard());
    return root;
}

static const char *text_of(json_t *root, const char *name)
{
    return json_string_value(json_object_get(root, name));
}

Test(log, a_line_begins_with_time_level_and_event, .timeout = 5)
{
    listen_to(LOG_JSON);
    log_info("exchange_end", F_U64("tries", 2));
    cr_assert_eq(strncmp(heard(), "{\"ts\":\"20", 9), 0);
    cr_assert_not_null(
        strstr(heard(), "Z\",\"level\":\"info\",\"event\":\"exchange_end\",\"tries\":2}\n"));
}

Test(log, every_kind_of_field_is_valid_json, .timeout = 5)
{
    json_t *root;

    listen_to(LOG_JSON);
    log_info("kinds", F_TEXT("text", "plain"), F_I64("less", -5), F_MS("took_ms", 1234),
             F_BOOL("yes", true), F_ERR(ERR_DEADLINE), F_STR("absent", str_of(NULL)));
    root = heard_json();
    cr_assert_str_eq(text_of(root, "text"), "plain");
    cr_assert_eq(json_integer_value(json_object_get(root, "less")), -5);
    cr_assert_float_eq(json_real_value(json_object_get(root, "took_ms")), 1.234, 1e-9);
    cr_assert(json_is_true(json_object_get(root, "yes")));
    cr_assert_str_eq(text_of(root, "err"), "ERR_DEADLINE");
    cr_assert_null(json_object_get(root, "absent"));
    json_decref(root);
}

Test(log, any_bytes_are_safe_in_json, .timeout = 5)
{
    char all[256];
    json_t *root;

    for (int i = 0; i < 256; i++)
        all[i] = (char)(255 - i);
    listen_to(LOG_JSON);
    log_info("bytes", F_STR("all", ((struct str){ all, sizeof(all) })),
             F_TEXT("text", "\"\\\n\x7F\xC2\x85\xC3\xA4\xFF"));
    root = json_loads(heard(), JSON_ALLOW_NUL, NULL);
    cr_assert_not_null(root);
    cr_assert_str_eq(text_of(root, "text"), "\"\\\n\x7F\xC2\x85\xC3\xA4\xEF\xBF\xBD");
    cr_assert_null(strstr(heard(), "\xC2\x85"), "a terminal would obey it");
    json_decref(root);
}

Test(log, logfmt_quotes_only_what_needs_it, .timeout = 5)
{
    listen_to(LOG_LOGFMT);
    log_info("start", F_TEXT("a", "plain"), F_TEXT("b", "two words"), F_TEXT("c", ""),
             F_TEXT("d", "x=\"1\"\n"), F_BOOL("e", false));
    cr_assert_not_null(strstr(heard(), " level=info event=start a=plain b=\"two words\" c=\"\" "
                                       "d=\"x=\\\"1\\\"\\u000a\" e=false\n"),
                       "%s", heard());
    cr_assert_eq(strncmp(heard(), "ts=20", 5), 0);
}

Test(log, lines_wait_for_the_flush_but_warnings_do_not, .timeout = 5)
{
    char c;

    listen_to(LOG_JSON);
    log_info("quiet", F_BOOL("x", true));
    cr_assert_eq(pread(lines_fd, &c, 1, 0), 0);
    log_warn("loud", F_BOOL("x", true));
    cr_assert_eq(pread(lines_fd, &c, 1, 0), 1);
    cr_assert_lt(strstr(heard(), "quiet"), strstr(heard(), "loud"));
}

Test(log, what_is_below_the_level_is_not_written, .timeout = 5)
{
    listen_to(LOG_JSON);
    log_debug("detail", F_BOOL("x", true));
    cr_assert_str_eq(heard(), "");
}

static void check_over_long(enum log_format format)
{
    size_t size = 100000;
    char *text = malloc(size);

    memset(text, '"', size);
    listen_to(format);
    log_info("before", F_BOOL("x", true));
    log_info("long", F_STR("text", ((struct str){ text, size })), F_TEXT("more", "y"));
    log_info("after", F_BOOL("x", true));
    free(text);
}

Test(log, an_over_long_line_is_cut_and_still_valid, .timeout = 5)
{
    char *at, *end;
    int lines = 0;

    check_over_long(LOG_JSON);
    for (at = heard(); *at; at = end + 1, lines++) {
        json_t *root;

        end = strchr(at, '\n');
        cr_assert_not_null(end);
        root = json_loadb(at, (size_t)(end - at), 0, NULL);
        cr_assert_not_null(root, "line %d", lines);
        if (lines == 1) {
            cr_assert(json_is_true(json_object_get(root, "cut")));
            cr_assert_gt(strlen(text_of(root, "text")), 8000);
        }
        json_decref(root);
    }
    cr_assert_eq(lines, 3);
}

Test(log, an_over_long_logfmt_line_ends_in_cut, .timeout = 5)
{
    check_over_long(LOG_LOGFMT);
    cr_assert_not_null(strstr(heard(), "\" cut=true\nts="));
}

/* Texts of every length near the end of the buffer, so that each way of not fitting is met. */
Test(log, every_line_is_valid_wherever_the_buffer_ends, .timeout = 20)
{
    static char text[17000];
    int lines = 0;
    char *at, *end;

    memset(text, 'a', sizeof(text));
    listen_to(LOG_JSON);
    for (size_t len = 16100; len < 16360; len += 4)
        log_info("edge", F_STR("text", ((struct str){ text, len })), F_U64("n", 1234567),
                 F_TEXT("m", "\x01\x02"));
    for (at = heard(); *at; at = end + 1, lines++) {
        json_t *root;

        end = strchr(at, '\n');
        cr_assert_not_null(end);
        root = json_loadb(at, (size_t)(end - at), 0, NULL);
        cr_assert_not_null(root, "line %d", lines);
        json_decref(root);
    }
    cr_assert_eq(lines, 65);
}

static void *read_all(void *out)
{
    char *text = out;
    size_t len = 0;
    ssize_t n;

    while ((n = read(lines_fd, text + len, (1 << 20) - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    return NULL;
}

Test(log, a_pipe_that_is_full_loses_nothing, .timeout = 10)
{
    static char text[1 << 20];
    pthread_t reader;
    int ends[2], lines = 0;

    cr_assert_eq(pipe2(ends, 0), 0);
    cr_assert_geq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    lines_fd = ends[0];
    cr_assert_geq(dup2(ends[1], STDERR_FILENO), 0);
    cr_assert_eq(close(ends[1]), 0);
    cr_assert_eq(pthread_create(&reader, NULL, read_all, text), 0);
    log_setup(LOG_JSON, LOG_INFO);
    for (int i = 0; i < 5000; i++)
        log_info("one_of_many", F_TEXT("text", "some words that take their room in the pipe"));
    log_flush();
    cr_assert_eq(close(STDERR_FILENO), 0);
    cr_assert_eq(pthread_join(reader, NULL), 0);
    for (char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    cr_assert_eq(lines, 5000);
}
