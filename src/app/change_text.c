/* SPDX-License-Identifier: Apache-2.0 */
#include "change_text.h"

#include "weir/base/clock.h"
#include "weir/base/scan.h"

struct tick_histogram change_text_name(const struct change *c)
{
    return (struct tick_histogram){ c->model, c->version, str_of(change_word(c->kind)),
                                    STR("") };
}

bool change_text_stands(const struct change *c, uint64_t now_ms)
{
    return now_ms < c->at_ms + CHANGE_TEXT_STANDS_MS;
}

static void put_member(struct buf *out, const char *key, struct str value)
{
    buf_put_printf(out, "\"%s\":", key);
    scan_put_string(out, value.at ? value : STR(""));
    buf_put(out, STR(","));
}

static void put_time(struct buf *out, const char *key, uint64_t ms)
{
    char text[CLOCK_TEXT];

    clock_text(ms, text);
    buf_put_printf(out, "\"%s\":\"%s\",", key, text);
}

static void put_description(struct buf *out, const struct change *c)
{
    struct buf text = { 0 };
    char since[CLOCK_TEXT];

    clock_text(c->since_ms, since);
    buf_put_printf(&text, "Since %s, answers for %.*s (version %.*s", since, STR_ARG(c->model),
                   STR_ARG(c->version));
    if (c->upstream.len > 0)
        buf_put_printf(&text, ", upstream %.*s", STR_ARG(c->upstream));
    buf_put_printf(&text, ") are not what they were: %.*s. Before: %.*s. After: %.*s.",
                   STR_ARG(c->sentence), STR_ARG(c->before), STR_ARG(c->after));
    put_member(out, "description", buf_str(&text));
    buf_deinit(&text);
}

void change_text_put_alert(struct buf *out, const struct change *c, struct str link)
{
    buf_put(out, STR("{\"labels\":{\"alertname\":\"WeirModelChanged\",\"severity\":\"info\","));
    put_member(out, "model", c->model);
    put_member(out, "version", c->version);
    if (c->upstream.len > 0)
        put_member(out, "upstream", c->upstream);
    put_member(out, "what", str_of(change_word(c->kind)));
    buf_put_printf(out, "\"change\":\"%s\"},\"annotations\":{", c->id);
    put_member(out, "summary", c->sentence);
    put_description(out, c);
    buf_put(out, STR("\"runbook_url\":\"docs/alerts.md#weirmodelchanged\"},"));
    put_time(out, "startsAt", c->at_ms);
    put_time(out, "endsAt", c->at_ms + CHANGE_TEXT_STANDS_MS);
    buf_put(out, STR("\"generatorURL\":"));
    scan_put_string(out, link);
    buf_put(out, STR("}"));
}

void change_text_put_event(struct buf *out, const struct change *c, struct str json,
                           struct str link)
{
    buf_put(out, STR("{\"type\":\"model.changed\","));
    put_time(out, "timestamp", c->at_ms);
    put_member(out, "link", link);
    buf_put(out, STR("\"data\":"));
    buf_put(out, json);
    buf_put(out, STR("}"));
}
