/* SPDX-License-Identifier: Apache-2.0 */
#include "page.h"

#include "page_bytes.h"

struct str page_html(void)
{
    return (struct str){ (const char *)page, sizeof(page) };
}
