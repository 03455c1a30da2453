/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parcels stand in the order in which the alarms changed. A courier takes the first that is due
 * on its leg; a later change of the same alarm waits for the earlier ones, so that nobody hears
 * of an end before the beginning. When another gateway begins to judge, the parcels are its, and
 * ours are let go as soon as nothing of them is under way. As long as we judge nobody but us can
 * have delivered one: then it is carried on, though the store may have lost it.
 */
#include "alerts.h"

#include "alert_text.h"
#include "courier.h"
#include "parcel.h"
#include "pusher.h"

#include "weir/base/clock.h"
#include "weir/base/ensure.h"
#include "weir/base/log.h"
#include "weir/base/mem.h"
#include "weir/base/metric.h"

#include <stdlib.h>

enum {
    LOOK_MS = 5000, /* acknowledged and silenced is seen within this */
    HURRY_MS = 500, /* while something is on its way */
};

struct alerts {
    struct alerts_kit kit;
    struct str link;
    char *own_link;
    struct pusher *pushers;
    size_t pusher_count;
    struct courier *couriers;
    size_t courier_count;
    struct link parcels;
    struct buf alarms, silences; /* the judge's pages at this look */
    struct timer look, step;
    bool stopping;
};

static void note(const struct alerts *a, struct str kind, bool taken)
{
    metric_add(a->kit.shard, METRIC_ALERTS_SENT, 1,
               METRIC_LABEL(kind, taken ? STR("ok") : STR("failed")));
}

static void hurry(struct alerts *a)
{
    if (!a->stopping)
        timer_arm(&a->look, 1);
}

/* ---- Alertmanagers ------------------------------------------------------------------------- */

static struct alerts *owner_of_pusher(const struct pusher *p)
{
    return container_of(p->post.kit, struct alerts, kit.post);
}

static void on_pushed(struct pusher *p, bool taken)
{
    struct alerts *a = owner_of_pusher(p);

    if (p->post.cancelled)
        return;
    note(a, STR("alertmanager"), taken);
    if (!taken)
        log_warn("alert_failed", F_TEXT("receiver", "alertmanager"), F_STR("to", p->post.where),
                 F_U64("tries", p->failures), F_TEXT("why", p->post.why));
    else if (p->news)
        log_info("alert_sent", F_TEXT("receiver", "alertmanager"), F_STR("to", p->post.where),
                 F_U64("alerts", p->count));
}

static void push(struct alerts *a, const struct alert_scene *scene)
{
    for (size_t i = 0; i < a->pusher_count; i++)
        pusher_look(&a->pushers[i], scene);
}

/* ---- the judge's deliveries ---------------------------------------------------------------- */

static struct parcel *find(struct alerts *a, struct str key)
{
    for (struct link *l = a->parcels.next; l != &a->parcels; l = l->next) {
        struct parcel *p = container_of(l, struct parcel, link);

        if (str_eq(str_of(p->key), key))
            return p;
    }
    return NULL;
}

/* Before the first that changed later. */
static void put_in(struct alerts *a, struct parcel *p)
{
    struct link *l = a->parcels.next;

    while (l != &a->parcels &&
           container_of(l, struct parcel, link)->alarm->updated_ms <= p->alarm->updated_ms)
        l = l->next;
    link_before(l, &p->link);
    p->owner = a;
}

static void on_delivery(void *alerts, struct str key, struct str json)
{
    struct alerts *a = alerts;
    struct parcel *p = find(a, key);

    if (!p) {
        p = parcel_new(key, json, a->courier_count);
        if (p)
            put_in(a, p);
    }
    if (!p)
        return;
    p->seen = true;
    p->returned = false; /* or not for good: a Redis that took over may not know */
}

static bool is_carried(const struct alerts *a, const struct parcel *p)
{
    for (size_t i = 0; i < a->courier_count; i++)
        if (a->couriers[i].carrying == p)
            return true;
    return false;
}

/* One that is over stays until the judge knows, whoever that is by now. */
static bool may_go(const struct alerts *a, const struct parcel *p, bool ours)
{
    return !p->seen && !p->returning && !is_carried(a, p) &&
           (p->returned || (!ours && !parcel_is_over(p)));
}

static void gather(struct alerts *a)
{
    bool ours = judge_each_delivery(a->kit.judge, on_delivery, a);
    struct link *next;

    for (struct link *l = a->parcels.next; l != &a->parcels; l = next) {
        struct parcel *p = container_of(l, struct parcel, link);

        next = l->next;
        if (may_go(a, p, ours))
            parcel_free(p);
        else
            p->seen = false;
    }
}

static void on_returned(struct judge_order *order, enum err err)
{
    struct parcel *p = container_of(order, struct parcel, order);

    buf_deinit(&order->answer);
    p->returning = false;
    p->returned = !err; /* the next look lets it go, or tries again */
}

static void return_those_over(struct alerts *a)
{
    for (struct link *l = a->parcels.next; l != &a->parcels; l = l->next) {
        struct parcel *p = container_of(l, struct parcel, link);

        if (p->returning || p->returned || !parcel_is_over(p))
            continue;
        p->returning = true;
        judge_delivered(a->kit.judge, &p->order, str_of(p->key), on_returned);
    }
}

/* ---- couriers ------------------------------------------------------------------------------ */

/* Until the next try: what it waits for, or its receiver, if that is longer. */
static uint64_t longer_us(const struct courier *c, uint64_t pause_us)
{
    uint64_t now_us = clock_now_us();
    uint64_t rest_us = c->rests_until_us > now_us ? c->rests_until_us - now_us : 0;

    return rest_us > pause_us ? rest_us : pause_us;
}

static void on_carried(struct courier *c, struct parcel *p, bool taken)
{
    struct alerts *a = p->owner;
    size_t leg = (size_t)(c - a->couriers);
    uint64_t pause_us;

    if (a->stopping && !taken)
        return;
    note(a, courier_kind(c), taken);
    if (taken) {
        p->legs[leg].over = true;
        log_info("alert_sent", F_STR("receiver", courier_kind(c)),
                 F_STR("to", courier_where(c)), F_TEXT("delivery", p->key),
                 F_U64("tries", p->legs[leg].tries));
        return_those_over(a);
        if (!a->stopping)
            timer_arm(&a->step, 1);
        return;
    }
    pause_us = parcel_put_off(p, leg, clock_now_us());
    if (pause_us > 0)
        log_warn("alert_failed", F_STR("receiver", courier_kind(c)),
                 F_STR("to", courier_where(c)), F_TEXT("delivery", p->key),
                 F_U64("tries", p->legs[leg].tries), F_TEXT("why", c->why),
                 F_MS("pause_ms", longer_us(c, pause_us)));
    else
        log_error("alert_dropped", F_STR("receiver", courier_kind(c)),
                  F_STR("to", courier_where(c)), F_TEXT("delivery", p->key),
                  F_U64("tries", p->legs[leg].tries), F_TEXT("why", c->why));
}

/* An earlier change of the same alarm that this receiver has yet to hear of. */
static bool waits(const struct alerts *a, const struct parcel *p, size_t leg)
{
    for (struct link *l = a->parcels.next; l != &p->link; l = l->next) {
        struct parcel *other = container_of(l, struct parcel, link);

        if (!other->legs[leg].over && parcel_is_of(other, p->alarm->id))
            return true;
    }
    return false;
}

/* What both came and went under a silence is news to nobody. */
static void forget_if_past(struct alerts *a, struct parcel *ending, size_t leg)
{
    if (ending->alarm->state != ALARM_RESOLVED || !waits(a, ending, leg))
        return;
    for (struct link *l = a->parcels.next; l != &a->parcels; l = l->next) {
        struct parcel *p = container_of(l, struct parcel, link);

        if (parcel_is_of(p, ending->alarm->id))
            p->legs[leg].over = true;
    }
}

static struct parcel *choose(struct alerts *a, size_t leg, const struct alert_scene *scene)
{
    uint64_t now_us = clock_now_us();

    for (struct link *l = a->parcels.next; l != &a->parcels; l = l->next) {
        struct parcel *p = container_of(l, struct parcel, link);

        if (p->legs[leg].over)
            continue;
        if (alert_text_is_silenced(p->alarm, scene))
            forget_if_past(a, p, leg);
        else if (parcel_is_due(p, leg, now_us) && !waits(a, p, leg))
            return p;
    }
    return NULL;
}

static void carry(struct alerts *a, const struct alert_scene *scene)
{
    uint64_t now_us = clock_now_us();

    for (size_t i = 0; i < a->courier_count; i++) {
        bool free = courier_is_free(&a->couriers[i], now_us);
        struct parcel *p = free ? choose(a, i, scene) : NULL;

        if (!p)
            continue;
        parcel_try(p, i, now_us);
        courier_start(&a->couriers[i], p, a->link);
    }
}

/*
 * One was taken, so the next may go: by the silences of the last look, which is not long ago. A
 * look takes the longer the more there is to tell, and then it is not to come with each of them.
 */
static void on_step(struct timer *t)
{
    struct alerts *a = container_of(t, struct alerts, step);
    struct alert_scene scene = { .silences = buf_str(&a->silences), .now_ms = clock_wall_ms() };

    carry(a, &scene);
}

/* ---- a look -------------------------------------------------------------------------------- */

static void tell(struct alerts *a)
{
    struct alert_scene scene = { .link = a->link, .now_ms = clock_wall_ms() };

    buf_reset(&a->alarms);
    buf_reset(&a->silences);
    judge_put_alarms(a->kit.judge, &a->alarms);
    judge_put_silences(a->kit.judge, &a->silences);
    scene.alarms = buf_str(&a->alarms);
    scene.silences = buf_str(&a->silences);
    carry(a, &scene);
    push(a, &scene);
}

static void on_look(struct timer *t)
{
    struct alerts *a = container_of(t, struct alerts, look);
    uint64_t pause_ms = a->kit.tick_ms < LOOK_MS ? a->kit.tick_ms : LOOK_MS;

    gather(a);
    if (a->pusher_count > 0 || link_is_in(&a->parcels))
        tell(a);
    return_those_over(a);
    if (link_is_in(&a->parcels) && pause_ms > HURRY_MS)
        pause_ms = HURRY_MS;
    timer_arm(t, pause_ms * 1000);
}

static void on_news(void *alerts)
{
    hurry(alerts);
}

/* ---- life ---------------------------------------------------------------------------------- */

struct alerts *alerts_new(const struct alerts_kit *kit)
{
    struct alerts *a = MEM_NEW(struct alerts);
    const struct alert_settings *s = kit->settings;

    a->kit = *kit;
    link_init(&a->parcels);
    timer_init(&a->look, kit->post.loop, on_look);
    timer_init(&a->step, kit->post.loop, on_step);
    a->pushers = mem_new_array(s->alertmanager_count + 1, sizeof(*a->pushers));
    for (; a->pusher_count < s->alertmanager_count; a->pusher_count++)
        pusher_init(&a->pushers[a->pusher_count], &a->kit.post,
                    s->alertmanagers[a->pusher_count], on_pushed);
    a->couriers = mem_new_array(s->webhook_count + 1, sizeof(*a->couriers));
    for (; a->courier_count < s->webhook_count; a->courier_count++)
        courier_init_webhook(&a->couriers[a->courier_count], &a->kit.post,
                             &s->webhooks[a->courier_count], on_carried);
    if (s->exec)
        courier_init_command(&a->couriers[a->courier_count++], &a->kit.post, s->exec,
                             on_carried);
    return a;
}

void alerts_start(struct alerts *a, struct str admin)
{
    struct buf text = { 0 };

    a->link = a->kit.settings->link;
    if (!a->link.at) {
        buf_put_printf(&text, "http://%.*s/", STR_ARG(admin));
        buf_put(&text, STR("\0"));
        a->own_link = text.at; /* the buf's memory is ours now */
        a->link = str_of(a->own_link);
    }
    judge_on_delivery(a->kit.judge, on_news, a);
    timer_arm(&a->look, 1);
}

void alerts_stop(struct alerts *a)
{
    if (a->stopping)
        return;
    a->stopping = true;
    judge_on_delivery(a->kit.judge, NULL, NULL);
    timer_disarm(&a->look);
    timer_disarm(&a->step);
    for (size_t i = 0; i < a->pusher_count; i++)
        pusher_cancel(&a->pushers[i]);
    for (size_t i = 0; i < a->courier_count; i++)
        courier_cancel(&a->couriers[i]);
}

void alerts_kill(struct alerts *a)
{
    for (size_t i = 0; i < a->courier_count; i++)
        courier_kill(&a->couriers[i]);
}

static bool is_returning(const struct alerts *a)
{
    for (const struct link *l = a->parcels.next; l != &a->parcels; l = l->next)
        if (container_of(l, struct parcel, link)->returning)
            return true;
    return false;
}

bool alerts_are_idle(const struct alerts *a)
{
    for (size_t i = 0; i < a->pusher_count; i++)
        if (!pusher_is_idle(&a->pushers[i]))
            return false;
    for (size_t i = 0; i < a->courier_count; i++)
        if (a->couriers[i].carrying)
            return false;
    return !is_returning(a);
}

void alerts_free(struct alerts *a)
{
    struct link *l;

    if (!a)
        return;
    ensure(alerts_are_idle(a));
    timer_disarm(&a->look);
    timer_disarm(&a->step);
    while ((l = list_pop(&a->parcels)))
        parcel_free(container_of(l, struct parcel, link));
    for (size_t i = 0; i < a->pusher_count; i++)
        pusher_deinit(&a->pushers[i]);
    for (size_t i = 0; i < a->courier_count; i++)
        courier_deinit(&a->couriers[i]);
    free(a->pushers);
    free(a->couriers);
    buf_deinit(&a->alarms);
    buf_deinit(&a->silences);
    free(a->own_link);
    free(a);
}
