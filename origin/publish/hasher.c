/* SPDX-License-Identifier: MIT
 *
 * Hashing the files of a release on several threads. A file is read once: each piece goes into the
 * digest of the file and into that of its block. */
#include "origin/publish/hasher.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PIECE_BYTES (256 << 10)
#define PROGRESS_NS 100000000
#define THREADS_MAX 64

struct hashing {
    const struct hasher_spec *spec;
    struct tree_file **order; /* count of them, the largest first */
    size_t count;
    _Atomic size_t next;
    _Atomic int64_t done_bytes;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    int running, err;                /* under the lock */
    const struct tree_file *culprit; /* of err */
};

static int by_size(const void *a, const void *b)
{
    const struct tree_file *const *x = a, *const *y = b;
    int64_t l = (*x)->entry.size_bytes, r = (*y)->entry.size_bytes;
    return l > r ? -1 : l < r;
}

static ssize_t read_piece(int fd, uint8_t *piece, size_t room)
{
    ssize_t n;
    do
        n = read(fd, piece, room);
    while (n < 0 && errno == EINTR);
    return n;
}

/* The file's bytes into its digest and its blocks'; pieces never cross the end of a block. */
static int hash_open(struct hashing *h, struct tree_file *f, int fd, uint8_t *piece)
{
    int64_t block_bytes = h->spec->block_bytes, at = 0;
    struct manifest_file *e = &f->entry;
    struct digest_stream *whole = digest_sha256_create(), *block = NULL;
    e->block_count = (size_t)((e->size_bytes + block_bytes - 1) / block_bytes);
    e->blocks = mem_zarray(e->block_count + 1, sizeof *e->blocks);
    while (at < e->size_bytes) {
        int64_t to_end = block_bytes - at % block_bytes;
        ssize_t n = read_piece(fd, piece, to_end < PIECE_BYTES ? (size_t)to_end : PIECE_BYTES);
        if (n <= 0)
            break;
        if (block == NULL)
            block = digest_sha256_create();
        digest_add(whole, piece, (size_t)n);
        digest_add(block, piece, (size_t)n);
        at += n;
        atomic_fetch_add_explicit(&h->done_bytes, n, memory_order_relaxed);
        if (at % block_bytes == 0 || at >= e->size_bytes)
            digest_end(&block, e->blocks[(at - 1) / block_bytes]);
    }
    uint8_t rest[DIGEST_SHA256_BYTES];
    if (block != NULL)
        digest_end(&block, rest);
    digest_end(&whole, e->sha256);
    return at == e->size_bytes && tree_file_is_unchanged(f, fd) ? 0 : ERR_CHANGED;
}

static int hash_file(struct hashing *h, struct tree_file *f, uint8_t *piece)
{
    int fd = tree_file_open(f);
    if (fd < 0)
        return fd;
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    int err = hash_open(h, f, fd, piece);
    close(fd);
    return err;
}

static bool has_failed(struct hashing *h)
{
    pthread_mutex_lock(&h->lock);
    bool failed = h->err != 0;
    pthread_mutex_unlock(&h->lock);
    return failed;
}

static void *hash_some(void *ctx)
{
    struct hashing *h = ctx;
    uint8_t *piece = mem_alloc(PIECE_BYTES);
    size_t i;
    while ((i = atomic_fetch_add(&h->next, 1)) < h->count && !has_failed(h)) {
        int err = hash_file(h, h->order[i], piece);
        if (err == 0)
            continue;
        pthread_mutex_lock(&h->lock);
        if (h->err == 0)
            h->culprit = h->order[i];
        h->err = h->err == 0 ? err : h->err;
        pthread_mutex_unlock(&h->lock);
    }
    mem_free(piece);
    pthread_mutex_lock(&h->lock);
    h->running--;
    pthread_cond_signal(&h->ended);
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

static void wait_for_all(struct hashing *h)
{
    const struct hasher_spec *spec = h->spec;
    pthread_mutex_lock(&h->lock);
    while (h->running > 0) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += PROGRESS_NS;
        until.tv_sec += until.tv_nsec / NSEC_PER_SEC;
        until.tv_nsec %= NSEC_PER_SEC;
        (void)pthread_cond_timedwait(&h->ended, &h->lock, &until);
        if (spec->progress == NULL)
            continue;
        pthread_mutex_unlock(&h->lock);
        spec->progress(spec->ctx, atomic_load_explicit(&h->done_bytes, memory_order_relaxed));
        pthread_mutex_lock(&h->lock);
    }
    pthread_mutex_unlock(&h->lock);
}

int hasher_run(const struct hasher_spec *spec, struct buf *why)
{
    pthread_t threads[THREADS_MAX];
    struct hashing h = {.spec = spec};
    int count = spec->threads < THREADS_MAX ? spec->threads : THREADS_MAX;
    h.order = mem_zarray(spec->tree->count + 1, sizeof(struct tree_file *));
    for (size_t i = 0; i < spec->tree->count; i++)
        if (spec->tree->files[i].entry.blocks == NULL)
            h.order[h.count++] = &spec->tree->files[i];
    qsort(h.order, h.count, sizeof(struct tree_file *), by_size);
    pthread_mutex_init(&h.lock, NULL);
    pthread_cond_init(&h.ended, NULL);
    h.running = count;
    for (int i = 0; i < count; i++)
        CHECK(pthread_create(&threads[i], NULL, hash_some, &h) == 0);
    wait_for_all(&h);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_cond_destroy(&h.ended);
    pthread_mutex_destroy(&h.lock);
    mem_free(h.order);
    if (h.err != 0)
        buf_printf(why, "%.*s: %s", SPAN_FMT(h.culprit->entry.path), err_text(h.err));
    return h.err;
}
