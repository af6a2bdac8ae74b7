/* SPDX-License-Identifier: MIT */

/* libzstd's coder and decoder of one piece, their contexts kept from one to the next. */
#include "lib/codec/zstd_block.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <zstd.h>

struct zstd_block {
    ZSTD_CCtx *coder;
    ZSTD_DCtx *decoder;
};

struct zstd_block *zstd_block_create(void)
{
    return mem_zalloc(sizeof(struct zstd_block));
}

void zstd_block_destroy(struct zstd_block **pz)
{
    struct zstd_block *z = *pz;
    *pz = NULL;
    if (z == NULL)
        return;
    ZSTD_freeCCtx(z->coder);
    ZSTD_freeDCtx(z->decoder);
    mem_free(z);
}

size_t zstd_block_code(struct zstd_block *z, int level, struct span in, void *out, size_t room)
{
    if (z->coder == NULL)
        z->coder = ZSTD_createCCtx();
    if (z->coder == NULL)
        return 0;
    size_t n = ZSTD_compressCCtx(z->coder, out, room, in.p, in.n, level);
    return ZSTD_isError(n) ? 0 : n;
}

/* One frame of the RFC's (not of formats before it, nor a skippable one) that says the same. */
static bool is_frame_of(struct span in, size_t n)
{
    static const uint8_t magic[] = {0x28, 0xb5, 0x2f, 0xfd}; /* RFC 8878 s.3.1.1 */
    return in.n > sizeof(magic) && memcmp(in.p, magic, sizeof(magic)) == 0 &&
           ZSTD_getFrameContentSize(in.p, in.n) == n &&
           ZSTD_findFrameCompressedSize(in.p, in.n) == in.n;
}

int zstd_block_decode(struct zstd_block *z, struct span in, void *out, size_t n)
{
    if (z->decoder == NULL)
        z->decoder = ZSTD_createDCtx();
    if (z->decoder == NULL)
        return ERR_NO_MEMORY;
    if (!is_frame_of(in, n))
        return ERR_CORRUPT;
    return ZSTD_decompressDCtx(z->decoder, out, n, in.p, in.n) == n ? 0 : ERR_CORRUPT;
}
