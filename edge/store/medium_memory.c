/* SPDX-License-Identifier: MIT */

/* The memfd. Room is never written twice between two drops: sendfile leaves references to its pages
 * in the queues of sockets, and bytes written over them would reach a client in the middle of some
 * other answer. A dropped page lives on for the socket alone; the next write gets a fresh one. */
#include "edge/store/medium_memory.h"

#include "lib/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE_BYTES 4096

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static int reserve_addresses(struct medium_memory *m)
{
    void *base =
        mmap(NULL, m->bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return err_of_errno(errno);
    m->base = base;
    return 0;
}

int medium_memory_init(struct medium_memory *m, size_t bytes, bool is_hollow)
{
    *m = (struct medium_memory){.fd = -1, .bytes = bytes, .is_hollow = is_hollow};
    if (is_hollow)
        return reserve_addresses(m);
    *m = (struct medium_memory){.fd = memfd_create("byeori-store", MFD_CLOEXEC), .bytes = bytes};
    if (m->fd < 0)
        return err_of_errno(errno);
    if (ftruncate(m->fd, (off_t)bytes) != 0)
        return err_of_errno(errno);
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, m->fd, 0);
    if (base == MAP_FAILED)
        return err_of_errno(errno);
    m->base = base;
    return 0;
}

void medium_memory_finish(struct medium_memory *m)
{
    if (m->base != NULL)
        munmap(m->base, m->bytes);
    if (m->fd >= 0)
        close(m->fd);
    *m = (struct medium_memory){.fd = -1};
}

int medium_memory_prepare(struct medium_memory *m, size_t offset, size_t n)
{
    int r;
    if (m->is_hollow)
        return 0;
    n += offset % PAGE_BYTES;
    offset -= offset % PAGE_BYTES;
    do {
        r = madvise(m->base + offset, n, MADV_POPULATE_WRITE);
    } while (r != 0 && (errno == EINTR || errno == EAGAIN));
    if (r != 0 && errno == EINVAL) /* before Linux 5.14 */
        r = fallocate(m->fd, 0, (off_t)offset, (off_t)n);
    return r == 0 ? 0 : ERR_NO_MEMORY;
}

int medium_memory_write(struct medium_memory *m, size_t offset, const void *from, size_t n)
{
    const char *p = from;
    while (n > 0) {
        ssize_t put = pwrite(m->fd, p, n, (off_t)offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return ERR_NO_MEMORY;
        p += put;
        offset += (size_t)put;
        n -= (size_t)put;
    }
    return 0;
}

void medium_memory_drop(struct medium_memory *m, size_t offset, size_t n)
{
    int r;
    if (n == 0 || m->is_hollow)
        return;
    do {
        r = fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)n);
    } while (r != 0 && errno == EINTR);
    CHECK(r == 0);
}
