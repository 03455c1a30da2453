/* SPDX-License-Identifier: Apache-2.0 */
#include "prescan.h"

#include <criterion/criterion.h>

static enum prescan_verdict scan(struct str head, size_t step, size_t *used)
{
    enum prescan_verdict verdict = PRESCAN_MORE;
    struct prescan p;
    size_t at = 0;

    prescan_init(&p);
    while (verdict == PRESCAN_MORE && at < head.len) {
        size_t n = step < head.len - at ? step : head.len - at;
        size_t taken;

        verdict = prescan_feed(&p, str_cut(head, at, at + n), &taken);
        at += taken;
    }
    *used = at;
    return verdict;
}

/* The same verdict at the same byte, however the head is cut. */
static enum prescan_verdict scan_all_ways(struct str head, size_t *used)
{
    enum prescan_verdict whole = scan(head, head.len, used);

    for (size_t step = 1; step < 9; step++) {
        size_t at;

        cr_assert_eq(scan(head, step, &at), whole);
        cr_assert_eq(at, *used);
    }
    return whole;
}

static enum prescan_verdict verdict_on(struct str head)
{
    size_t used;

    return scan_all_ways(head, &used);
}

Test(prescan, finds_the_end_of_the_head_and_leaves_the_body_alone, .timeout = 5)
{
    size_t used;

    cr_assert_eq(scan_all_ways(STR("POST / HTTP/1.1\r\nHost: a\r\n\r\n\n \r\0x"), &used),
                 PRESCAN_END);
    cr_assert_eq(used, sizeof("POST / HTTP/1.1\r\nHost: a\r\n\r\n") - 1);
}

Test(prescan, forgives_empty_lines_before_the_request_line, .timeout = 5)
{
    cr_assert_eq(verdict_on(STR("\r\n\r\nGET / HTTP/1.1\r\n\r\n")), PRESCAN_END);
}

Test(prescan, refuses_a_folded_line, .timeout = 5)
{
    cr_assert_eq(verdict_on(STR("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n")), PRESCAN_BAD);
    cr_assert_eq(verdict_on(STR("GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n")), PRESCAN_BAD);
}

Test(prescan, refuses_white_space_before_the_first_field, .timeout = 5)
{
    cr_assert_eq(verdict_on(STR("GET / HTTP/1.1\r\n A: b\r\n\r\n")), PRESCAN_BAD);
}

Test(prescan, refuses_a_carriage_return_on_its_own, .timeout = 5)
{
    cr_assert_eq(verdict_on(STR("GET / HTTP/1.1\r\nA:\rB: c\r\n\r\n")), PRESCAN_BAD);
    cr_assert_eq(verdict_on(STR("GET / HTTP/1.1\r\nA: b\r\n\rX")), PRESCAN_BAD);
}

Test(prescan, refuses_a_line_feed_on_its_own, .timeout = 5)
{
    cr_assert_eq(verdict_on(STR("GET / HTTP/1.1\nHost: a\n\n")), PRESCAN_BAD);
}

Test(prescan, refuses_nul, .timeout = 5)
{
    cr_assert_eq(verdict_on(STR("GET / HTTP/1.1\r\nA: \0\r\n\r\n")), PRESCAN_BAD);
}

Test(prescan, refuses_a_field_without_a_name, .timeout = 5)
{
    cr_assert_eq(verdict_on(STR("GET / HTTP/1.1\r\n: a\r\n\r\n")), PRESCAN_BAD);
}

Test(prescan, gives_up_after_64_kibibytes, .timeout = 5)
{
    static char head[PRESCAN_HEAD_BYTES + 10];
    size_t used;

    for (size_t i = 0; i < sizeof(head); i++)
        head[i] = 'x';
    cr_assert_eq(scan((struct str){ head, sizeof(head) }, 1000, &used), PRESCAN_TOO_LONG);
    cr_assert_eq(used, PRESCAN_HEAD_BYTES);
}
