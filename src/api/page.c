/* SPDX-License-Identifier: Apache-2.0 */
#include "page.h"

#include "page_bytes.h"

struct str page_html(void)
{
    return (struct str){ (const char *)page, sizeof(page) };
}

struct str page_fields(void)
{
    return STR("Content-Type: text/html; charset=utf-8\r\n"
               "Cache-Control: no-cache\r\n"
               "Content-Security-Policy: default-src 'none'; script-src " PAGE_SCRIPTS
               "; style-src " PAGE_STYLES "; connect-src 'self'; img-src data:; "
               "base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
               "X-Content-Type-Options: nosniff\r\n"
               "Referrer-Policy: no-referrer\r\n");
}
