/* SPDX-License-Identifier: Apache-2.0 */
#include "alert_parts.h"

#include "weir/base/clock.h"
#include "weir/base/scan.h"

void alert_parts_put_member(struct buf *out, const char *name, struct str value)
{
    buf_put_printf(out, "\"%s\":", name);
    scan_put_string(out, value.at ? value : STR(""));
    buf_put(out, STR(","));
}

static void put_time(struct buf *out, const char *name, uint64_t ms)
{
    char text[CLOCK_TEXT];

    clock_text(ms, text);
    buf_put_printf(out, "\"%s\":\"%s\",", name, text);
}

void alert_parts_end_alert(struct buf *out, uint64_t starts_ms, uint64_t ends_ms,
                           struct str link)
{
    put_time(out, "startsAt", starts_ms);
    put_time(out, "endsAt", ends_ms);
    buf_put(out, STR("\"generatorURL\":"));
    scan_put_string(out, link);
    buf_put(out, STR("}"));
}

void alert_parts_end_event(struct buf *out, uint64_t at_ms, struct str link, struct str data)
{
    put_time(out, "timestamp", at_ms);
    alert_parts_put_member(out, "link", link);
    buf_put(out, STR("\"data\":"));
    buf_put(out, data);
    buf_put(out, STR("}"));
}
