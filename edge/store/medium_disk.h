/* SPDX-License-Identifier: MIT
 * private to edge/store: a folder of preallocated segment files */
#ifndef EDGE_STORE_MEDIUM_DISK_H
#define EDGE_STORE_MEDIUM_DISK_H

#include "edge/store/disk_face.h"
#include "edge/store/disk_format.h"
#include "lib/base/buf.h"

/* One folder, locked for this process:
 *
 *   byeori-disk     a line of text: version (1, DISK_LABEL_CODED), bytes of a segment, id, secret
 *   byeori-spread   a line: of which disks it is one, and has none but its own keys
 *   000017.segment  and so on: numbers below `count`
 *
 * Files are made when their segment is first written, and kept. They are read and written in whole
 * pages past the page cache (the store's memory is the cache), or through it where the file system
 * knows no other way. Threads: reading and writing any; the rest one at a time. */
struct medium_disk {
    const struct disk_io *io;
    char *path;
    int folder; /* its descriptor, locked */
    uint32_t segment_bytes, count;
    uint32_t version; /* of its label */
    uint64_t id;
    uint64_t spread;  /* of the disks among which it held its own keys alone; 0: not known */
    uint64_t secret;  /* of the tags of objects that lie here (edge/policy/tags.h) */
    _Atomic int *fds; /* of each segment; -1: no file yet */
};

/* medium_disk_open: 0, or a code and why. segment_bytes is asked for where the folder is new; a
 * folder in use keeps its own. ERR_VERSION: of another format (and config->is_reformat is not set).
 * Segment files beyond the size are renamed into it or removed, the oldest first. */
MUST_USE int medium_disk_open(struct medium_disk *m, const struct store_disk *config,
                              uint32_t block_max_bytes, struct buf *why);
void medium_disk_close(struct medium_disk *m);
/* medium_disk_rehearse: what medium_disk_open would say that an operator has to mend, without
 * changing anything and without the lock, which a running process may have. */
MUST_USE int medium_disk_rehearse(const struct store_disk *config, uint32_t block_max_bytes,
                                  struct buf *why);

/* All of n bytes; whole pages (bytes, place and memory). 0 or an error with errno kept. */
MUST_USE int medium_disk_read(const struct medium_disk *m, uint32_t segment, uint64_t at, void *to,
                              size_t n);
/* medium_disk_read_into: the same into several places, one after the other; uses v up. */
MUST_USE int medium_disk_read_into(const struct medium_disk *m, uint32_t segment, uint64_t at,
                                   struct iovec *v, int count);
MUST_USE int medium_disk_write(const struct medium_disk *m, uint32_t segment, uint64_t at,
                               const void *from, size_t n);
/* Bytes that need not begin or end on pages. medium_disk_around: of the pages around them.
 * medium_disk_read_around: into `pages`, that large; *out: where they lie in it. */
struct medium_piece {
    uint32_t segment, at, bytes;
};
size_t medium_disk_around(const struct medium_piece *p);
MUST_USE int medium_disk_read_around(const struct medium_disk *m, const struct medium_piece *p,
                                     uint8_t *pages, const uint8_t **out);
/* medium_disk_make: the file of a segment exists from here, all of its room with it. */
MUST_USE int medium_disk_make(struct medium_disk *m, uint32_t segment);
bool medium_disk_has_unmade(const struct medium_disk *m); /* some segments have no file */
MUST_USE int medium_disk_sync(const struct medium_disk *m, uint32_t segment);
/* medium_disk_allow_coded: records of DISK_CODED may lie there from here. */
MUST_USE int medium_disk_allow_coded(struct medium_disk *m, struct buf *why);
/* medium_disk_spread: tells the folder's next user; 0: nothing, and that outlives the machine. */
MUST_USE int medium_disk_spread(struct medium_disk *m, uint64_t spread);
/* medium_disk_probe: whether a file can be written and read again. */
MUST_USE int medium_disk_probe(const struct medium_disk *m);

/* Memory on page borders. Aborts where there is none: sizes are the disk's own. */
void *disk_pages_get(size_t bytes) __attribute__((returns_nonnull));
void disk_pages_put(void *p, size_t bytes);

#endif
