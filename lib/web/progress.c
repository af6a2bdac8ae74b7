/* SPDX-License-Identifier: MIT
 * Whether a peer is slow or dead, for time-outs. Runs on the connection's loop. */
#include "lib/web/progress.h"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

static uint64_t waiting_in(const struct conn *c, unsigned long queue)
{
    int bytes = 0;
    return ioctl(conn_fd(c), queue, &bytes) == 0 && bytes > 0 ? (uint64_t)bytes : 0;
}

uint64_t progress_queued(const struct conn *c)
{
    return waiting_in(c, SIOCOUTQ);
}

uint64_t progress_unread(const struct conn *c)
{
    return waiting_in(c, SIOCINQ);
}

bool progress_is_reset(const struct conn *c)
{
    struct tcp_info info;
    socklen_t n = sizeof(info);
    return getsockopt(conn_fd(c), IPPROTO_TCP, TCP_INFO, &info, &n) == 0 &&
           info.tcpi_state == TCP_CLOSE;
}

uint64_t progress_bytes(const struct conn *c)
{
    uint64_t queued = progress_queued(c), out = conn_bytes_taken(c);
    return conn_bytes_in(c) + (out > queued ? out - queued : 0);
}
