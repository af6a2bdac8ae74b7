/* SPDX-License-Identifier: MIT */

/* libzstd's streaming compressor within our bounds. */
#include "lib/codec/zstd_stream.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <zstd.h>

#define QUICK_LEVEL          1
#define DELTA_WINDOW_LOG_MIN 23 /* 8 MiB */
#define DELTA_WINDOW_LOG_MAX 27 /* 128 MiB */

struct zstd_stream {
    ZSTD_CCtx *context;
    int64_t size; /* -1: not known */
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
    z->size = size;
    bool is_set =
        z->context != NULL && set(z->context, ZSTD_c_compressionLevel, level) &&
        (size < 0 ||
         !ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(z->context, (unsigned long long)size)));
    if (!is_set)
        zstd_stream_destroy(&z);
    return z;
}

/* Where all of it fits into the reader's window the frame is one segment: its window is its size,
 * and the base can be referred to from anywhere in it (RFC 8878 s.3.1.1.1.2). Else the largest
 * power of two within that window. */
static int delta_window_log(size_t base_bytes, int64_t size)
{
    size_t window = base_bytes + base_bytes / 4;
    int log = DELTA_WINDOW_LOG_MIN;
    if (window < (size_t)1 << DELTA_WINDOW_LOG_MIN)
        window = (size_t)1 << DELTA_WINDOW_LOG_MIN;
    bool is_one_segment = size >= 0 && (size_t)size <= window;
    while (log < DELTA_WINDOW_LOG_MAX &&
           (is_one_segment ? (int64_t)1 << log < size : ((size_t)2 << log) <= window))
        log++;
    return log;
}

int zstd_stream_delta(struct zstd_stream *z, struct span base)
{
    ZSTD_CCtx *c = z->context;
    if (base.n > ZSTD_DELTA_BASE_MAX)
        return ERR_TOO_BIG;
    bool is_set = set(c, ZSTD_c_windowLog, delta_window_log(base.n, z->size)) &&
                  set(c, ZSTD_c_enableLongDistanceMatching, 1) &&
                  !ZSTD_isError(ZSTD_CCtx_refPrefix(c, base.p, base.n));
    return is_set ? 0 : ERR_NO_MEMORY;
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
    ZSTD_EndDirective how = step->is_flush ? ZSTD_e_flush : ZSTD_e_continue;
    size_t left = ZSTD_compressStream2(z->context, &out, &in, step->is_end ? ZSTD_e_end : how);
    if (ZSTD_isError(left))
        return ERR_PROTOCOL;
    step->in = span_skip(step->in, in.pos);
    bool is_to_empty = step->is_end || step->is_flush;
    step->is_done = step->in.n == 0 && (!is_to_empty || left == 0);
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
