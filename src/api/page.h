/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "weir/base/str.h"

/*
 * The admin page: one HTML file with its style, script and chart library in it, made by
 * page/bundle.py when Weir is built.
 *
 * The fields forbid it to load or to talk to anything but the address that it came from.
 */

#define PAGE_FIELDS                                                             \
    "Content-Type: text/html; charset=utf-8\r\n"                                \
    "Cache-Control: no-cache\r\n"                                               \
    "Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; " \
    "style-src 'unsafe-inline'; connect-src 'self'; img-src data:; "            \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"           \
    "X-Content-Type-Options: nosniff\r\n"                                       \
    "Referrer-Policy: no-referrer\r\n"

struct str page_html(void);
