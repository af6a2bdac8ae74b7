/* SPDX-License-Identifier: MIT */

/* libzstd's streaming compressor within our bounds. */
#include "lib/codec/zstd_stream.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <zstd.h>

#define QUICK_LEVEL 1

struct zstd_stream {
    ZSTD_CCtx *context;
};

static bool set(ZSTD_CCtx *c, ZSTD_cParameter what, int value)
{
    return !ZSTD_isError(ZSTD_CCtx_setParameter(c, what, value));
}

struct zstd_stream *zstd_stream_create(int level, int64_t size)
{
    struct zstd_stream *z = mem_zalloc(sizeof(*z));
    CHECK(level >= 1 && level <= ZSTD_STREAM_LEVEL_MAX);
    z->context = ZSTD_createCCtx();
    bool is_set =
        z->context != NULL && set(z->context, ZSTD_c_compressionLevel, level) &&
        (size < 0 ||
         !ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(z->context, (unsigned long long)size)));
    if (!is_set)
        zstd_stream_destroy(&z);
    return z;
}

void zstd_stream_destroy(struct zstd_stream **pz)
{
    struct zstd_stream *z = *pz;
    *pz = NULL;
    if (z == NULL)
        return;
    ZSTD_freeCCtx(z->context);
    mem_free(z);
}

ptrdiff_t zstd_stream_write(struct zstd_stream *z, struct zstd_step *step)
{
    ZSTD_inBuffer in = {step->in.p, step->in.n, 0};
    ZSTD_outBuffer out = {step->out, step->room, 0};
    size_t left =
        ZSTD_compressStream2(z->context, &out, &in, step->is_end ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left))
        return ERR_PROTOCOL;
    step->in = span_skip(step->in, in.pos);
    step->is_done = step->in.n == 0 && (!step->is_end || left == 0);
    return (ptrdiff_t)out.pos;
}

size_t zstd_size_quick(struct span in)
{
    size_t room = ZSTD_compressBound(in.n);
    void *out = mem_try_alloc(room);
    size_t n = out != NULL ? ZSTD_compress(out, room, in.p, in.n, QUICK_LEVEL) : in.n;
    mem_free(out);
    return ZSTD_isError(n) ? in.n : n;
}
