/* SPDX-License-Identifier: Apache-2.0 */
#include "notify.h"

#include "weir/base/clock.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- states ------------------------------------------------------------------------------ */

/* A path, or, behind an @, a name without a file (unix(7)). */
static socklen_t put_address(struct sockaddr_un *out, const char *path)
{
    size_t len = strlen(path);

    if ((path[0] != '/' && path[0] != '@') || len < 2 || len >= sizeof(out->sun_path))
        return 0;
    *out = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(out->sun_path, path, len);
    if (path[0] == '@')
        out->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

void notify_say(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to;
    socklen_t size = path ? put_address(&to, path) : 0;
    int fd;

    if (size == 0)
        return;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to, size);
    (void)close(fd);
}

void notify_reloading(void)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
                   (unsigned long long)clock_now_us());
    notify_say(text);
}

/* ---- inherited sockets --------------------------------------------------------------------- */

static unsigned inherited_count(void)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    uint64_t wanted, n;

    if (!pid || !count || !str_to_u64(str_of(pid), &wanted) || !str_to_u64(str_of(count), &n))
        return 0;
    return wanted == (uint64_t)getpid() && n <= 16 ? (unsigned)n : 0;
}

/* Named for one of our two uses; other names, such as a unit's, say nothing. */
static bool is_telling(struct str name)
{
    return str_eq(name, STR("data")) || str_eq(name, STR("admin"));
}

int notify_socket(struct str name, unsigned n)
{
    const char *names = getenv("LISTEN_FDNAMES");
    struct str rest = str_of(names), word;
    unsigned count = inherited_count(), at = n;

    for (unsigned i = 0; names && i < count && str_split(&rest, ':', &word); i++) {
        if (str_eq(word, name)) {
            at = i;
            break;
        }
        if (i == n && is_telling(word))
            at = count; /* it is meant for the other use */
    }
    if (at >= count)
        return -1;
    (void)fcntl(NOTIFY_FIRST_FD + (int)at, F_SETFD, FD_CLOEXEC);
    return NOTIFY_FIRST_FD + (int)at;
}
