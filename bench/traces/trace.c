/* SPDX-License-Identifier: MIT */

/* Trace files: mapped for reading, streamed for writing. */
#include "bench/traces/trace.h"

#include "lib/base/err.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14; speed only */
#endif

static bool fits(const struct trace *t)
{
    const struct trace_head *h = t->head;
    return h->magic == TRACE_MAGIC && h->version == TRACE_VERSION &&
           h->rows == (t->mapped - sizeof(*h)) / sizeof(struct trace_row);
}

int trace_open(struct trace *t, const char *path)
{
    struct stat st;
    *t = (struct trace){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return ERR_NOT_FOUND;
    if (fstat(fd, &st) != 0 || (size_t)st.st_size < sizeof(struct trace_head)) {
        close(fd);
        return ERR_SYNTAX;
    }
    void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (at == MAP_FAILED)
        return ERR_NO_MEMORY;
    t->mapped = (size_t)st.st_size;
    t->head = at;
    t->rows = (const struct trace_row *)(t->head + 1);
    if (fits(t))
        return 0;
    trace_close(t);
    return ERR_SYNTAX;
}

void trace_expect(const struct trace *t)
{
    (void)madvise((void *)(uintptr_t)t->head, t->mapped, MADV_POPULATE_READ);
}

void trace_close(struct trace *t)
{
    if (t->head != NULL)
        munmap((void *)(uintptr_t)t->head, t->mapped);
    *t = (struct trace){0};
}

int trace_begin(struct trace_writer *w, const char *path, const struct trace_head *head)
{
    *w = (struct trace_writer){.file = fopen(path, "wbe"), .head = *head};
    if (w->file == NULL)
        return ERR_IO;
    w->head.magic = TRACE_MAGIC;
    w->head.version = TRACE_VERSION;
    w->head.rows = 0;
    (void)fwrite(&w->head, sizeof(w->head), 1, w->file);
    return 0;
}

void trace_add(struct trace_writer *w, const struct trace_row *r)
{
    w->head.rows += fwrite(r, sizeof(*r), 1, w->file);
}

bool trace_end(struct trace_writer *w)
{
    bool is_good = fseek(w->file, 0, SEEK_SET) == 0 &&
                   fwrite(&w->head, sizeof(w->head), 1, w->file) == 1 && !ferror(w->file);
    return fclose(w->file) == 0 && is_good;
}

struct trace_row trace_scale(const struct trace_row *r, uint64_t factor)
{
    struct trace_row s = *r;
    uint64_t end = (r->offset + r->length + factor - 1) / factor;
    s.size = (r->size + factor - 1) / factor;
    s.offset = r->offset / factor;
    s.length = end - s.offset;
    s.taken = (r->taken + factor - 1) / factor;
    s.taken = s.taken > s.length || r->taken == r->length ? s.length : s.taken;
    s.taken += s.taken == 0;
    return s;
}
