/* SPDX-License-Identifier: MIT
 *
 * Deltas from an earlier release: its manifest, then for each changed file the old content out of
 * the storage, and the difference into a file. */
#include "origin/publish/delta.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/codec/zstd_stream.h"
#include "origin/connect/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEP_BYTES (1 << 20)
#define JOBS_MAX   64

/* RFC 9842 s.2.1: a skippable frame with the digest of the dictionary, before the frame. */
static const uint8_t dcz_magic[8] = {0x5e, 0x2a, 0x4d, 0x18, 0x20, 0, 0, 0};

struct one {
    struct connector_fetch old; /* first */
    struct iojob job;
    struct delta_run *run;
    const struct tree_file *file;
    uint8_t old_sha256[DIGEST_SHA256_BYTES];
    char object[MANIFEST_OBJECT_BYTES + 1];
    char *path; /* of the delta */
    int64_t made_bytes;
    int err;
};

struct delta_run {
    struct deltas *d;
    struct arena mem;
    struct connector_fetch fetch; /* of the manifest */
    struct manifest manifest;
    size_t next; /* in the tree */
    uint32_t running;
    bool is_starting;
    int err;
};

static void over(struct delta_run *r, int err)
{
    struct deltas *d = r->d;
    manifest_finish(&r->manifest);
    buf_finish(&r->fetch.bytes);
    arena_finish(&r->mem);
    mem_free(r);
    d->run = NULL;
    d->done(d, err);
}

static void fail(struct delta_run *r, struct span what, int err)
{
    if (r->err == 0)
        buf_printf(&r->d->why, "%.*s: %s", SPAN_FMT(what), err_text(err));
    r->err = r->err == 0 ? err : r->err;
}

static int write_all(int fd, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t got = write(fd, p, n);
        if (got < 0 && errno != EINTR)
            return errno == ENOSPC ? ERR_NO_SPACE : ERR_IO;
        p += got > 0 ? got : 0;
        n -= got > 0 ? (size_t)got : 0;
    }
    return 0;
}

/* Everything of a file through the stream, step by step. */
static int compress(struct zstd_stream *z, struct one *o, int in, int out)
{
    uint8_t *piece = mem_alloc(2 * STEP_BYTES), *made = piece + STEP_BYTES;
    int64_t left = o->file->entry.size_bytes;
    int err = 0;
    do {
        ssize_t n = read(in, piece, STEP_BYTES);
        left -= n > 0 ? n : 0;
        struct zstd_step step = {.in = span_make(piece, n > 0 ? (size_t)n : 0),
                                 .is_end = left == 0,
                                 .out = made,
                                 .room = STEP_BYTES};
        err = n < 0 || (n == 0 && left > 0) ? ERR_IO : 0;
        while (err == 0 && !step.is_done) {
            ptrdiff_t got = zstd_stream_write(z, &step);
            err = got < 0 ? (int)got : write_all(out, made, (size_t)got);
            o->made_bytes += got > 0 ? got : 0;
        }
    } while (err == 0 && left > 0);
    mem_free(piece);
    return err;
}

static int make_open(struct one *o, int in, int out)
{
    struct zstd_stream *z = zstd_stream_create(o->run->d->level, o->file->entry.size_bytes);
    int err = z == NULL ? ERR_NO_MEMORY : zstd_stream_delta(z, buf_span(&o->old.bytes));
    if (err == 0)
        err = write_all(out, dcz_magic, sizeof dcz_magic);
    if (err == 0)
        err = write_all(out, o->old_sha256, sizeof o->old_sha256);
    o->made_bytes = sizeof dcz_magic + sizeof o->old_sha256;
    if (err == 0)
        err = compress(z, o, in, out);
    zstd_stream_destroy(&z);
    return err;
}

/* The folders that a path below d->folder needs. */
static void make_folders(char *path, size_t from)
{
    for (char *slash = strchr(path + from, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0755); /* there already, or the file cannot be made either */
        *slash = '/';
    }
}

static void make_run(struct iojob *j)
{
    struct one *o = CONTAINER_OF(j, struct one, job);
    uint8_t sha256[DIGEST_SHA256_BYTES];
    digest_sha256(buf_span(&o->old.bytes), sha256);
    if (memcmp(sha256, o->old_sha256, sizeof sha256) != 0) {
        o->err = ERR_CORRUPT;
        return;
    }
    make_folders(o->path, strlen(o->run->d->folder) + 1);
    int in = tree_file_open(o->file);
    int out = in >= 0 ? open(o->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    o->err = in < 0 ? in : out < 0 ? ERR_IO : make_open(o, in, out);
    if (out >= 0 && (o->err != 0 || o->made_bytes > o->file->entry.size_bytes / 10 * 9)) {
        (void)unlink(o->path);
        o->made_bytes = 0;
    }
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
}

static void make_next(struct delta_run *r);

static void one_over(struct one *o)
{
    struct delta_run *r = o->run;
    if (o->err != 0) {
        fail(r, o->file->entry.path, o->err);
    } else if (o->made_bytes > 0) {
        r->d->count++;
        r->d->new_bytes += o->file->entry.size_bytes;
        r->d->dcz_bytes += o->made_bytes;
    }
    buf_finish(&o->old.bytes);
    mem_free(o->path);
    mem_free(o);
    r->running--;
    make_next(r);
}

static void make_done(struct iojob *j)
{
    one_over(CONTAINER_OF(j, struct one, job));
}

static void on_old(struct connector_fetch *f, int err)
{
    struct one *o = CONTAINER_OF(f, struct one, old);
    if (err == 0) {
        o->job = (struct iojob){.run = make_run, .done = make_done};
        err = iopool_submit(o->run->d->io, o->run->d->home, &o->job);
    }
    if (err == 0)
        return; /* the job's from here */
    o->err = err;
    one_over(o);
}

static void make(struct delta_run *r, const struct tree_file *f, const struct manifest_file *old)
{
    struct one *o = mem_zalloc(sizeof *o);
    char hex[2 * DIGEST_SHA256_BYTES + 1];
    o->run = r;
    o->file = f;
    memcpy(o->old_sha256, old->sha256, sizeof o->old_sha256);
    digest_hex(old->sha256, sizeof old->sha256, hex);
    manifest_object_path(old->sha256, o->object);
    o->path = mem_printf("%s%.*s" MANIFEST_DELTA "%s", r->d->folder, SPAN_FMT(f->entry.path), hex);
    r->running++;
    o->old.from = r->d->from;
    o->old.path = span_of(o->object);
    o->old.home = r->d->home;
    o->old.max_bytes = ZSTD_DELTA_BASE_MAX;
    o->old.done = on_old;
    connector_fetch_start(&o->old);
}

static const struct manifest_file *base_of(const struct delta_run *r, const struct tree_file *f)
{
    const struct manifest_file *old = manifest_find(&r->manifest, f->entry.path);
    bool is_worth_it = old != NULL && old->size_bytes > 0 &&
                       old->size_bytes <= (int64_t)ZSTD_DELTA_BASE_MAX && f->entry.size_bytes > 0 &&
                       memcmp(old->sha256, f->entry.sha256, sizeof old->sha256) != 0;
    return is_worth_it ? old : NULL;
}

static void make_next(struct delta_run *r)
{
    if (r->is_starting) /* one ended while it was begun */
        return;
    r->is_starting = true;
    while (r->err == 0 && r->next < r->d->tree->count && r->running < r->d->jobs) {
        const struct tree_file *f = &r->d->tree->files[r->next++];
        const struct manifest_file *old = base_of(r, f);
        if (old != NULL)
            make(r, f, old);
    }
    r->is_starting = false;
    if (r->running == 0 && (r->err != 0 || r->next == r->d->tree->count))
        over(r, r->err);
}

static void on_manifest(struct connector_fetch *f, int err)
{
    struct delta_run *r = CONTAINER_OF(f, struct delta_run, fetch);
    struct buf why;
    buf_init(&why, 256);
    if (err == 0)
        err = manifest_read(&r->manifest, buf_span(&f->bytes), &why);
    if (err != 0) {
        buf_printf(&r->d->why, "--delta-from %.*s: ", SPAN_FMT(r->d->name));
        if (why.n > 0)
            buf_printf(&r->d->why, "its manifest %.*s", SPAN_FMT(buf_span(&why)));
        else
            buf_printf(&r->d->why, "%s", err_text(err));
    }
    buf_finish(&why);
    if (err == 0)
        make_next(r);
    else
        over(r, err);
}

void deltas_start(struct deltas *d)
{
    struct delta_run *r = mem_zalloc(sizeof *r);
    CHECK(d->jobs > 0 && d->jobs <= JOBS_MAX);
    r->d = d;
    d->run = r;
    d->count = 0;
    d->new_bytes = d->dcz_bytes = 0;
    buf_init(&d->why, 4096);
    arena_init(&r->mem, 4096);
    r->fetch = (struct connector_fetch){.from = d->from,
                                        .path = manifest_path(d->name, &r->mem),
                                        .home = d->home,
                                        .max_bytes = MANIFEST_MAX,
                                        .done = on_manifest};
    connector_fetch_start(&r->fetch);
}
