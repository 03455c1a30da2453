/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/upstream/retry_after.h"

#include <string.h>
#include <time.h>

enum { MOST_MS = RETRY_AFTER_MOST_MS, FINEST = 1000 * 1000 }; /* parts of a unit */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads digits from *at on; what is above `most` is `most`. False: there are none. */
static bool read_digits(struct str text, size_t *at, int64_t most, int64_t *out)
{
    size_t from = *at;

    for (*out = 0; *at < text.len && is_digit(text.at[*at]); (*at)++) {
        *out = *out * 10 + (text.at[*at] - '0');
        *out = *out < most ? *out : most;
    }
    return *at > from;
}

/* In those parts; what is finer rounds up. */
static bool read_fraction(struct str text, size_t *at, int64_t *out)
{
    int64_t worth = FINEST;
    size_t from = *at;
    bool more = false;

    for (*out = 0; *at < text.len && is_digit(text.at[*at]); (*at)++) {
        worth /= 10;
        *out += (text.at[*at] - '0') * worth;
        more = more || (worth == 0 && text.at[*at] > '0');
    }
    *out += more;
    return *at > from;
}

/* "2" or "0.5", of a unit of so many milliseconds: some upstreams count in fractions. */
static bool read_number(struct str text, int64_t unit_ms, int64_t *out_ms)
{
    int64_t whole, fraction = 0;
    size_t at = 0;

    if (!read_digits(text, &at, MOST_MS / unit_ms, &whole))
        return false;
    if (at < text.len && text.at[at] == '.') {
        at++;
        if (at < text.len && !read_fraction(text, &at, &fraction))
            return false;
    }
    if (at < text.len)
        return false;
    *out_ms = whole * unit_ms + (fraction * unit_ms + FINEST - 1) / FINEST;
    return true;
}

static bool read_date(struct str text, uint64_t wall_ms, int64_t *out_ms)
{
    char copy[64];
    struct tm tm = { 0 };
    const char *end;
    int64_t now_ms = (int64_t)wall_ms, then_ms;

    if (text.len == 0 || text.len >= sizeof(copy))
        return false;
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';
    end = strptime(copy, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    if (!end || *end != '\0')
        return false;
    then_ms = (int64_t)timegm(&tm) * 1000;
    *out_ms = then_ms > now_ms ? then_ms - now_ms : 0;
    return true;
}

int64_t retry_after_ms(struct str value, struct str ms, uint64_t wall_ms)
{
    int64_t wait_ms;

    value = str_trim(value);
    if (!read_number(str_trim(ms), 1, &wait_ms) && !read_number(value, 1000, &wait_ms) &&
        !read_date(value, wall_ms, &wait_ms))
        return -1;
    return wait_ms < MOST_MS ? wait_ms : MOST_MS;
}
