/* SPDX-License-Identifier: Apache-2.0 */
#include "courier.h"

#include "alert_text.h"
#include "change_text.h"

#include "weir/base/clock.h"
#include "weir/base/ensure.h"
#include "weir/base/log.h"

#include <stdio.h>

static const uint64_t HOUR_US = UINT64_C(3600) * 1000 * 1000;

enum { REST_US = 500 * 1000 }; /* after a failure: a thousand parcels do not come at once */

static void rest(struct courier *c, uint64_t us)
{
    c->rests_until_us = clock_now_us() + (us < HOUR_US ? us : HOUR_US);
}

static void finish(struct courier *c, bool taken, int64_t wish_ms)
{
    struct parcel *p = c->carrying;
    uint64_t wish_us = wish_ms > 0 ? (uint64_t)wish_ms * 1000 : 0;

    rest(c, !taken && wish_us < REST_US ? REST_US : wish_us);
    arena_deinit(&c->arena);
    c->carrying = NULL;
    c->on_done(c, p, taken);
}

/* ---- a webhook ----------------------------------------------------------------------------- */

static void on_posted(struct post *p, bool taken)
{
    struct courier *c = container_of(p, struct courier, post);

    c->why = p->why;
    finish(c, taken, p->alone_ms);
}

static const char *header(struct courier *c, const char *name, struct str value)
{
    return arena_printf(&c->arena, "%s: %.*s", name, STR_ARG(value)).at;
}

static void post_it(struct courier *c)
{
    uint64_t now_s = clock_wall_ms() / 1000;
    struct str id = str_of(c->carrying->key), key = c->webhook->key;
    const char **headers = arena_take(&c->arena, 8 * sizeof(*headers));
    struct buf signature = { 0 };
    size_t n = 0;

    headers[n++] = "Content-Type: application/json";
    headers[n++] = "Connection: close";
    headers[n++] = header(c, "webhook-id", id);
    headers[n++] = arena_printf(&c->arena, "webhook-timestamp: %llu", (unsigned long long)now_s)
                       .at;
    if (key.len > 0) {
        alert_text_put_signature(&signature, key, id, now_s, buf_str(&c->event));
        headers[n++] = header(c, "webhook-signature", buf_str(&signature));
        buf_deinit(&signature);
    }
    post_start(&c->post, headers, buf_str(&c->event));
}

/* ---- a command ----------------------------------------------------------------------------- */

/* A line of ours, whatever it is: the log's readers take each line for one. */
static void tell_said(const struct courier *c)
{
    struct str said = { c->child.said, c->child.said_len };

    while (said.len > 0 && said.at[said.len - 1] == '\n')
        said.len--;
    if (said.len > 0)
        log_info("alert_said", F_STR("receiver", courier_kind(c)),
                 F_STR("to", courier_where(c)), F_TEXT("delivery", c->carrying->key),
                 F_STR("text", said), F_U64("bytes", c->child.said_bytes));
}

static void on_ended(struct child *child, enum err err)
{
    struct courier *c = container_of(child, struct courier, child);

    tell_said(c);
    c->why = c->why_text;
    if (err == ERR_CONFIG)
        (void)snprintf(c->why_text, sizeof(c->why_text), "%s", child->detail);
    else if (err)
        (void)snprintf(c->why_text, sizeof(c->why_text), "%s",
                       err == ERR_DEADLINE ? "timeout" : "cancelled");
    else
        (void)snprintf(c->why_text, sizeof(c->why_text), "exit status %d", child->status);
    finish(c, err == OK && child->status == 0, -1);
}

static const char *variable(struct courier *c, const char *name, struct str value)
{
    return arena_printf(&c->arena, "WEIR_ALARM_%s=%.*s", name, STR_ARG(value)).at;
}

static struct str severity_of(const struct parcel *p)
{
    if (!p->alarm)
        return STR("info");
    return p->alarm->confirmed ? STR("confirmed") : STR("suspected");
}

static void run_it(struct courier *c)
{
    const struct parcel *p = c->carrying;
    struct tick_histogram of = parcel_name(p);
    const char *variables[] = {
        variable(c, "ID", str_of(parcel_id(p))),
        variable(c, "STATE", str_of(p->alarm ? alarm_state_word(p->alarm->state) : "changed")),
        variable(c, "SEVERITY", severity_of(p)),
        variable(c, "MODEL", of.model),
        variable(c, "VERSION", of.version),
        variable(c, "PREDICTION", of.prediction),
        variable(c, "SEGMENT", of.segment),
        variable(c, "SENTENCE", p->alarm ? p->alarm->sentence : p->change->sentence),
        NULL,
    };
    struct child_call call = {
        .argv = c->argv,
        .variables = variables,
        .input = buf_str(&c->event),
        .timeout_us = HOUR_US,
    };

    child_start(c->kit->loop, &c->child, &call, on_ended);
}

/* ---- either -------------------------------------------------------------------------------- */

bool courier_is_free(const struct courier *c, uint64_t now_us)
{
    return !c->carrying && c->rests_until_us <= now_us;
}

void courier_start(struct courier *c, struct parcel *p, struct str link)
{
    ensure(!c->carrying);
    c->carrying = p;
    buf_reset(&c->event);
    if (p->alarm)
        alert_text_put_event(&c->event, p->alarm, str_of(p->json), link);
    else
        change_text_put_event(&c->event, p->change, str_of(p->json), link);
    if (c->webhook)
        post_it(c);
    else
        run_it(c);
}

void courier_cancel(struct courier *c)
{
    if (!c->carrying)
        return;
    if (c->webhook)
        post_cancel(&c->post);
    else
        child_cancel(&c->child);
}

void courier_kill(struct courier *c)
{
    if (c->carrying && !c->webhook)
        child_kill(&c->child);
}

void courier_init_webhook(struct courier *c, const struct post_kit *kit,
                          const struct alert_webhook *webhook, courier_fn *on_done)
{
    *c = (struct courier){ .kit = kit, .webhook = webhook, .on_done = on_done };
    post_init(&c->post, kit, webhook->url, "", on_posted);
}

void courier_init_command(struct courier *c, const struct post_kit *kit,
                          const char *const *argv, courier_fn *on_done)
{
    *c = (struct courier){ .kit = kit, .argv = argv, .on_done = on_done };
}

void courier_deinit(struct courier *c)
{
    ensure(!c->carrying);
    post_deinit(&c->post);
    buf_deinit(&c->event);
}

struct str courier_kind(const struct courier *c)
{
    return c->webhook ? STR("webhook") : STR("exec");
}

struct str courier_where(const struct courier *c)
{
    return c->webhook ? c->post.where : str_of(c->argv[0]);
}
