/* SPDX-License-Identifier: Apache-2.0 */

/* Header lines byte by byte; that an exchange's answers carry them is seen in test_infer.c. */

#include "reply.h"
#include "world.h"

TestSuite(reply, .init = world_start, .fini = world_stop, .timeout = 20);

static const struct reply_to asker = { CALLER_OPENAI, "id-1" };

static void answer(struct reply r)
{
    conn_reset();
    r.status = 200;
    reply_answer(&world.api, &conn, asker, &r, STR("body"));
}

static size_t lines_that_begin(const char *start)
{
    struct str rest = buf_str(&conn.fields), line;
    size_t count = 0;

    while (str_split(&rest, '\n', &line))
        count += str_starts(line, str_of(start));
    return count;
}

Test(reply, an_answer_that_says_nothing_still_has_its_promised_lines)
{
    answer((struct reply){ .word = WORD_MISS });
    cr_assert(
        str_eq(buf_str(&conn.fields), STR("x-request-id: id-1\r\n"
                                          "Cache-Status: weir; fwd=miss\r\n"
                                          "x-weir-cache: miss\r\n"
                                          "x-weir-attempts: 0\r\n"
                                          "Server-Timing: queue;dur=0.000, cache;dur=0.000, "
                                          "upstream;dur=0.000, total;dur=0.000\r\n")),
        "%.*s", STR_ARG(buf_str(&conn.fields)));
    cr_assert(str_eq(buf_str(&conn.body), STR("body")));
}

Test(reply, the_headers_of_the_last_answer_do_not_come_again)
{
    answer((struct reply){ .word = WORD_HIT, .headers = STR("a: 1\r\n") });
    answer((struct reply){ .word = WORD_BYPASS, .stored = true });
    cr_assert_not(says(&conn.fields, "a: 1"));
    cr_assert_eq(lines_that_begin("Cache-Status: "), 1);
    cr_assert(says(&conn.fields, "Cache-Status: weir; fwd=bypass; stored\r\n"));
    cr_assert_eq(lines_that_begin("Age: "), 0);
}

Test(reply, seconds_are_rounded_down_so_that_stale_by_a_moment_shows)
{
    answer((struct reply){ .word = WORD_HIT, .ttl_ms = 999, .age_ms = 999 });
    cr_assert(says(&conn.fields, "; ttl=0; "));
    cr_assert(says(&conn.fields, "\r\nAge: 0\r\n"));
    answer((struct reply){ .word = WORD_STALE, .ttl_ms = -1, .age_ms = 1000 });
    cr_assert(says(&conn.fields, "; ttl=-1; "));
    cr_assert(says(&conn.fields, "\r\nAge: 1\r\n"));
    answer((struct reply){ .word = WORD_STALE, .ttl_ms = -1001 });
    cr_assert(says(&conn.fields, "; ttl=-2; "));
    answer((struct reply){ .word = WORD_STALE, .ttl_ms = INT64_MIN + 1, .age_ms = INT64_MAX });
    cr_assert(says(&conn.fields, "; ttl=-9223372036854776; "));
    cr_assert(says(&conn.fields, "\r\nAge: 9223372036854775\r\n"));
}

Test(reply, only_what_is_stale_is_degraded)
{
    for (enum cache_word w = WORD_HIT; w <= WORD_BYPASS; w++) {
        answer((struct reply){ .word = w,
                               .degraded = w == WORD_STALE ? DEGRADED_STALE : DEGRADED_NOT });
        cr_assert_eq(lines_that_begin("x-weir-degraded: stale\r"), w == WORD_STALE, "word %d",
                     (int)w);
        cr_assert_eq(lines_that_begin("Age: "), w == WORD_HIT || w == WORD_STALE);
        cr_assert_eq(lines_that_begin("x-weir-cache: "), 1);
    }
}

Test(reply, who_was_not_asked_is_not_named)
{
    answer((struct reply){ .word = WORD_MISS, .upstream_model = STR("m-1") });
    cr_assert_eq(lines_that_begin("x-weir-upstream: "), 0);
    cr_assert_eq(lines_that_begin("x-weir-model: "), 0);
    answer((struct reply){ .word = WORD_MISS, .upstream = STR("one") });
    cr_assert(says(&conn.fields, "x-weir-upstream: one\r\nx-weir-model: \r\n"));
}

Test(reply, a_stream_has_its_own_type_whatever_was_kept)
{
    const struct reply r = { .status = 200,
                             .word = WORD_HIT,
                             .content_type = STR("application/json") };

    reply_begin(&world.api, &conn, asker, &r);
    cr_assert_eq(conn.begun, 1);
    cr_assert_eq(lines_that_begin("Content-Type: "), 1);
    cr_assert(says(&conn.fields, "Content-Type: text/event-stream\r\n"));
    cr_assert(says(&conn.fields, "Cache-Control: no-cache\r\nX-Accel-Buffering: no\r\n"));
}

Test(reply, a_refusal_without_an_exchange_has_no_story)
{
    struct problem p;

    problem_say(&p, CALLER_OPENAI, 404, "not_found", "no such path");
    reply_refuse(&world.api, &conn, asker, NULL, &p);
    cr_assert_eq(conn.status, 404);
    cr_assert(says(&conn.fields, "x-request-id: id-1\r\n"));
    cr_assert_eq(lines_that_begin("Cache-Status: ") + lines_that_begin("x-weir-"), 0);
    cr_assert(says(&conn.body, "no such path"));
    problem_deinit(&p);
}

Test(reply, a_refusal_of_an_exchange_tells_its_attempts_and_its_own_type)
{
    const struct reply r = { .word = WORD_MISS,
                             .attempts = UINT32_MAX,
                             .content_type = STR("text/html"),
                             .upstream = STR("one"),
                             .upstream_model = STR("m-1") };
    const struct failure why = { .err = ERR_UPSTREAM_SILENT, .retry_after_s = -1 };
    struct problem p;

    problem_of(&p, CALLER_PLAIN, &why);
    reply_refuse(&world.api, &conn, asker, &r, &p);
    cr_assert_eq(conn.status, p.status);
    cr_assert(says(&conn.fields, "x-weir-attempts: 4294967295\r\n"));
    cr_assert(says(&conn.fields, "x-weir-upstream: one\r\n"));
    cr_assert_eq(lines_that_begin("Content-Type: "), 1);
    cr_assert(says(&conn.fields, "Content-Type: application/problem+json\r\n"));
    problem_deinit(&p);
}

Test(reply, an_anthropic_client_finds_the_requests_name_where_it_looks_for_it)
{
    const struct failure why = { .err = ERR_QUEUE_FULL, .retry_after_s = -1 };
    struct problem p;

    problem_of(&p, CALLER_ANTHROPIC, &why);
    reply_refuse(&world.api, &conn, (struct reply_to){ CALLER_ANTHROPIC, "id-1" }, NULL, &p);
    cr_assert(says(&conn.fields, "\r\nx-request-id: id-1\r\nrequest-id: id-1\r\n"));
    cr_assert(says(&conn.body, "},\"request_id\":\"id-1\"}"));
    problem_deinit(&p);
}
