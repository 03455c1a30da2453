/* SPDX-License-Identifier: Apache-2.0 */
#include "writer.h"

#include <criterion/criterion.h>
#include <string.h>

/* The head with its date masked, since that is the clock's. */
static const char *head_of(struct writer_head h)
{
    static char out[WRITER_HEAD_BYTES + 1];
    struct writer_date date = { 0 };
    struct str s = writer_head(out, &h, &date);
    char *at;

    out[s.len] = '\0';
    at = strstr(out, "Date: ") + 6;
    cr_assert_eq(strlen(date.text), sizeof("Sun, 06 Nov 1994 08:49:37 GMT") - 1);
    memset(at, '.', strlen(date.text));
    return out;
}

#define DATE "Date: .............................\r\n"

Test(writer, a_length_frames_a_whole_body, .timeout = 5)
{
    cr_assert_str_eq(
        head_of((struct writer_head){ .status = 200, .framing = WRITER_LENGTH, .length = 12 }),
        "HTTP/1.1 200 OK\r\n" DATE "Content-Length: 12\r\n");
}

Test(writer, chunks_frame_a_stream, .timeout = 5)
{
    cr_assert_str_eq(head_of((struct writer_head){ .status = 529,
                                                   .framing = WRITER_CHUNKED,
                                                   .connection = WRITER_CLOSE }),
                     "HTTP/1.1 529 Overloaded\r\n" DATE
                     "Transfer-Encoding: chunked\r\nConnection: close\r\n");
}

Test(writer, nothing_frames_a_body_that_the_close_ends, .timeout = 5)
{
    cr_assert_str_eq(head_of((struct writer_head){ .status = 999,
                                                   .framing = WRITER_TO_CLOSE,
                                                   .connection = WRITER_KEEP_ALIVE }),
                     "HTTP/1.1 999 Other\r\n" DATE "Connection: keep-alive\r\n");
}

Test(writer, the_size_of_a_chunk_is_hexadecimal, .timeout = 5)
{
    char out[WRITER_CHUNK_BYTES];

    cr_assert(str_eq(writer_chunk(out, 255), STR("ff\r\n")));
}

Test(writer, the_date_is_made_once_a_second, .timeout = 5)
{
    char out[WRITER_HEAD_BYTES];
    struct writer_head h = { .status = 200 };
    struct writer_date date = { 0 };
    uint64_t second;

    do {
        (void)writer_head(out, &h, &date);
        second = date.second;
        memset(date.text, 'x', 5);
        (void)writer_head(out, &h, &date);
    } while (date.second != second);
    cr_assert_eq(memcmp(date.text, "xxxxx", 5), 0);
}

Test(writer, some_statuses_have_no_body, .timeout = 5)
{
    cr_assert_not(writer_has_body(204));
    cr_assert_not(writer_has_body(304));
    cr_assert(writer_has_body(200));
}
