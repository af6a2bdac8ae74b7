/* SPDX-License-Identifier: MIT */

/* A purge to bytes and back: soft or not, its kind, then three texts with their lengths before
 * them. DISK_VERSION changes with it. Pure. */
#include "edge/store/purge_image.h"

#include "lib/base/err.h"

#include <string.h>

enum { AT_SOFT, AT_KIND, AT_LENGTHS = 4, TEXTS = 3, HEAD_BYTES = AT_LENGTHS + 4 * TEXTS };
#define KIND_KEY 255

size_t purge_image_write(const struct purge_image *p, uint8_t *out, size_t room)
{
    const struct span texts[TEXTS] = {p->scope.site, p->scope.host, p->scope.value};
    size_t n = HEAD_BYTES;
    for (int i = 0; i < TEXTS; i++)
        n += texts[i].n;
    if (n > room)
        return 0;
    memset(out, 0, HEAD_BYTES);
    out[AT_SOFT] = p->is_soft;
    out[AT_KIND] = p->is_key ? KIND_KEY : (uint8_t)p->scope.kind;
    uint8_t *to = out + HEAD_BYTES;
    for (int i = 0; i < TEXTS; i++) {
        uint32_t length = (uint32_t)texts[i].n;
        memcpy(out + AT_LENGTHS + 4 * i, &length, sizeof(length));
        if (length > 0)
            memcpy(to, texts[i].p, length);
        to += length;
    }
    return n;
}

int purge_image_read(struct purge_image *out, struct span from)
{
    struct span texts[TEXTS];
    if (from.n < HEAD_BYTES)
        return ERR_SYNTAX;
    const uint8_t *head = (const uint8_t *)from.p;
    size_t at = HEAD_BYTES;
    for (int i = 0; i < TEXTS; i++) {
        uint32_t length;
        memcpy(&length, head + AT_LENGTHS + 4 * i, sizeof(length));
        if (length > from.n - at)
            return ERR_SYNTAX;
        texts[i] = span_make(from.p + at, length);
        at += length;
    }
    *out = (struct purge_image){.is_soft = head[AT_SOFT] != 0, .is_key = head[AT_KIND] == KIND_KEY};
    if (!out->is_key && head[AT_KIND] > PURGE_GROUP)
        return ERR_SYNTAX;
    if (!out->is_key)
        out->scope = (struct purge_scope){.kind = (enum purge_kind)head[AT_KIND],
                                          .site = texts[0],
                                          .host = texts[1],
                                          .value = texts[2]};
    return at == from.n ? 0 : ERR_SYNTAX;
}
