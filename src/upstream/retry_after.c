/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/upstream/retry_after.h"

#include <string.h>
#include <time.h>

/* "2" or "0.5": some upstreams count in fractions. */
static bool read_seconds(struct str text, int64_t *out)
{
    struct str whole = text;
    struct str rest = { NULL, 0 };
    uint64_t seconds, fraction = 0;
    const char *dot = text.len > 0 ? memchr(text.at, '.', text.len) : NULL;

    if (dot) {
        whole = str_cut(text, 0, (size_t)(dot - text.at));
        rest = str_cut(text, whole.len + 1, text.len);
    }
    if (!str_to_u64(whole, &seconds) || seconds >= INT64_MAX)
        return false;
    if (rest.len > 0 && !str_to_u64(rest, &fraction))
        return false;
    *out = (int64_t)seconds + (fraction > 0 ? 1 : 0);
    return true;
}

static bool read_date(struct str text, uint64_t wall_ms, int64_t *out)
{
    char copy[64];
    struct tm tm = { 0 };
    const char *end;
    int64_t now_s = (int64_t)((wall_ms + 999) / 1000);
    int64_t then_s;

    if (text.len == 0 || text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    end = strptime(copy, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    if (!end || *end != '\0')
        return false;
    then_s = (int64_t)timegm(&tm);
    *out = then_s > now_s ? then_s - now_s : 0;
    return true;
}

int64_t retry_after_s(struct str value, struct str ms, uint64_t wall_ms)
{
    uint64_t wait_ms;
    int64_t wait_s;

    value = str_trim(value);
    if (read_seconds(value, &wait_s) || read_date(value, wall_ms, &wait_s))
        return wait_s;
    if (str_to_u64(str_trim(ms), &wait_ms) && wait_ms <= INT64_MAX)
        return (int64_t)(wait_ms / 1000 + (wait_ms % 1000 > 0));
    return -1;
}
