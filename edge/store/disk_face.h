/* SPDX-License-Identifier: MIT */
#ifndef EDGE_STORE_DISK_FACE_H
#define EDGE_STORE_DISK_FACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* What is said of a disk: to the store, and by it. */

/* The calls that reach a disk, as open(2), preadv, pwrite, fallocate and fdatasync: so that a test
 * can put faults between. */
struct disk_io {
    int (*open)(int folder, const char *name, int flags);
    ssize_t (*read)(int fd, const struct iovec *to, int count, off_t at);
    ssize_t (*write)(int fd, const void *from, size_t n, off_t at);
    int (*allocate)(int fd, off_t bytes);
    int (*sync)(int fd);
};
extern const struct disk_io disk_io_system;

struct store_disk {
    const char *path;         /* a folder, made where there is none */
    int64_t size_bytes;       /* cap on its segment files */
    double weight;            /* its share of the objects */
    bool is_reformat;         /* empty it, whatever it holds */
    const struct disk_io *io; /* NULL: the system's */
};

/* STORE_DISK_SLOW: readers of what it holds go past it. STORE_DISK_DEAD: it is not used until a
 * probe finds it well. */
#define STORE_DISK_STATES(X) X(UP, "up") X(SLOW, "slow") X(DEAD, "dead")
enum store_disk_state {
#define X(id, text) STORE_DISK_##id,
    STORE_DISK_STATES(X)
#undef X
};
const char *store_disk_state_text(enum store_disk_state s);

struct store_disk_usage {
    const char *path;
    enum store_disk_state state;
    uint32_t unread_segments;      /* since the start: what lies there is a miss as yet */
    int64_t used_bytes, cap_bytes; /* of segment files */
    int64_t queued_bytes, loads;   /* waiting to be written; to be read */
};

#endif
