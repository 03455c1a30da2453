/* SPDX-License-Identifier: Apache-2.0 */
#include "writer.h"

#include "weir/base/clock.h"
#include "weir/base/ensure.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct reason {
    int status;
    const char *text;
};

/* clang-format off */
static const struct reason reasons[] = {
    { 200, "OK" },                     { 201, "Created" },
    { 202, "Accepted" },               { 204, "No Content" },
    { 301, "Moved Permanently" },      { 302, "Found" },
    { 304, "Not Modified" },           { 307, "Temporary Redirect" },
    { 400, "Bad Request" },            { 401, "Unauthorized" },
    { 402, "Payment Required" },       { 403, "Forbidden" },
    { 404, "Not Found" },              { 405, "Method Not Allowed" },
    { 406, "Not Acceptable" },         { 408, "Request Timeout" },
    { 409, "Conflict" },               { 410, "Gone" },
    { 411, "Length Required" },        { 412, "Precondition Failed" },
    { 413, "Content Too Large" },      { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" }, { 417, "Expectation Failed" },
    { 422, "Unprocessable Content" },  { 424, "Failed Dependency" },
    { 425, "Too Early" },              { 428, "Precondition Required" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 499, "Client Closed Request" },  { 500, "Internal Server Error" },
    { 501, "Not Implemented" },        { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },    { 504, "Gateway Timeout" },
    { 505, "HTTP Version Not Supported" },
    { 529, "Overloaded" },
};
/* clang-format on */

static const char *reason_of(int status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status)
            return reasons[i].text;
    }
    return "Other";
}

/* Not strftime(): the names of days are English whatever the locale. */
static const char *date_text(struct writer_date *date)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    uint64_t second = clock_wall_ms() / 1000;
    time_t when = (time_t)second;
    struct tm tm;

    if (date->second == second)
        return date->text;
    gmtime_r(&when, &tm);
    snprintf(date->text, sizeof(date->text), "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
             days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon,
             (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
    date->second = second;
    return date->text;
}

static const char *const connections[] = {
    [WRITER_SILENT] = "",
    [WRITER_CLOSE] = "Connection: close\r\n",
    [WRITER_KEEP_ALIVE] = "Connection: keep-alive\r\n",
};

/* Each piece is of our own making, and together they are far shorter than the room. */
static char *put(char *at, const char *text)
{
    size_t len = strlen(text);

    memcpy(at, text, len);
    return at + len;
}

struct str writer_head(char out[WRITER_HEAD_BYTES], const struct writer_head *h,
                       struct writer_date *date)
{
    char *at = out;

    /* By hand: each answer has one, and printf would read its format each time. */
    ensure(h->status >= 200 && h->status <= 999);
    at = put(at, "HTTP/1.1 ");
    at += str_put_u64(at, (uint64_t)h->status);
    at = put(at, " ");
    at = put(at, reason_of(h->status));
    at = put(at, "\r\nDate: ");
    at = put(at, date_text(date));
    at = put(at, "\r\n");
    if (h->framing == WRITER_LENGTH) {
        at = put(at, "Content-Length: ");
        at += str_put_u64(at, h->length);
        at = put(at, "\r\n");
    } else if (h->framing == WRITER_CHUNKED) {
        at = put(at, "Transfer-Encoding: chunked\r\n");
    }
    at = put(at, connections[h->connection]);
    ensure((size_t)(at - out) <= WRITER_HEAD_BYTES);
    return (struct str){ out, (size_t)(at - out) };
}

struct str writer_chunk(char out[WRITER_CHUNK_BYTES], size_t len)
{
    int n = snprintf(out, WRITER_CHUNK_BYTES, "%zx\r\n", len);

    ensure(n > 0 && n < WRITER_CHUNK_BYTES);
    return (struct str){ out, (size_t)n };
}

bool writer_has_body(int status)
{
    return status != 204 && status != 304;
}
