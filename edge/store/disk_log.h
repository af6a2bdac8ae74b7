/* SPDX-License-Identifier: MIT
 * private to edge/store: the records of a disk, one after the other */
#ifndef EDGE_STORE_DISK_LOG_H
#define EDGE_STORE_DISK_LOG_H

#include "edge/store/disk.h"

/* The open segment and the buffer before it. A record that was taken is on the disk after the next
 * flush, or undone. All: 0; ERR_NO_SPACE: the file system gives no room; ERR_IO: the disk is dead.
 * Threads: the writer's, or before it starts. */

/* disk_log_object: the head of o, unless its newest one is there already (and not `again`);
 * ERR_CHANGED: a purge fell on it.
 * disk_log_block: the bytes at payload, as j->record says (disk_code.h); takes the job on 0. */
MUST_USE int disk_log_object(struct disk *d, struct object *o, bool again);
MUST_USE int disk_log_block(struct disk *d, const struct object *o, struct disk_job *j,
                            const void *payload);
MUST_USE int disk_log_drop(struct disk *d, uint64_t id);
/* disk_log_purge: r->kind, key and length are given. disk_log_sync: flushes, and all that was ever
 * flushed outlives the machine. */
MUST_USE int disk_log_purge(struct disk *d, const struct disk_record *r, const void *payload);
MUST_USE int disk_log_sync(struct disk *d);
/* disk_log_undo: a job that was not taken: its block stays where it is. */
void disk_log_undo(struct disk *d, struct disk_job *j);
/* disk_log_flush: the buffer. disk_log_close: the open segment gets its summary. */
void disk_log_flush(struct disk *d);
void disk_log_close(struct disk *d);

#endif
