/* SPDX-License-Identifier: Apache-2.0 */
#include "pusher.h"

#include "parcel.h"

#include "weir/base/clock.h"

static const char API[] = "/api/v2/alerts";
static const uint64_t AGAIN_US = UINT64_C(60) * 1000 * 1000;

static void on_posted(struct post *post, bool taken)
{
    struct pusher *p = container_of(post, struct pusher, post);

    p->failures = taken ? 0 : p->failures + 1;
    p->due_us = clock_now_us() + (taken ? AGAIN_US : parcel_pause_us(p->failures, AGAIN_US));
    if (taken)
        p->said = p->saying;
    p->on_done(p, taken);
}

/* What stands, without the time that it is pushed at. */
static size_t digest_it(struct digest *out, const struct alert_scene *scene)
{
    struct buf text = { 0 };
    size_t count = alert_text_put_alerts(&text, scene, 0);

    digest_of(out, buf_str(&text));
    buf_deinit(&text);
    return count;
}

void pusher_look(struct pusher *p, const struct alert_scene *scene)
{
    static const char *const headers[] = { "Content-Type: application/json",
                                           "Connection: close", NULL };
    bool due = p->due_us <= clock_now_us();

    if (post_is_under_way(&p->post) || (p->failures > 0 && !due))
        return;
    p->count = digest_it(&p->saying, scene);
    p->news = !digest_eq(&p->said, &p->saying);
    if (p->count == 0)
        p->said = p->saying;
    if (p->count == 0 || (!p->news && !due))
        return;
    buf_reset(&p->body);
    (void)alert_text_put_alerts(&p->body, scene, scene->now_ms + ALERT_TEXT_HOLDS_MS);
    post_start(&p->post, headers, buf_str(&p->body));
}

void pusher_init(struct pusher *p, const struct post_kit *kit, struct str url,
                 pusher_fn *on_done)
{
    *p = (struct pusher){ .on_done = on_done };
    post_init(&p->post, kit, url, API, on_posted);
}

void pusher_cancel(struct pusher *p)
{
    post_cancel(&p->post);
}

bool pusher_is_idle(const struct pusher *p)
{
    return !post_is_under_way(&p->post);
}

void pusher_deinit(struct pusher *p)
{
    post_deinit(&p->post);
    buf_deinit(&p->body);
}
