/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

#include <stdint.h>

/*
 * The head of an answer: status line, Date, framing, the answerer's fields. It is made in a
 * small buffer on the stack, and the fields are passed by in the same writev.
 */

enum { WRITER_HEAD_BYTES = 256, WRITER_CHUNK_BYTES = 24 };

enum writer_framing {
    WRITER_LENGTH, /* Content-Length */
    WRITER_CHUNKED,
    WRITER_TO_CLOSE, /* for HTTP/1.0: the end of the stream ends the body */
    WRITER_NO_BODY   /* 204, 304 */
};

enum writer_connection { WRITER_SILENT, WRITER_CLOSE, WRITER_KEEP_ALIVE };

/* The text of the Date field, made anew once a second. */
struct writer_date {
    uint64_t second;
    char text[32];
};

struct writer_head {
    int status;
    enum writer_framing framing;
    enum writer_connection connection;
    uint64_t length; /* with WRITER_LENGTH */
};

/* Everything up to the answerer's fields and the empty line, which the caller adds. */
struct str writer_head(char out[WRITER_HEAD_BYTES], const struct writer_head *h,
                       struct writer_date *date);
struct str writer_chunk(char out[WRITER_CHUNK_BYTES], size_t len);
bool writer_has_body(int status);
