/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A Redis URL, taken apart into what a link needs. User and password may hold any byte but NUL,
 * percent-encoded; the last '@' ends them, so that a password with a bare '@' is read as meant.
 * Messages say which part is wrong and never show it: a URL holds a password.
 */

#include "weir/net/redis.h"

#include <string.h>

enum {
    DEFAULT_PORT = 6379,
    SENTINEL_PORT = 26379,
    DEFAULT_TIMEOUT_US = 50 * 1000,
    DEFAULT_IN_FLIGHT = 4096, /* a link that lags by its timeout holds about as many */
    MOST_DATABASE = 65535,
};

static int value_of(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* Percent-decoded and terminated; false when it does not fit or is not well formed. */
static bool decode(struct str s, char *out, size_t size)
{
    size_t used = 0;

    for (size_t i = 0; i < s.len; i++) {
        int high;
        int low;

        if (used + 1 >= size)
            return false;
        if (s.at[i] != '%') {
            out[used++] = s.at[i];
            continue;
        }
        if (i + 2 >= s.len)
            return false;
        high = value_of(s.at[i + 1]);
        low = value_of(s.at[i + 2]);
        if (high < 0 || low < 0 || (high == 0 && low == 0))
            return false;
        out[used++] = (char)(high * 16 + low);
        i += 2;
    }
    out[used] = '\0';
    return true;
}

/* Where `mark` stands last, or the length. */
static size_t find_last(struct str s, char mark)
{
    for (size_t i = s.len; i > 0; i--) {
        if (s.at[i - 1] == mark)
            return i - 1;
    }
    return s.len;
}

static size_t find_first(struct str s, char mark)
{
    const char *found = s.len > 0 ? memchr(s.at, mark, s.len) : NULL;

    return found ? (size_t)(found - s.at) : s.len;
}

static bool read_login(struct redis_settings *out, struct str login)
{
    size_t colon = find_first(login, ':');

    if (colon == login.len)
        return decode(login, out->user, sizeof(out->user));
    return decode(str_cut(login, 0, colon), out->user, sizeof(out->user)) &&
           decode(str_cut(login, colon + 1, login.len), out->password, sizeof(out->password));
}

/* What a name or an address is written with. */
static bool is_host(const char *s)
{
    for (const char *at = s; *at; at++)
        if (*at <= ' ' || *at >= 0x7f || strchr("[]/?#@\"'\\", *at))
            return false;
    return *s != '\0';
}

static bool read_place(struct redis_place *out, struct str place, uint16_t usual_port)
{
    size_t colon = find_last(place, ':');
    uint64_t port = usual_port;
    struct str host = place;

    /* A colon inside brackets belongs to an IPv6 address. */
    if (colon < place.len && (place.at[0] != '[' || place.at[colon - 1] == ']')) {
        host = str_cut(place, 0, colon);
        if (!str_to_u64(str_cut(place, colon + 1, place.len), &port))
            return false;
    }
    if (port == 0 || port > 65535 || host.len == 0)
        return false;
    if (str_starts(host, STR("[")) && str_ends(host, STR("]")))
        host = str_cut(host, 1, host.len - 1);
    else if (find_first(host, ':') < host.len)
        return false;
    out->port = (uint16_t)port;
    return decode(host, out->host, sizeof(out->host)) && is_host(out->host);
}

static bool read_host(struct redis_settings *out, struct str text)
{
    struct redis_place place = { 0 };

    if (!read_place(&place, text, DEFAULT_PORT))
        return false;
    memcpy(out->host, place.host, sizeof(out->host));
    out->port = place.port;
    return true;
}

static bool read_database(struct redis_settings *out, struct str path)
{
    uint64_t number = 0;

    if (path.len > 0 && (!str_to_u64(path, &number) || number > MOST_DATABASE))
        return false;
    out->database = (unsigned)number;
    return true;
}

enum err redis_settings_read(struct redis_settings *out, struct str url, struct fault *why)
{
    struct redis_settings read = { .timeout_us = DEFAULT_TIMEOUT_US,
                                   .most_in_flight = DEFAULT_IN_FLIGHT };
    struct str rest = url;
    size_t slash;
    size_t at;

    if (str_starts(url, STR("rediss://")))
        return fault_set(why, ERR_CONFIG, "",
                         "Redis over TLS is not offered (hiredis 0.14 cannot); use redis:// "
                         "to a local stunnel");
    if (!str_starts(url, STR("redis://")))
        return fault_set(why, ERR_CONFIG, "", "a Redis URL begins with redis://");
    rest = str_cut(url, sizeof("redis://") - 1, url.len);
    at = find_last(rest, '@');
    if (at < rest.len) {
        if (!read_login(&read, str_cut(rest, 0, at)))
            return fault_set(why, ERR_CONFIG, "", "the Redis URL's user or password is wrong");
        rest = str_cut(rest, at + 1, rest.len);
    }
    slash = find_first(rest, '/');
    if (!read_host(&read, str_cut(rest, 0, slash)))
        return fault_set(why, ERR_CONFIG, "", "the Redis URL's host or port is wrong");
    if (slash < rest.len && !read_database(&read, str_cut(rest, slash + 1, rest.len)))
        return fault_set(why, ERR_CONFIG, "", "the Redis URL's database is not a number");
    *out = read;
    return OK;
}

enum err redis_settings_add_sentinel(struct redis_settings *out, struct str text,
                                     struct fault *why)
{
    struct redis_place place = { 0 };

    if (out->sentinel_count == REDIS_SENTINELS)
        return fault_set(why, ERR_CONFIG, "", "there may be %d sentinels", REDIS_SENTINELS);
    if (!read_place(&place, text, SENTINEL_PORT))
        return fault_set(why, ERR_CONFIG, "", "a sentinel is named like sentinel-1:26379");
    out->sentinels[out->sentinel_count++] = place;
    return OK;
}

enum err redis_settings_set_master(struct redis_settings *out, struct str name,
                                   struct fault *why)
{
    /* What a sentinel itself takes as a name. */
    bool fine = name.len > 0 && name.len < sizeof(out->master);

    for (size_t i = 0; fine && i < name.len; i++)
        fine = name.at[i] > ' ' && name.at[i] < 0x7f;
    if (!fine)
        return fault_set(why, ERR_CONFIG, "",
                         "a master's name has 1 to %zu letters, digits or signs",
                         sizeof(out->master) - 1);
    memcpy(out->master, name.at, name.len);
    out->master[name.len] = '\0';
    return OK;
}
