/* SPDX-License-Identifier: Apache-2.0 */
#include "address.h"

#include "weir/net/tcp.h"

#include "notify.h"

#include <stdio.h>

int address_inherited(const char *name, unsigned place)
{
    int fd = notify_socket(str_of(name), place);

    return fd > 0 && listener_is_listening(fd) ? fd : 0;
}

enum err address_probe(struct str address, int inherited, bool shared, struct fault *why)
{
    return shared || inherited > 0 ? OK : listener_probe(address, why);
}

struct str address_with_port(struct str address, unsigned port, char *out, size_t size)
{
    size_t host = address.len;
    int n;

    while (host > 0 && address.at[host - 1] != ':')
        host--;
    n = snprintf(out, size, "%.*s%u", (int)host, address.at, port);
    return (struct str){ out, (size_t)n };
}
