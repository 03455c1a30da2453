/* SPDX-License-Identifier: Apache-2.0 */
#include "weir/base/ensure.h"
#include "weir/base/scan.h"
#include "weir/dialect/replay.h"
#include "weir/dialect/tap.h"

#include <stdint.h>

/*
 * Events made of any bytes: lines of the input are the data of one event each. Where no name has
 * to change, bytes come out as they went in; a kept plain form is JSON, and what is good enough
 * to be kept can be told again, plain and streamed. The first byte says which endpoint.
 */

static bool changes(const struct tap *t, struct str data)
{
    struct scan_member m;

    if (scan_check(data, NULL) != OK)
        return true; /* read as a cleaned copy, if at all: too odd for this check */
    return t->usage_injected || scan_get(data, STR("model"), &m) ||
           scan_pointer(data, STR("/response/model"), &m) ||
           scan_pointer(data, STR("/message/model"), &m);
}

static void tell(struct tap *t, struct str line)
{
    struct buf raw = { 0 };
    struct tap_event e = { .whole = true };
    struct delta d = { DELTA_SILENT, { NULL, 0 } };
    enum err err;

    buf_put_text(&raw, "data: ");
    buf_put(&raw, line);
    buf_put_text(&raw, "\n\n");
    e.raw = buf_str(&raw);
    e.data = str_cut(e.raw, 6, raw.len - 2);
    err = tap_event(t, &e, &d);
    ensure(err == OK || err == ERR_UPSTREAM_IN_BAND || err == ERR_UPSTREAM_MALFORMED);
    if (!changes(t, e.data))
        ensure(str_eq(d.bytes, e.raw));
    buf_deinit(&raw);
}

static void check_plain(const struct tap *t)
{
    struct str body = buf_str(&t->answer.body);
    struct buf events = { 0 };

    if (!t->answer.storable)
        return;
    ensure(t->answer.complete && !t->gave_up && !t->answer.keep_failed);
    ensure(scan_check(body, NULL) == OK);
    if (replay_events(t->request->endpoint, body, true, &events) == OK)
        ensure(events.len > 0);
    buf_deinit(&events);
}

static const struct dialect *dialect_for(enum endpoint e)
{
    if (endpoint_is_anthropic(e))
        return dialect_named(STR("anthropic"));
    return dialect_named(e == ENDPOINT_PREDICT ? STR("json") : STR("openai"));
}

static void read_stream(const struct request *r, struct str text, bool injected)
{
    struct str line;
    struct tap t;

    tap_init(&t, dialect_for(r->endpoint), r, STR("alias"), true);
    t.usage_injected = injected;
    while (str_split(&text, '\n', &line))
        tell(&t, line);
    if (tap_end(&t) == OK)
        check_plain(&t);
    tap_deinit(&t);
}

static void read_plain(const struct request *r, struct str text)
{
    struct buf body = { 0 };
    struct tap t;

    tap_init(&t, dialect_for(r->endpoint), r, STR("alias"), true);
    buf_put(&body, text);
    if (tap_whole(&t, &body) == OK && t.answer.storable) {
        struct buf events = { 0 };

        ensure(scan_check(buf_str(&body), NULL) == OK);
        (void)(replay_events(r->endpoint, buf_str(&body), false, &events) == OK);
        buf_deinit(&events);
    }
    buf_deinit(&body);
    tap_deinit(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request r = { .stream = true };
    struct str text;

    if (size == 0)
        return 0;
    text = (struct str){ (const char *)data + 1, size - 1 };
    r.endpoint = (enum endpoint)(data[0] % ENDPOINT_COUNT);
    read_stream(&r, text, data[0] & 0x40);
    read_plain(&r, text);
    return 0;
}
