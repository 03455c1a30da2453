/* SPDX-License-Identifier: Apache-2.0 */
#include "notify.h"

#include <criterion/criterion.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void hand_down(const char *count, const char *names, long pid)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%ld", pid);
    (void)setenv("LISTEN_PID", text, 1);
    (void)setenv("LISTEN_FDS", count, 1);
    if (names)
        (void)setenv("LISTEN_FDNAMES", names, 1);
    else
        (void)unsetenv("LISTEN_FDNAMES");
}

static int data(void)
{
    return notify_socket(STR("data"), 0);
}

static int admin(void)
{
    return notify_socket(STR("admin"), 1);
}

Test(notify, sockets_without_names_go_by_their_place, .timeout = 10)
{
    hand_down("2", NULL, getpid());
    cr_assert_eq(data(), 3);
    cr_assert_eq(admin(), 4);
}

Test(notify, sockets_with_names_go_by_them, .timeout = 10)
{
    hand_down("2", "admin:data", getpid());
    cr_assert_eq(data(), 4);
    cr_assert_eq(admin(), 3);
}

Test(notify, a_name_that_says_nothing_goes_by_its_place, .timeout = 10)
{
    hand_down("1", "weir.socket", getpid());
    cr_assert_eq(data(), 3);
    cr_assert_eq(admin(), -1);
}

Test(notify, sockets_of_another_process_are_not_ours, .timeout = 10)
{
    hand_down("2", "data:admin", (long)getpid() + 1);
    cr_assert_eq(data(), -1);
}

Test(notify, a_count_that_is_none_hands_down_nothing, .timeout = 10)
{
    hand_down("two", NULL, getpid());
    cr_assert_eq(data(), -1);
}

Test(notify, the_admin_socket_alone_is_not_taken_for_data, .timeout = 10)
{
    hand_down("1", "admin", getpid());
    cr_assert_eq(admin(), 3);
    cr_assert_eq(data(), -1);
}

Test(notify, a_state_reaches_a_name_without_a_file, .timeout = 10)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    socklen_t size = sizeof(at);
    char name[128], got[64] = "";
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof(at.sun_family)), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    (void)snprintf(name, sizeof(name), "@%.*s",
                   (int)(size - offsetof(struct sockaddr_un, sun_path) - 1), at.sun_path + 1);
    (void)setenv("NOTIFY_SOCKET", name, 1);
    notify_say("READY=1");
    cr_assert_eq(recv(fd, got, sizeof(got) - 1, 0), 7);
    cr_assert_str_eq(got, "READY=1");
    (void)close(fd);
}

Test(notify, without_a_manager_nothing_is_said, .timeout = 10)
{
    (void)unsetenv("NOTIFY_SOCKET");
    notify_say("READY=1");
}
