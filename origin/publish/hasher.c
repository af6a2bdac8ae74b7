/* SPDX-License-Identifier: MIT
 *
 * Hashing the files of a release on several threads. A file is read once: each piece goes into the
 * digest of the file, into those of its block, and into that of the release's block (what a torrent
 * of all files has). Those of the release's blocks that have bytes of several files are hashed by
 * themselves, from what the kernel still has in memory. */
#include "origin/publish/hasher.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/thread.h"

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

/* A block of the release that begins in one file and ends in another. */
struct shared_block {
    size_t index, first_file; /* in tree->files */
};

struct hashing {
    const struct hasher_spec *spec;
    struct tree *tree;
    struct tree_file **order; /* count of them, the largest first */
    size_t count;
    struct shared_block *shared;
    size_t shared_count;
    bool has_pieces;     /* for torrents, of each file */
    int64_t total_bytes; /* of the release's blocks; 0: they are not wanted */
    _Atomic size_t next; /* in order, then in shared */
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

/* Where a file stands on its way through the digests. */
struct pass {
    struct hashing *h;
    struct tree_file *f;
    int64_t at;
    struct digest_stream *whole, *block, *piece, *release; /* the last three: NULL between blocks */
};

static int64_t end_of_release_block(const struct hashing *h, int64_t from)
{
    int64_t end = from + h->spec->block_bytes;
    return end < h->total_bytes ? end : h->total_bytes;
}

/* Whether the release's block from `from` on is of bytes of this file alone. */
static bool is_within(const struct hashing *h, const struct tree_file *f, int64_t from)
{
    return f->release_at >= 0 && h->total_bytes > 0 && from >= f->release_at &&
           end_of_release_block(h, from) <= f->release_at + f->entry.size_bytes;
}

/* In a file that begins with a block of the release both have the same ones. */
static bool is_aligned(const struct pass *p)
{
    return p->f->release_at % p->h->spec->block_bytes == 0;
}

static void begin_blocks(struct pass *p)
{
    int64_t block_bytes = p->h->spec->block_bytes, release_at = p->f->release_at + p->at;
    if (p->block == NULL) {
        p->block = digest_sha256_create();
        if (p->h->has_pieces)
            p->piece = digest_sha1_create();
    }
    if (release_at % block_bytes == 0 && !is_aligned(p) && is_within(p->h, p->f, release_at))
        p->release = digest_sha1_create();
}

static void end_blocks(struct pass *p)
{
    struct manifest_file *e = &p->f->entry;
    int64_t block_bytes = p->h->spec->block_bytes, release_at = p->f->release_at + p->at;
    bool is_end = p->at == e->size_bytes;
    if (p->at % block_bytes == 0 || is_end) {
        int64_t i = (p->at - 1) / block_bytes, from = p->f->release_at + i * block_bytes;
        digest_end(&p->block, e->blocks[i]);
        if (p->piece != NULL)
            digest_end(&p->piece, e->pieces[i]);
        if (is_aligned(p) && is_within(p->h, p->f, from))
            memcpy(p->h->tree->pieces[from / block_bytes], e->pieces[i], sizeof e->pieces[i]);
    }
    if (p->release != NULL && (release_at % block_bytes == 0 || is_end))
        digest_end(&p->release, p->h->tree->pieces[(release_at - 1) / block_bytes]);
}

/* What goes into the same digests from here on. */
static size_t step_of(const struct pass *p)
{
    int64_t block_bytes = p->h->spec->block_bytes, n = PIECE_BYTES;
    int64_t to_end = block_bytes - p->at % block_bytes;
    int64_t to_release_end = block_bytes - (p->f->release_at + p->at) % block_bytes;
    if (to_end < n)
        n = to_end;
    if (p->f->release_at >= 0 && to_release_end < n)
        n = to_release_end;
    return (size_t)n;
}

static void add(struct pass *p, const uint8_t *bytes, size_t n)
{
    struct digest_stream *const streams[] = {p->whole, p->block, p->piece, p->release};
    for (size_t i = 0; i < ARRAY_LEN(streams); i++)
        if (streams[i] != NULL)
            digest_add(streams[i], bytes, n);
    p->at += (int64_t)n;
    atomic_fetch_add_explicit(&p->h->done_bytes, (int64_t)n, memory_order_relaxed);
}

static void drop(struct digest_stream **d)
{
    uint8_t out[DIGEST_SHA256_BYTES];
    if (*d != NULL)
        digest_end(d, out);
}

static int hash_open(struct hashing *h, struct tree_file *f, int fd, uint8_t *piece)
{
    struct manifest_file *e = &f->entry;
    struct pass p = {.h = h, .f = f, .whole = digest_sha256_create()};
    e->block_count = (size_t)((e->size_bytes + h->spec->block_bytes - 1) / h->spec->block_bytes);
    e->blocks = mem_zarray(e->block_count + 1, sizeof *e->blocks);
    if (h->has_pieces)
        e->pieces = mem_zarray(e->block_count + 1, sizeof *e->pieces);
    while (p.at < e->size_bytes) {
        ssize_t n = read_piece(fd, piece, step_of(&p));
        if (n <= 0)
            break;
        begin_blocks(&p);
        add(&p, piece, (size_t)n);
        end_blocks(&p);
    }
    drop(&p.block);
    drop(&p.piece);
    drop(&p.release);
    digest_end(&p.whole, e->sha256);
    return p.at == e->size_bytes && tree_file_is_unchanged(f, fd) ? 0 : ERR_CHANGED;
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

/* The bytes of a file that lie in [from, to) of the release. */
static int add_part(const struct tree_file *f, int64_t from, int64_t to, struct digest_stream *d,
                    uint8_t *piece)
{
    int64_t at = from > f->release_at ? from - f->release_at : 0, end = to - f->release_at;
    int fd = tree_file_open(f);
    if (fd < 0)
        return fd;
    if (end > f->entry.size_bytes)
        end = f->entry.size_bytes;
    while (at < end) {
        ssize_t n = pread(fd, piece, end - at < PIECE_BYTES ? (size_t)(end - at) : PIECE_BYTES, at);
        if (n == 0 || (n < 0 && errno != EINTR))
            break;
        if (n > 0)
            digest_add(d, piece, (size_t)n);
        at += n > 0 ? n : 0;
    }
    int err = at == end && tree_file_is_unchanged(f, fd) ? 0 : ERR_CHANGED;
    close(fd);
    return err;
}

static int hash_shared(struct hashing *h, const struct shared_block *b, uint8_t *piece,
                       const struct tree_file **culprit)
{
    int64_t from = (int64_t)b->index * h->spec->block_bytes, to = end_of_release_block(h, from);
    struct digest_stream *d = digest_sha1_create();
    int err = 0;
    for (size_t i = b->first_file; err == 0 && i < h->tree->count; i++) {
        const struct tree_file *f = &h->tree->files[i];
        if (f->release_at >= to)
            break;
        *culprit = f;
        if (f->release_at >= 0 && f->entry.size_bytes > 0)
            err = add_part(f, from, to, d, piece);
    }
    digest_end(&d, h->tree->pieces[b->index]);
    return err;
}

static bool has_failed(struct hashing *h)
{
    pthread_mutex_lock(&h->lock);
    bool failed = h->err != 0;
    pthread_mutex_unlock(&h->lock);
    return failed;
}

/* Job i of all: a file, or one of the blocks that files share. */
static int hash_one(struct hashing *h, size_t i, uint8_t *piece, const struct tree_file **culprit)
{
    if (i >= h->count)
        return hash_shared(h, &h->shared[i - h->count], piece, culprit);
    *culprit = h->order[i];
    return hash_file(h, h->order[i], piece);
}

static void *hash_some(void *ctx)
{
    struct hashing *h = ctx;
    uint8_t *piece = mem_alloc(PIECE_BYTES);
    const struct tree_file *culprit = NULL;
    size_t i;
    while ((i = atomic_fetch_add(&h->next, 1)) < h->count + h->shared_count && !has_failed(h)) {
        int err = hash_one(h, i, piece, &culprit);
        if (err == 0)
            continue;
        pthread_mutex_lock(&h->lock);
        if (h->err == 0)
            h->culprit = culprit;
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

/* Which blocks of the release no file has alone. A block is met at the first file with bytes of it.
 */
static void find_shared(struct hashing *h)
{
    int64_t block_bytes = h->spec->block_bytes;
    size_t next = 0; /* block that no file before had bytes of */
    h->shared = mem_zarray(h->tree->piece_count + 1, sizeof *h->shared);
    for (size_t i = 0; i < h->tree->count; i++) {
        const struct tree_file *f = &h->tree->files[i];
        int64_t end = f->release_at + f->entry.size_bytes;
        for (; f->release_at >= 0 && (int64_t)next * block_bytes < end; next++)
            if (!is_within(h, f, (int64_t)next * block_bytes))
                h->shared[h->shared_count++] = (struct shared_block){next, i};
    }
}

/* The release as one run of bytes, the first time: deltas, which come later, are no part of it. */
static void lay_out(struct hashing *h)
{
    struct tree *t = h->tree;
    if (!h->has_pieces || t->pieces != NULL)
        return;
    for (size_t i = 0; i < t->count; i++) {
        if (manifest_is_delta(t->files[i].entry.path))
            continue;
        t->files[i].release_at = h->total_bytes;
        h->total_bytes += t->files[i].entry.size_bytes;
    }
    t->piece_count = (size_t)((h->total_bytes + h->spec->block_bytes - 1) / h->spec->block_bytes);
    t->pieces = mem_zarray(t->piece_count + 1, sizeof *t->pieces);
    if (t->piece_count > MANIFEST_PIECES_MAX)
        h->total_bytes = 0; /* larger than torrents are: it gets none */
    if (h->total_bytes == 0)
        t->piece_count = 0;
    find_shared(h);
}

int hasher_run(const struct hasher_spec *spec, struct buf *why)
{
    pthread_t threads[THREADS_MAX];
    struct hashing h = {
        .spec = spec, .tree = spec->tree, .has_pieces = manifest_has_pieces(spec->block_bytes)};
    int count = spec->threads < THREADS_MAX ? spec->threads : THREADS_MAX;
    h.order = mem_zarray(spec->tree->count + 1, sizeof(struct tree_file *));
    for (size_t i = 0; i < spec->tree->count; i++)
        if (spec->tree->files[i].entry.blocks == NULL)
            h.order[h.count++] = &spec->tree->files[i];
    qsort(h.order, h.count, sizeof(struct tree_file *), by_size);
    lay_out(&h);
    pthread_mutex_init(&h.lock, NULL);
    pthread_cond_init(&h.ended, NULL);
    h.running = count;
    for (int i = 0; i < count; i++)
        CHECK(thread_start(&threads[i], hash_some, &h, "hash") == 0);
    wait_for_all(&h);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    pthread_cond_destroy(&h.ended);
    pthread_mutex_destroy(&h.lock);
    mem_free(h.order);
    mem_free(h.shared);
    if (h.err != 0)
        buf_printf(why, "%.*s: %s", SPAN_FMT(h.culprit->entry.path), err_text(h.err));
    return h.err;
}
