/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

#include <stdint.h>

/* One request as it was read. All bytes are lent; see conn.h for how long. */

enum { HTTP_FIELDS = 128 };

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OTHER };

struct http_field {
    struct str name; /* as sent */
    struct str value;
};

struct http_request {
    enum http_method method;
    struct str method_text;
    struct str target; /* as sent */
    struct str path;   /* up to '?', as sent */
    struct str query;  /* behind it, absent if there is none */
    const struct http_field *fields;
    size_t field_count;
    struct str body;
    uint64_t began_us; /* when its first byte was read; loop_now_us' clock */
};

/* The value of the first field of that name, in any case; absent if there is none. */
struct str http_request_field(const struct http_request *r, struct str name);
