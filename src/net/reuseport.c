/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group is an array, in the order of listen(). A program that is attached to any socket of
 * the group answers with the index of the socket that a new connection goes to, and an index
 * past the end means: spread them, as without a program. When a socket is closed the last of
 * the array moves into its place.
 *
 * With `own` old sockets at the front and as many new ones or more behind them, the index
 * equal to the number of new ones is a new socket's until the last old one is closed; then it
 * is past the end. So one program, set once, leads every connection to a newcomer while the
 * old ones close in any order, and has no effect from the moment on when they are gone.
 *
 * With fewer new ones no index is like that. Then they share what comes by chance, and between
 * the first and the last of the old ones' closing a few connections may still go astray.
 */
#include "reuseport.h"

#include "weir/base/log.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { LINE = 512, PLACE = 64 };

/* As /proc/net writes a local address: each 32 bits of it as a number of this machine's. */
static bool write_place(int fd, char place[PLACE], const char **table)
{
    struct sockaddr_storage name = { 0 };
    socklen_t length = sizeof(name);
    uint32_t parts[4];

    if (getsockname(fd, (struct sockaddr *)&name, &length) != 0)
        return false;
    if (name.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&name;

        memcpy(parts, &v6->sin6_addr, sizeof(parts));
        (void)snprintf(place, PLACE, " %08X%08X%08X%08X:%04X ", parts[0], parts[1], parts[2],
                       parts[3], ntohs(v6->sin6_port));
        *table = "/proc/net/tcp6";
    } else {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&name;

        (void)snprintf(place, PLACE, " %08X:%04X ", v4->sin_addr.s_addr, ntohs(v4->sin_port));
        *table = "/proc/net/tcp";
    }
    return true;
}

/* How many sockets listen on the address of this one, itself included; 0: not known. */
static unsigned count_group(int fd)
{
    char place[PLACE];
    char line[LINE];
    const char *table;
    unsigned count = 0;
    FILE *file;

    if (!write_place(fd, place, &table))
        return 0;
    file = fopen(table, "re");
    if (!file)
        return 0;
    if (!fgets(line, sizeof(line), file)) /* the columns' names */
        line[0] = '\0';
    /* Listening sockets come first, so that a busy machine's many others are not read. */
    while (fgets(line, sizeof(line), file) && strstr(line, " 0A "))
        count += strstr(line, place) != NULL;
    (void)fclose(file);
    return count;
}

unsigned reuseport_steer(int fd, unsigned own)
{
    unsigned all = count_group(fd);
    unsigned others = all > own ? all - own : 0;
    struct sock_filter one[] = { BPF_STMT(BPF_RET | BPF_K, others) };
    struct sock_filter any[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM)),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, others),
        BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, own),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    struct sock_fprog program = { 1, one };

    if (others == 0)
        return 0;
    if (others < own)
        program = (struct sock_fprog){ sizeof(any) / sizeof(*any), any };
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)) != 0)
        log_warn("listener_not_steered", F_TEXT("why", strerror(errno)));
    return others;
}
