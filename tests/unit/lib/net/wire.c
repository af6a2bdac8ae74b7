/* SPDX-License-Identifier: MIT */
#include "tests/unit/lib/net/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

int wire_listen(struct addr *addr)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t n = sizeof(addr->v4);
    CHECK(fd >= 0);
    CHECK(addr_parse(SPAN("127.0.0.1:0"), -1, addr) == 0);
    CHECK(bind(fd, &addr->any, addr_bytes(addr)) == 0 && listen(fd, 16) == 0);
    CHECK(getsockname(fd, &addr->any, &n) == 0);
    return fd;
}

void wire_connect(int fds[2])
{
    struct addr addr;
    int listener = wire_listen(&addr), room = 32768, on = 1;
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fds[0] >= 0);
    CHECK(connect(fds[0], &addr.any, addr_bytes(&addr)) == 0);
    fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    CHECK(fds[1] >= 0);
    close(listener);
    for (int i = 0; i < 2; i++) {
        CHECK(fcntl(fds[i], F_SETFL, O_NONBLOCK) == 0);
        CHECK(setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) == 0);
        CHECK(setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
    }
}

void wire_block(int fd)
{
    CHECK(fcntl(fd, F_SETFL, 0) == 0);
}
