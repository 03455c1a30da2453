/* SPDX-License-Identifier: Apache-2.0 */
#include "change_text.h"

#include "alert_parts.h"

#include "weir/base/clock.h"

struct tick_histogram change_text_name(const struct change *c)
{
    return (struct tick_histogram){ c->model, c->version, str_of(change_word(c->kind)),
                                    STR("") };
}

bool change_text_stands(const struct change *c, uint64_t now_ms)
{
    return now_ms < c->at_ms + CHANGE_TEXT_STANDS_MS;
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
    alert_parts_put_member(out, "description", buf_str(&text));
    buf_deinit(&text);
}

void change_text_put_alert(struct buf *out, const struct change *c, struct str link)
{
    buf_put(out, STR("{\"labels\":{\"alertname\":\"WeirModelChanged\",\"severity\":\"info\","));
    alert_parts_put_member(out, "model", c->model);
    alert_parts_put_member(out, "version", c->version);
    if (c->upstream.len > 0)
        alert_parts_put_member(out, "upstream", c->upstream);
    alert_parts_put_member(out, "what", str_of(change_word(c->kind)));
    buf_put_printf(out, "\"change\":\"%s\"},\"annotations\":{", c->id);
    alert_parts_put_member(out, "summary", c->sentence);
    put_description(out, c);
    buf_put(out, STR("\"runbook_url\":\"docs/alerts.md#weirmodelchanged\"},"));
    alert_parts_end_alert(out, c->at_ms, c->at_ms + CHANGE_TEXT_STANDS_MS, link);
}

void change_text_put_event(struct buf *out, const struct change *c, struct str json,
                           struct str link)
{
    buf_put(out, STR("{\"type\":\"model.changed\","));
    alert_parts_end_event(out, c->at_ms, link, json);
}
