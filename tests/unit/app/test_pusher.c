/* SPDX-License-Identifier: Apache-2.0 */
#include "pusher.h"

#include "alarm.h"
#include "upstream.h"
#include "weir/base/clock.h"
#include "weir/base/scan.h"
#include "weir/net/loop.h"

#include <stdio.h>

static struct post_kit kit;
static struct upstream server;
static struct pusher pusher;
static struct buf page;
static struct alert_scene scene;
static char heard[8192];
static bool taken, refuses;
static unsigned dones;

static void serve(struct upstream *u, int fd, unsigned nth)
{
    (void)nth;
    if (upstream_hear(u, fd, heard, sizeof(heard)))
        upstream_say(fd, refuses ? "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"
                                 : "HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n");
}

static void on_done(struct pusher *p, bool was_taken)
{
    (void)p;
    taken = was_taken;
    dones++;
    loop_stop(kit.loop);
}

static void show(enum alarm_state state)
{
    buf_deinit(&page);
    page = alarm_page(state);
    scene.alarms = buf_str(&page);
}

static void start(void)
{
    char url[64];

    kit.loop = loop_new(NULL);
    kit.resolver = resolver_new(kit.loop);
    kit.fetcher = fetcher_new(kit.loop);
    upstream_start(&server, serve);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", server.port);
    pusher_init(&pusher, &kit, str_of(url), on_done);
    scene = (struct alert_scene){ .alarms = STR("{\"alarms\":[]}"),
                                  .silences = STR("{\"silences\":[]}"),
                                  .link = STR("http://h/"),
                                  .now_ms = FIRED_MS + 1000 };
}

static void stop(void)
{
    pusher_deinit(&pusher);
    buf_deinit(&page);
    fetcher_free(kit.fetcher);
    resolver_free(kit.resolver);
    loop_free(kit.loop);
    upstream_stop(&server);
}

TestSuite(pusher, .init = start, .fini = stop, .timeout = 30);

/* Does it push now? Then until it has. */
static bool look(void)
{
    unsigned before = dones;

    pusher_look(&pusher, &scene);
    if (pusher_is_idle(&pusher))
        return false;
    loop_run(kit.loop);
    cr_assert_eq(dones, before + 1);
    return true;
}

Test(pusher, while_nothing_stands_nothing_is_pushed)
{
    cr_assert_not(look());
    cr_assert_not(look());
}

Test(pusher, what_stands_is_pushed_to_the_api_and_holds_for_five_minutes)
{
    struct scan_member ends;

    show(ALARM_ACKNOWLEDGED);
    cr_assert(look() && taken && pusher.news);
    cr_assert(strstr(heard, "POST /api/v2/alerts HTTP/1.1\r\n"), "%s", heard);
    cr_assert(scan_pointer(str_of(strstr(heard, "\r\n\r\n") + 4), STR("/0/endsAt"), &ends));
    cr_assert(scan_text_is(&ends, STR("1970-01-01T00:22:41.000Z")), "%s", heard);
}

Test(pusher, it_is_pushed_again_after_a_minute_and_not_before)
{
    show(ALARM_ACKNOWLEDGED);
    cr_assert(look() && taken);
    scene.now_ms += 1000;
    cr_assert_not(look());
    cr_assert_gt(pusher.due_us, clock_now_us() + 50 * 1000 * 1000);
    pusher.due_us = clock_now_us();
    cr_assert(look() && taken && !pusher.news);
}

Test(pusher, a_change_is_pushed_at_once)
{
    show(ALARM_PENDING);
    cr_assert(look());
    show(ALARM_FIRING);
    cr_assert(look() && pusher.news);
    show(ALARM_RESOLVED);
    cr_assert(look() && pusher.news);
}

Test(pusher, what_has_come_again_after_it_was_gone_is_news)
{
    show(ALARM_ACKNOWLEDGED);
    cr_assert(look());
    scene.alarms = STR("{\"alarms\":[]}");
    cr_assert_not(look());
    show(ALARM_ACKNOWLEDGED);
    cr_assert(look() && pusher.news);
}

Test(pusher, a_failed_push_is_tried_again_soon_but_not_at_once)
{
    refuses = true;
    show(ALARM_ACKNOWLEDGED);
    cr_assert(look() && !taken);
    cr_assert_str_eq(pusher.post.why, "status 503");
    cr_assert_not(look());
    cr_assert_lt(pusher.due_us, clock_now_us() + 1100 * 1000);
    show(ALARM_RESOLVED); /* not even with news */
    cr_assert_not(look());
    refuses = false;
    pusher.due_us = clock_now_us();
    cr_assert(look() && taken && pusher.news);
    cr_assert_eq(pusher.failures, 0);
}

Test(pusher, pauses_never_grow_beyond_a_minute)
{
    refuses = true;
    show(ALARM_ACKNOWLEDGED);
    pusher.failures = 1000;
    cr_assert(look() && !taken);
    cr_assert_lt(pusher.due_us, clock_now_us() + 61 * 1000 * 1000);
}
