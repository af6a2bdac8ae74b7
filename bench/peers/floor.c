/* SPDX-License-Identifier: MIT
 * The floor under all servers: canned bytes for whatever arrives, by one epoll loop, blind to
 * what was asked. `write` of head and body in one up to 64 KB, `sendfile` from memory above. What
 * a real server costs beyond this is its own; what this costs is the kernel's.
 *
 *   floor PORT BYTES      listens on 127.0.0.1, answers 200 with BYTES bytes of 'x' */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#define WRITE_MAX 65536
#define CONNS     65536
#define EVENTS    64

static char *answer;
static size_t head_bytes, all_bytes;
static int file;
static size_t sent_of[CONNS]; /* by descriptor; 0: nothing is on its way */

static void make_answer(size_t body_bytes)
{
    char head[128];
    head_bytes = (size_t)snprintf(head, sizeof(head),
                                  "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", body_bytes);
    all_bytes = head_bytes + body_bytes;
    file = memfd_create("floor", MFD_CLOEXEC);
    if (file < 0 || ftruncate(file, (off_t)all_bytes) != 0)
        err(1, "memfd");
    answer = mmap(NULL, all_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (answer == MAP_FAILED)
        err(1, "mmap");
    memcpy(answer, head, head_bytes);
    memset(answer + head_bytes, 'x', body_bytes);
}

/* False: the connection is over. */
static int send_more(int fd)
{
    while (sent_of[fd] < all_bytes) {
        off_t at = (off_t)sent_of[fd];
        ssize_t n = all_bytes - head_bytes <= WRITE_MAX
                        ? send(fd, answer + at, all_bytes - (size_t)at, MSG_NOSIGNAL)
                        : sendfile(fd, file, &at, all_bytes - (size_t)at);
        if (n < 0)
            return errno == EAGAIN;
        sent_of[fd] += (size_t)n;
    }
    sent_of[fd] = 0;
    return 1;
}

static int serve(int fd)
{
    char request[4096];
    if (sent_of[fd] > 0)
        return send_more(fd);
    ssize_t n = recv(fd, request, sizeof(request), 0);
    if (n <= 0)
        return n < 0 && errno == EAGAIN;
    return send_more(fd);
}

static void accept_all(int listener, int epoll)
{
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = fd};
        if (fd >= CONNS || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0)
            err(1, "connection");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        sent_of[fd] = 0;
    }
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 4096) != 0)
        err(1, "port %u", port);
    return fd;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        errx(2, "usage: floor PORT BYTES");
    struct sigaction ignore = {.sa_handler = SIG_IGN}; /* sendfile has no MSG_NOSIGNAL */
    sigaction(SIGPIPE, &ignore, NULL);
    make_answer(strtoul(argv[2], NULL, 10));
    int listener = listen_on((uint16_t)strtoul(argv[1], NULL, 10)), epoll = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                accept_all(listener, epoll);
            else if (!serve(fd))
                close(fd);
        }
    }
}
