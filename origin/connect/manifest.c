/* SPDX-License-Identifier: MIT
 *
 * The manifest of a release as JSON, in and out, and the names that come from it. Pure. */
#include "origin/connect/manifest.h"

#include "lib/base/err.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"

#include <stdio.h>
#include <stdlib.h>

#define VERSION 1

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool manifest_name_is_valid(struct span name)
{
    struct span rest = name;
    if (name.n == 0 || name.n > MANIFEST_NAME_MAX)
        return false;
    while (rest.p != NULL) {
        struct span segment = span_cut(rest, '/', &rest);
        if (segment.n == 0 || segment.p[0] == '.')
            return false;
        for (size_t i = 0; i < segment.n; i++)
            if (!is_name_byte(segment.p[i]))
                return false;
    }
    return true;
}

static int by_path(const void *a, const void *b)
{
    const struct manifest_file *x = a, *y = b;
    return span_cmp(x->path, y->path);
}

static void sort_files(struct manifest *m)
{
    if (m->count > 0)
        qsort(m->files, m->count, sizeof *m->files, by_path);
}

bool manifest_is_delta(struct span path)
{
    uint8_t old[DIGEST_SHA256_BYTES];
    size_t tail = sizeof MANIFEST_DELTA - 1 + 2 * sizeof old;
    if (path.n <= tail)
        return false;
    struct span end = span_skip(path, path.n - tail);
    return span_starts(end, SPAN(MANIFEST_DELTA)) &&
           digest_unhex(span_skip(end, sizeof MANIFEST_DELTA - 1), old, sizeof old);
}

bool manifest_has_pieces(int64_t block_bytes)
{
    return block_bytes >= 16384 && (block_bytes & (block_bytes - 1)) == 0;
}

static int64_t blocks_of(const struct manifest *m, int64_t size_bytes)
{
    return (size_bytes + m->block_bytes - 1) / m->block_bytes;
}

/* An array of digests, as many as blocks in size_bytes, or none at all. */
struct digests {
    const char *key;
    size_t each_bytes;
    int64_t size_bytes;
    size_t max;
    /* out */
    uint8_t *v; /* NULL: there are none */
    size_t count;
};

static bool read_digests(struct manifest *m, struct json_in *in, const struct json_t *o,
                         struct digests *d)
{
    const struct json_t *array = json_in_array(in, o, d->key, d->max);
    d->count = json_in_count(array);
    if (d->count == 0)
        return true;
    if ((int64_t)d->count != blocks_of(m, d->size_bytes))
        return false;
    d->v = arena_alloc(&m->mem, d->count * d->each_bytes);
    if (arena_overflowed(&m->mem))
        return false;
    for (size_t i = 0; i < d->count; i++) {
        struct span hex = json_in_text_at(in, array, i, 2 * d->each_bytes);
        if (!digest_unhex(hex, d->v + i * d->each_bytes, d->each_bytes))
            return false;
    }
    return true;
}

static bool read_blocks(struct manifest *m, struct json_in *in, const struct json_t *o,
                        struct manifest_file *f)
{
    struct digests blocks = {"blocks", sizeof *f->blocks, f->size_bytes, MANIFEST_BLOCKS_MAX, NULL,
                             0};
    struct digests pieces = {"pieces", sizeof *f->pieces, f->size_bytes, MANIFEST_BLOCKS_MAX, NULL,
                             0};
    if (!read_digests(m, in, o, &blocks) || !read_digests(m, in, o, &pieces) ||
        (pieces.count > 0 && pieces.count != blocks.count))
        return false;
    f->blocks = (uint8_t(*)[DIGEST_SHA256_BYTES])(void *)blocks.v;
    f->pieces = (uint8_t(*)[DIGEST_SHA1_BYTES])(void *)pieces.v;
    f->block_count = blocks.count;
    return true;
}

static bool read_pieces(struct manifest *m, struct json_in *in)
{
    struct digests pieces = {"pieces", sizeof *m->pieces, 0, MANIFEST_PIECES_MAX, NULL, 0};
    for (size_t i = 0; i < m->count; i++)
        if (!manifest_is_delta(m->files[i].path))
            pieces.size_bytes += m->files[i].size_bytes;
    if (!read_digests(m, in, in->root, &pieces))
        return false;
    m->pieces = (uint8_t(*)[DIGEST_SHA1_BYTES])(void *)pieces.v;
    m->piece_count = pieces.count;
    return true;
}

static bool read_file(struct manifest *m, struct json_in *in, const struct json_t *o,
                      struct manifest_file *f)
{
    struct span hex = json_in_text(in, o, "sha256", 2 * DIGEST_SHA256_BYTES);
    uint64_t size = json_in_u64(in, o, "size", UINT64_MAX);
    f->path = arena_dup(&m->mem, json_in_text(in, o, "path", MANIFEST_PATH_MAX));
    f->type = arena_dup(&m->mem, json_in_text(in, o, "type", 127));
    f->size_bytes = (int64_t)size;
    return size <= INT64_MAX / 2 && span_starts(f->path, SPAN("/")) &&
           digest_unhex(hex, f->sha256, sizeof f->sha256) && read_blocks(m, in, o, f);
}

static int read_files(struct manifest *m, struct json_in *in, struct buf *why)
{
    const struct json_t *files = json_in_array(in, in->root, "files", MANIFEST_FILES_MAX);
    m->count = json_in_count(files);
    m->files = arena_zalloc(&m->mem, (m->count + 1) * sizeof *m->files);
    if (arena_overflowed(&m->mem))
        m->count = 0;
    for (size_t i = 0; i < m->count; i++) {
        if (read_file(m, in, json_in_at(files, i), &m->files[i]) && !arena_overflowed(&m->mem))
            continue;
        buf_printf(why, "file %zu is not one", i);
        return arena_overflowed(&m->mem) ? ERR_TOO_BIG : ERR_SYNTAX;
    }
    sort_files(m);
    if (!read_pieces(m, in)) {
        buf_printf(why, "pieces are not those of its files");
        return arena_overflowed(&m->mem) ? ERR_TOO_BIG : ERR_SYNTAX;
    }
    return 0;
}

static int read_root(struct manifest *m, struct json_in *in, struct buf *why)
{
    m->name = arena_dup(&m->mem, json_in_text(in, in->root, "release", MANIFEST_NAME_MAX));
    m->published = (sec_t)json_in_u64(in, in->root, "published", 0);
    m->block_bytes = (int64_t)json_in_u64(in, in->root, "block_bytes", 0);
    if (json_in_u64(in, in->root, "version", 0) != VERSION) {
        buf_printf(why, "is of a version that is not understood");
        return ERR_VERSION;
    }
    if (!manifest_name_is_valid(m->name) || m->block_bytes < 1 || m->block_bytes > (1 << 30)) {
        buf_printf(why, "release or block_bytes is not one");
        return ERR_SYNTAX;
    }
    return read_files(m, in, why);
}

int manifest_read(struct manifest *m, struct span text, struct buf *why)
{
    struct json_in in = {.root = NULL};
    arena_init(&m->mem, 4 * (size_t)MANIFEST_MAX);
    int err = json_in_parse(&in, text, MANIFEST_MAX);
    if (err == 0)
        err = read_root(m, &in, why);
    if (err == 0 && json_in_is_faulty(&in))
        err = ERR_SYNTAX;
    if (err != 0 && json_in_is_faulty(&in))
        buf_printf(why, "%s%s", why->n > 0 ? ": " : "", in.fault);
    json_in_finish(&in);
    return err;
}

static void write_hex(struct json_out *out, const char *key, const uint8_t *digest, size_t n)
{
    char hex[2 * DIGEST_SHA256_BYTES + 1];
    digest_hex(digest, n, hex);
    json_out_text(out, key, span_of(hex));
}

static void write_pieces(struct json_out *out, uint8_t (*pieces)[DIGEST_SHA1_BYTES], size_t count)
{
    if (pieces == NULL || count == 0)
        return;
    json_out_array(out, "pieces");
    for (size_t i = 0; i < count; i++)
        write_hex(out, NULL, pieces[i], sizeof pieces[i]);
    json_out_end_array(out);
}

static void write_file(const struct manifest_file *f, struct json_out *out)
{
    json_out_object(out, NULL);
    json_out_text(out, "path", f->path);
    json_out_int(out, "size", f->size_bytes);
    write_hex(out, "sha256", f->sha256, sizeof f->sha256);
    if (f->type.n > 0)
        json_out_text(out, "type", f->type);
    json_out_array(out, "blocks");
    for (size_t i = 0; i < f->block_count; i++)
        write_hex(out, NULL, f->blocks[i], sizeof f->blocks[i]);
    json_out_end_array(out);
    write_pieces(out, f->pieces, f->block_count);
    json_out_end_object(out);
}

void manifest_write(const struct manifest *m, struct buf *to)
{
    struct json_out out;
    json_out_begin(&out, to);
    json_out_object(&out, NULL);
    json_out_int(&out, "version", VERSION);
    json_out_text(&out, "release", m->name);
    json_out_int(&out, "published", m->published);
    json_out_int(&out, "block_bytes", m->block_bytes);
    json_out_array(&out, "files");
    for (size_t i = 0; i < m->count; i++)
        write_file(&m->files[i], &out);
    json_out_end_array(&out);
    write_pieces(&out, m->pieces, m->piece_count);
    json_out_end_object(&out);
}

void manifest_finish(struct manifest *m)
{
    arena_finish(&m->mem);
    *m = (struct manifest){.count = 0};
}

const struct manifest_file *manifest_find(const struct manifest *m, struct span path)
{
    struct manifest_file key = {.path = path};
    return m->count == 0 ? NULL : bsearch(&key, m->files, m->count, sizeof *m->files, by_path);
}

struct span manifest_path(struct span name, struct arena *mem)
{
    return arena_printf(mem, MANIFEST_RELEASES "%.*s" MANIFEST_SUFFIX, SPAN_FMT(name));
}

struct span manifest_name_of(struct span path)
{
    struct span name = path;
    if (!span_starts(path, SPAN(MANIFEST_RELEASES)) || !span_ends(path, SPAN(MANIFEST_SUFFIX)))
        return SPAN_NONE;
    name = span_skip(name, sizeof MANIFEST_RELEASES - 1);
    if (name.n < sizeof MANIFEST_SUFFIX)
        return SPAN_NONE;
    name.n -= sizeof MANIFEST_SUFFIX - 1;
    return manifest_name_is_valid(name) ? name : SPAN_NONE;
}

void manifest_object_path(const uint8_t sha256[DIGEST_SHA256_BYTES],
                          char out[MANIFEST_OBJECT_BYTES + 1])
{
    char hex[2 * DIGEST_SHA256_BYTES + 1];
    digest_hex(sha256, DIGEST_SHA256_BYTES, hex);
    snprintf(out, MANIFEST_OBJECT_BYTES + 1, MANIFEST_OBJECTS "%.2s/%s", hex, hex);
}
