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
void sink_reopen(
    struct sink *s); /* after a rename by a log rotator; the old file stays on failure */
uint64_t sink_dropped(const struct sink *s); /* lines */

#endif
