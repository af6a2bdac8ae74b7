/* SPDX-License-Identifier: MIT */

/* libzstd's streaming compressor within our bounds. */
#include "lib/codec/zstd_stream.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <zstd.h>

#define QUICK_LEVEL          1
#define DELTA_FRAME_MIN      ((size_t)8 << 20)
#define DELTA_FRAME_MAX      ((size_t)128 << 20)
#define DELTA_WINDOW_LOG_MIN 23
#define WINDOW_LOG_MAX       27
/* Of long distance matching: the library's own spacing, and a table for all of base and frame
 * (its own would be for as much as a window). */
#define LDM_RATE_LOG     7
#define LDM_HASH_LOG_MIN 16

struct zstd_stream {
    ZSTD_CCtx *context;
    int64_t size; /* -1: not known */
    /* Of a delta: frames of frame_bytes (0: there is one frame, of whatever size), and what is
     * still to be written of this one and of all. */
    struct span base;
    int64_t frame_bytes, frame_left, left;
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

/* The least power of two, from `log` on, that is no smaller than n; at most `max`. */
static int log_of(size_t n, int log, int max)
{
    while (log < max && (size_t)1 << log < n)
        log++;
    return log;
}

/* The next frame: its window is its size, so all of the base is within reach everywhere in it. */
static bool begin_frame(struct zstd_stream *z)
{
    ZSTD_CCtx *c = z->context;
    z->frame_left = z->left < z->frame_bytes ? z->left : z->frame_bytes;
    return !ZSTD_isError(ZSTD_CCtx_reset(c, ZSTD_reset_session_only)) &&
           !ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(c, (unsigned long long)z->frame_left)) &&
           !ZSTD_isError(ZSTD_CCtx_refPrefix(c, z->base.p, z->base.n));
}

int zstd_stream_delta(struct zstd_stream *z, struct span base)
{
    ZSTD_CCtx *c = z->context;
    size_t window = base.n + base.n / 4;
    CHECK(z->size >= 0);
    if (base.n > ZSTD_DELTA_BASE_MAX)
        return ERR_TOO_BIG;
    window = window > DELTA_FRAME_MIN ? window : DELTA_FRAME_MIN;
    window = window < DELTA_FRAME_MAX ? window : DELTA_FRAME_MAX;
    z->base = base;
    z->left = z->size;
    z->frame_bytes = (int64_t)window;
    size_t frame = z->size < z->frame_bytes ? (size_t)z->size : window;
    bool is_set = set(c, ZSTD_c_windowLog, log_of(frame, DELTA_WINDOW_LOG_MIN, WINDOW_LOG_MAX)) &&
                  set(c, ZSTD_c_enableLongDistanceMatching, 1) &&
                  set(c, ZSTD_c_ldmHashRateLog, LDM_RATE_LOG) &&
                  set(c, ZSTD_c_ldmHashLog,
                      log_of((base.n + frame) >> LDM_RATE_LOG, LDM_HASH_LOG_MIN, WINDOW_LOG_MAX)) &&
                  begin_frame(z);
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

/* One call of the library, at most to the end of a frame; whether all that it was to give is given.
 */
static ptrdiff_t write_some(struct zstd_stream *z, struct zstd_step *step, bool *is_given)
{
    bool is_cut = z->frame_bytes > 0 && (int64_t)step->in.n >= z->frame_left;
    ZSTD_EndDirective how = step->is_flush ? ZSTD_e_flush : ZSTD_e_continue;
    ZSTD_inBuffer in = {step->in.p, is_cut ? (size_t)z->frame_left : step->in.n, 0};
    ZSTD_outBuffer out = {step->out, step->room, 0};
    size_t left =
        ZSTD_compressStream2(z->context, &out, &in, is_cut || step->is_end ? ZSTD_e_end : how);
    if (ZSTD_isError(left))
        return ERR_PROTOCOL;
    step->in = span_skip(step->in, in.pos);
    z->frame_left -= (int64_t)in.pos;
    z->left -= (int64_t)in.pos;
    *is_given = left == 0;
    return (ptrdiff_t)out.pos;
}

ptrdiff_t zstd_stream_write(struct zstd_stream *z, struct zstd_step *step)
{
    bool is_given = false;
    if (z->frame_bytes > 0 && (int64_t)step->in.n > z->left)
        return ERR_PROTOCOL;
    ptrdiff_t n = write_some(z, step, &is_given);
    if (n < 0)
        return n;
    bool is_next = z->frame_bytes > 0 && z->frame_left == 0 && z->left > 0 && is_given;
    if (is_next && !begin_frame(z))
        return ERR_NO_MEMORY;
    bool is_to_empty = step->is_end || step->is_flush;
    step->is_done = step->in.n == 0 && (!is_to_empty || is_given);
    return n;
}

size_t zstd_size_quick(struct span in)
{
    size_t room = ZSTD_compressBound(in.n);
    void *out = mem_try_alloc(room);
    size_t n = out != NULL ? ZSTD_compress(out, room, in.p, in.n, QUICK_LEVEL) : in.n;
    mem_free(out);
    return ZSTD_isError(n) ? in.n : n;
}
