/* SPDX-License-Identifier: MIT
 * The floor under all DNS servers: each datagram goes back with the mark of an answer and as many
 * bytes more as an A record has, blind to what was asked. One thread, one socket, batches. What a
 * real server costs beyond this is its own; what this costs is the kernel's.
 *
 *   floor PORT      on 127.0.0.1 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#define BATCH        32
#define QUEUE_BYTES  (1 << 20) /* as both servers have: all that is on the way fits */
#define BYTES        512
#define RECORD_BYTES 16
#define FLAGS_AT     2
#define ANSWER       0x84 /* QR, AA */

static struct mmsghdr messages[BATCH];
static struct iovec parts[BATCH];
static struct sockaddr_in peers[BATCH];
static uint8_t bytes[BATCH][BYTES];

static int bound_socket(uint16_t port)
{
    struct sockaddr_in here = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int room = QUEUE_BYTES, fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&here, sizeof here) != 0)
        err(1, "port %u", port);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    return fd;
}

static int receive(int fd)
{
    for (int i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){bytes[i], BYTES - RECORD_BYTES};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &peers[i],
                                              .msg_namelen = sizeof peers[i],
                                              .msg_iov = &parts[i],
                                              .msg_iovlen = 1};
    }
    int n = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
    if (n < 0 && errno != EINTR)
        err(1, "recvmmsg");
    return n;
}

static void answer(int fd, int count)
{
    for (int i = 0; i < count; i++) {
        bytes[i][FLAGS_AT] |= ANSWER;
        parts[i].iov_len = messages[i].msg_len + RECORD_BYTES;
    }
    for (int sent = 0; sent < count;) {
        int n = sendmmsg(fd, messages + sent, (unsigned)(count - sent), 0);
        sent += n > 0 ? n : 1; /* one that cannot be sent is left out */
    }
}

int main(int argc, char **argv)
{
    if (argc != 2)
        errx(2, "usage: floor PORT");
    int fd = bound_socket((uint16_t)strtoul(argv[1], NULL, 10));
    for (;;)
        answer(fd, receive(fd));
}
