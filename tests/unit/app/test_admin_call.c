/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_call.h"

#include "upstream.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static struct upstream server;
static struct admin_call call;
static struct buf answer;
static struct fault why;
static char address[32], heard[4096];
static long status;

static void serve(struct upstream *u, int fd, unsigned nth)
{
    (void)nth;
    if (upstream_hear(u, fd, heard, sizeof(heard)))
        upstream_say(fd, "HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\nhello");
}

static void start(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    upstream_start(&server, serve);
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", server.port);
    call = (struct admin_call){ .address = str_of(address),
                                .method = "POST",
                                .path = STR("/admin/baselines"),
                                .body = STR("{\"model\":\"chat\"}") };
}

static void stop(void)
{
    upstream_stop(&server);
    buf_deinit(&answer);
}

TestSuite(admin_call, .init = start, .fini = stop, .timeout = 30);

Test(admin_call, an_answer_of_any_status_is_one)
{
    cr_assert_eq(admin_call(&call, &status, &answer, &why), OK, "%s", why.text);
    cr_assert_eq(status, 403);
    cr_assert(str_eq(buf_str(&answer), STR("hello")));
    cr_assert(strstr(heard, "POST /admin/baselines HTTP/1.1\r\n"));
    cr_assert(strstr(heard, "{\"model\":\"chat\"}"));
}

Test(admin_call, the_token_goes_along_where_there_is_one)
{
    cr_assert_eq(admin_call(&call, &status, &answer, &why), OK);
    cr_assert_not(strcasestr(heard, "authorization:"));
    call.token = STR("t0ken");
    cr_assert_eq(admin_call(&call, &status, &answer, &why), OK);
    cr_assert(strcasestr(heard, "authorization: Bearer t0ken\r\n"));
}

Test(admin_call, what_listens_everywhere_is_asked_on_this_machine)
{
    (void)snprintf(address, sizeof(address), "0.0.0.0:%u", server.port);
    call.address = str_of(address);
    cr_assert_eq(admin_call(&call, &status, &answer, &why), OK, "%s", why.text);
}

Test(admin_call, nobody_there_is_told_with_the_address)
{
    call.address = STR("127.0.0.1:1");
    cr_assert_eq(admin_call(&call, &status, &answer, &why), ERR_UPSTREAM_UNREACHABLE);
    cr_assert(strstr(why.text, "127.0.0.1:1 does not answer"), "%s", why.text);
}

Test(admin_call, what_is_no_address_is_told)
{
    call.address = STR("nowhere");
    cr_assert_eq(admin_call(&call, &status, &answer, &why), ERR_CONFIG);
    cr_assert(strstr(why.text, "nowhere"));
}
