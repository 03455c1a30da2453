/* SPDX-License-Identifier: Apache-2.0 */
#include "courier.h"

#include "alarm.h"
#include "alert_text.h"
#include "upstream.h"
#include "weir/base/clock.h"
#include "weir/net/loop.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const uint64_t SECOND_US = UINT64_C(1000) * 1000;

static struct post_kit kit;
static struct upstream server;
static struct alert_webhook hook;
static struct courier courier;
static struct parcel *parcel;
static struct buf json;
static char url[64], heard[4096], folder[] = "/tmp/weir-courier-XXXXXX", file[40];
static bool taken, refuses;
static const char *wish = ""; /* a header more of a refusal */
static unsigned dones;

static void serve(struct upstream *u, int fd, unsigned nth)
{
    (void)nth;
    if (!upstream_hear(u, fd, heard, sizeof(heard)))
        return;
    if (refuses) {
        upstream_say(fd, "HTTP/1.1 500 No\r\n");
        upstream_say(fd, wish);
        upstream_say(fd, "Content-Length: 0\r\n\r\n");
    } else {
        upstream_say(fd, "HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n");
    }
}

static void on_done(struct courier *c, struct parcel *p, bool was_taken)
{
    cr_assert(p == parcel && !c->carrying);
    taken = was_taken;
    dones++;
    loop_stop(kit.loop);
}

static void start(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    kit.loop = loop_new(NULL);
    kit.resolver = resolver_new(kit.loop);
    kit.fetcher = fetcher_new(kit.loop);
    upstream_start(&server, serve);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/T0KEN", server.port);
    hook = (struct alert_webhook){ .url = str_of(url), .key = STR("tell-nobody") };
    json = alarm_json(ALARM_FIRING);
    parcel = parcel_new(STR(ALARM_NAME ":firing"), buf_str(&json), 1);
    cr_assert(mkdtemp(folder));
    (void)snprintf(file, sizeof(file), "%s/got", folder);
}

static void stop(void)
{
    (void)unlink(file);
    (void)rmdir(folder);
    courier_deinit(&courier);
    parcel_free(parcel);
    buf_deinit(&json);
    fetcher_free(kit.fetcher);
    resolver_free(kit.resolver);
    loop_free(kit.loop);
    upstream_stop(&server);
}

TestSuite(courier, .init = start, .fini = stop, .timeout = 30);

static void carry(void)
{
    dones = 0;
    courier_start(&courier, parcel, STR("http://h/"));
    cr_assert_eq(dones, 0, "never from inside start");
    loop_run(kit.loop);
    cr_assert_eq(dones, 1);
}

static void carry_to_hook(void)
{
    courier_init_webhook(&courier, &kit, &hook, on_done);
    carry();
}

/* The value of a header as it was heard. */
static struct str header(const char *name)
{
    const char *at = strstr(heard, name);

    cr_assert(at, "no %s in %s", name, heard);
    at += strlen(name);
    return (struct str){ at, strcspn(at, "\r") };
}

Test(courier, a_webhook_gets_the_event_with_its_id_and_time_signed)
{
    struct buf signature = { 0 }, event = { 0 };
    struct str body;
    uint64_t time_s;

    carry_to_hook();
    cr_assert(taken, "%s", courier.why);
    body = str_of(strstr(heard, "\r\n\r\n") + 4);
    alert_text_put_event(&event, parcel->alarm, buf_str(&json), STR("http://h/"));
    cr_assert(str_eq(body, buf_str(&event)), "%s", heard);
    cr_assert(str_eq(header("Content-Type: "), STR("application/json")));
    cr_assert(str_eq(header("webhook-id: "), STR(ALARM_NAME ":firing")));
    cr_assert(str_to_u64(header("webhook-timestamp: "), &time_s));
    alert_text_put_signature(&signature, STR("tell-nobody"), STR(ALARM_NAME ":firing"), time_s,
                             body);
    cr_assert(str_eq(header("webhook-signature: "), buf_str(&signature)));
    buf_deinit(&signature);
    buf_deinit(&event);
}

Test(courier, without_a_secret_nothing_is_signed)
{
    hook.key = (struct str){ 0 };
    carry_to_hook();
    cr_assert(taken);
    cr_assert_null(strstr(heard, "webhook-signature"));
}

Test(courier, what_a_webhook_refuses_is_not_taken_and_can_be_carried_again)
{
    refuses = true;
    carry_to_hook();
    cr_assert_not(taken);
    cr_assert_str_eq(courier.why, "status 500");
    refuses = false;
    carry();
    cr_assert(taken);
}

Test(courier, a_webhook_that_asks_for_a_rest_has_it)
{
    uint64_t before_us = clock_now_us();

    refuses = true;
    carry_to_hook();
    cr_assert(courier_is_free(&courier, clock_now_us() + SECOND_US));
    wish = "Retry-After: 60\r\n";
    carry();
    cr_assert_not(courier_is_free(&courier, before_us + 60 * SECOND_US - 1));
    cr_assert(courier_is_free(&courier, clock_now_us() + 60 * SECOND_US));
}

Test(courier, whoever_has_not_taken_one_rests_for_a_moment)
{
    uint64_t before_us = clock_now_us();

    carry_to_hook();
    cr_assert(courier_is_free(&courier, clock_now_us()));
    refuses = true;
    carry();
    cr_assert_not(courier_is_free(&courier, before_us + SECOND_US / 2 - 1));
    cr_assert(courier_is_free(&courier, clock_now_us() + SECOND_US / 2));
}

Test(courier, nobody_rests_for_longer_than_an_hour)
{
    refuses = true;
    wish = "Retry-After: 86400\r\n";
    carry_to_hook();
    cr_assert(courier_is_free(&courier, clock_now_us() + 3600 * SECOND_US));
}

Test(courier, of_a_webhook_people_see_its_host_alone)
{
    char where[32];

    (void)snprintf(where, sizeof(where), "127.0.0.1:%u", server.port);
    courier_init_webhook(&courier, &kit, &hook, on_done);
    cr_assert(str_eq(courier_where(&courier), str_of(where)));
    cr_assert(str_eq(courier_kind(&courier), STR("webhook")));
}

static void carry_to_script(const char *script)
{
    const char *argv[] = { "/bin/sh", "-c", script, file, NULL };

    courier_init_command(&courier, &kit, argv, on_done);
    carry();
    courier.argv = NULL;
}

static void read_file(char *into, size_t size)
{
    FILE *f = fopen(file, "r");
    size_t n;

    cr_assert(f);
    n = fread(into, 1, size - 1, f);
    into[n] = '\0';
    (void)fclose(f);
}

Test(courier, a_command_gets_the_event_on_its_standard_input)
{
    struct buf event = { 0 };
    char got[4096];

    carry_to_script("cat >\"$0\"");
    cr_assert(taken, "%s", courier.why);
    alert_text_put_event(&event, parcel->alarm, buf_str(&json), STR("http://h/"));
    read_file(got, sizeof(got));
    cr_assert(str_eq(str_of(got), buf_str(&event)), "%s", got);
    buf_deinit(&event);
}

Test(courier, a_command_gets_what_a_script_asks_first_in_its_environment)
{
    char got[1024];

    carry_to_script("printf '%s\\n' \"$WEIR_ALARM_ID\" \"$WEIR_ALARM_STATE\" "
                    "\"$WEIR_ALARM_SEVERITY\" \"$WEIR_ALARM_MODEL\" \"$WEIR_ALARM_VERSION\" "
                    "\"$WEIR_ALARM_PREDICTION\" \"$WEIR_ALARM_SEGMENT\" "
                    "\"$WEIR_ALARM_SENTENCE\" >\"$0\"");
    cr_assert(taken, "%s", courier.why);
    read_file(got, sizeof(got));
    cr_assert_str_eq(got, ALARM_NAME "\nfiring\nconfirmed\nchat\nqwen \"2.5\"\nintent\n"
                                     "plan=pro\nintent=refund 4.5 % \u2192 20.3 %\n");
}

Test(courier, a_command_that_fails_has_not_taken_it)
{
    carry_to_script("exit 3");
    cr_assert_not(taken);
    cr_assert_str_eq(courier.why, "exit status 3");
}

Test(courier, a_command_that_is_not_there_has_not_taken_it)
{
    const char *argv[] = { "/nowhere/at/all", NULL };

    courier_init_command(&courier, &kit, argv, on_done);
    carry();
    cr_assert_not(taken);
    cr_assert(strstr(courier.why, "no such file"), "%s", courier.why);
}

static void on_turn(struct timer *t)
{
    (void)t;
    courier_cancel(&courier);
}

static void on_kill(struct timer *t)
{
    (void)t;
    courier_kill(&courier);
}

Test(courier, a_command_that_is_killed_has_not_taken_it)
{
    struct timer turn;

    timer_init(&turn, kit.loop, on_kill);
    timer_arm(&turn, 50 * 1000);
    carry_to_script("trap '' TERM; sleep 60; sleep 60");
    cr_assert_not(taken);
    cr_assert_str_eq(courier.why, "exit status 137");
    courier_kill(&courier); /* idle: nothing */
}

Test(courier, one_that_is_called_off_ends)
{
    struct timer turn;

    timer_init(&turn, kit.loop, on_turn);
    timer_arm(&turn, 50 * 1000);
    carry_to_script("exec sleep 25");
    cr_assert_not(taken);
    cr_assert_str_eq(courier.why, "cancelled");
    courier_cancel(&courier); /* idle: nothing */
}
