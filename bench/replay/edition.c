/* SPDX-License-Identifier: MIT
 *
 * Content as a row of 64-bit words, each the one before plus a step that the edition decides: as
 * fast as memory, and a byte at a wrong place or of another version never fits. */
#include "bench/replay/edition.h"

#include "lib/base/err.h"
#include "lib/base/hash.h"

#include <stdio.h>

#define STRIPE_BYTES 4096

size_t edition_write(const struct edition *e, char out[EDITION_ROOM])
{
    return (size_t)snprintf(out, EDITION_ROOM, "%016llx-%u-%llu", (unsigned long long)e->object,
                            e->version, (unsigned long long)e->size);
}

static bool read_hex(struct span text, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
            return false;
        *out = *out << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return text.n == 16;
}

int edition_read(struct span text, struct edition *out)
{
    uint64_t version;
    struct span rest, size, object = span_cut(text, '-', &rest);
    struct span middle = span_cut(rest, '-', &size);
    if (!read_hex(object, &out->object) || !span_u64(middle, &version) || version > UINT32_MAX ||
        !span_u64(size, &out->size) || out->size > INT64_MAX)
        return ERR_SYNTAX;
    out->version = (uint32_t)version;
    return 0;
}

struct words {
    uint64_t first, step;
};

static struct words words_of(const struct edition *e)
{
    uint64_t key[2] = {e->object, e->version};
    uint64_t first = hash64(key, sizeof(key));
    return (struct words){first, hash64(&first, sizeof(first)) | 1};
}

static void fill_words(const struct words *w, uint64_t index, void *out, size_t count)
{
    uint64_t word = w->first + index * w->step;
    char *at = out;
    for (size_t i = 0; i < count; i++, word += w->step)
        memcpy(at + 8 * i, &word, 8);
}

void edition_fill(const struct edition *e, uint64_t offset, void *out, size_t n)
{
    struct words w = words_of(e);
    char *at = out, odd[8];
    while (n > 0) {
        size_t skip = offset % 8, part = 8 - skip < n ? 8 - skip : n;
        if (skip == 0 && n >= 8) {
            part = n - n % 8;
            fill_words(&w, offset / 8, at, part / 8);
        } else {
            fill_words(&w, offset / 8, odd, 1);
            memcpy(at, odd + skip, part);
        }
        at += part;
        offset += part;
        n -= part;
    }
}

bool edition_agrees(const struct edition *e, uint64_t offset, const void *p, size_t n)
{
    char stripe[STRIPE_BYTES];
    for (size_t part; n > 0; n -= part) {
        part = n < sizeof(stripe) ? n : sizeof(stripe);
        edition_fill(e, offset, stripe, part);
        if (memcmp(stripe, p, part) != 0)
            return false;
        p = (const char *)p + part;
        offset += part;
    }
    return true;
}
