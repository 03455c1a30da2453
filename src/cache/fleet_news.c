/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said of a landing, in the words that all gateways of a fleet hear, those of another
 * version among them: whoever does not know a word looks the question up again.
 *
 *     good                     the answer is in Redis
 *     alone                    it came, and is not to be had there
 *     left                     its leader asks no more, and has not failed
 *     failed <err> <status> <wait in ms>
 */
#include "fleet_inner.h"

#include <inttypes.h>
#include <string.h>

void fleet_news_put_failure(struct buf *out, const struct fleet_failure *why)
{
    buf_put_printf(out, "failed %s %d %" PRId64, err_name(why->err), why->status, why->wait_ms);
}

static enum err read_err(struct str name)
{
    for (enum err err = OK; err < ERR_COUNT; err++)
        if (str_eq(name, str_of(err_name(err))))
            return err;
    return ERR_FLIGHT_FAILED;
}

/* Of a failure that another gateway has told, in its words; -1: none that is told here. */
static int64_t read_number(struct str text, uint64_t most)
{
    uint64_t n;

    return str_to_u64(text, &n) && n <= most ? (int64_t)n : -1;
}

void fleet_news_read_failure(struct fleet_failure *out, struct str rest)
{
    struct str name = { 0 }, status = { 0 };
    int64_t number;

    (void)str_split(&rest, ' ', &name);
    (void)str_split(&rest, ' ', &status);
    number = read_number(status, 599);
    *out = (struct fleet_failure){ .err = read_err(name),
                                   .status = number >= 400 ? (int)number : 0,
                                   .wait_ms = read_number(rest, INT32_MAX) };
    if (!err_worth_retry(out->err))
        out->err = ERR_FLIGHT_FAILED; /* no failure of upstreams */
}
