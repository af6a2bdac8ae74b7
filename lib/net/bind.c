/* SPDX-License-Identifier: MIT */
#include "lib/net/bind.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

int bind_shared(const struct addr *addr, bool is_first, bind_fn bound)
{
    if (is_first && addr_port(addr) != 0) {
        int probe = bound(addr, false);
        if (probe < 0)
            return probe;
        close(probe);
    }
    return bound(addr, true);
}

int bind_learn(int fd, struct addr *addr)
{
    union {
        struct sockaddr any;
        struct sockaddr_storage room;
    } u;
    socklen_t n = sizeof u;
    if (getsockname(fd, &u.any, &n) != 0)
        return -errno;
    addr_from_sockaddr(addr, &u.any);
    return 0;
}
