/* SPDX-License-Identifier: MIT */

/* libzstd's streaming decoder within our bounds. */
#include "lib/codec/zstd_reader.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <zstd.h>

#define WINDOW_LOG_MAX 23

static const uint8_t magic[] = {0x28, 0xb5, 0x2f, 0xfd}; /* RFC 8878 s.3.1.1 */

struct zstd_reader {
    ZSTD_DCtx *context;
    size_t taken; /* bytes of the magic number */
    bool holds, is_over;
};

struct zstd_reader *zstd_reader_create(void)
{
    struct zstd_reader *z = mem_zalloc(sizeof(*z));
    z->context = ZSTD_createDCtx();
    if (z->context == NULL ||
        ZSTD_isError(ZSTD_DCtx_setParameter(z->context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
        zstd_reader_destroy(&z);
    return z;
}

void zstd_reader_destroy(struct zstd_reader **pz)
{
    struct zstd_reader *z = *pz;
    *pz = NULL;
    if (z == NULL)
        return;
    ZSTD_freeDCtx(z->context);
    mem_free(z);
}

/* libzstd would read formats older than the RFC as well, by decoders that know no bound of ours,
 * and skippable frames, which nobody sends here. */
static bool begins_frame(const struct zstd_reader *z, struct span in)
{
    size_t left = sizeof(magic) - z->taken;
    return memcmp(in.p, magic + z->taken, in.n < left ? in.n : left) == 0;
}

ptrdiff_t zstd_reader_read(struct zstd_reader *z, struct span *in, void *dst, size_t room)
{
    ZSTD_inBuffer from = {in->p, in->n, 0};
    ZSTD_outBuffer to = {dst, room, 0};
    if (z->is_over)
        return in->n == 0 ? 0 : ERR_PROTOCOL;
    if (in->n > 0 && !begins_frame(z, *in))
        return ERR_PROTOCOL;
    size_t left = ZSTD_decompressStream(z->context, &to, &from);
    if (ZSTD_isError(left))
        return ERR_PROTOCOL;
    *in = span_skip(*in, from.pos);
    z->taken = z->taken + from.pos < sizeof(magic) ? z->taken + from.pos : sizeof(magic);
    z->is_over = left == 0;
    z->holds = !z->is_over && to.pos == room;
    return (ptrdiff_t)to.pos;
}

bool zstd_reader_holds(const struct zstd_reader *z)
{
    return z->holds;
}

bool zstd_reader_is_over(const struct zstd_reader *z)
{
    return z->is_over;
}
