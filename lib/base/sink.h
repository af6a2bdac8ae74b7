/* SPDX-License-Identifier: MIT */
#ifndef LIB_BASE_SINK_H
#define LIB_BASE_SINK_H

#include "lib/base/check.h"
#include "lib/base/span.h"

/* Lines to a file (or descriptor) through a thread of its own, so that no writer ever waits for a
 * disk or a pipe. Bounded: past bound_bytes in memory, lines are dropped whole and counted.
 * Lines of one thread keep their order. Written at the latest 1 s after they came, or when 64 KiB
 * are together. Threads: any for sink_add and sink_reopen; create and destroy by the owner. */
struct sink;

/* sink_open: appends to path (mode 0640), or to standard error where path is "-" .
 * 0 and *out, or ERR_IO/ERR_DENIED/ERR_NOT_FOUND with errno kept. */
MUST_USE int sink_open(struct sink **out, const char *path, size_t bound_bytes);
void sink_close(struct sink **s);                /* writes what is left (at most 2 s), takes *s */
void sink_add(struct sink *s, struct span line); /* with its newline */
/* sink_reopen: after a rename by a log rotator; the old file stays on failure. */
void sink_reopen(struct sink *s);

/* What has gone wrong since it was opened. Threads: any. */
struct sink_faults {
    uint64_t dropped;      /* lines */
    uint64_t not_reopened; /* times */
    int errnum;            /* of the newest; 0: lines came faster than they are written */
};
struct sink_faults sink_faults(const struct sink *s);

#endif
