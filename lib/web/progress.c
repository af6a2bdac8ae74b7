/* SPDX-License-Identifier: MIT
 * Whether a peer is slow or dead, for time-outs. Runs on the connection's loop. */
#include "lib/web/progress.h"

#include <sys/ioctl.h>
#include <linux/sockios.h>

uint64_t progress_bytes(const struct conn *c)
{
    int queued = 0;
    if (ioctl(conn_fd(c), SIOCOUTQ, &queued) != 0 || queued < 0)
        queued = 0;
    uint64_t out = conn_bytes_out(c);
    return conn_bytes_in(c) + (out > (uint64_t)queued ? out - (uint64_t)queued : 0);
}
