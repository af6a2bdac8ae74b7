/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_EDGE_STORE_STORE_HELP_H
#define TESTS_UNIT_EDGE_STORE_STORE_HELP_H

#include "edge/store/generation_inner.h"
#include "edge/store/store.h"
#include "lib/base/err.h"
#include "lib/http/message.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

/* What the store's tests share: stores of a few MiB, objects whose bytes follow from an id and a
 * position, so that any byte can be verified wherever it turns up. */
#define KIB ((int64_t)1024)
#define MIB (1024 * KIB)

static inline struct store *store_evicting(int64_t memory_bytes, int64_t block_max_bytes,
                                           const char *eviction)
{
    struct store *st;
    struct buf why;
    struct store_config config = {.memory_bytes = memory_bytes,
                                  .block_max_bytes = block_max_bytes,
                                  .variants_max = 4,
                                  .eviction = eviction};
    buf_init(&why, 1000);
    if (store_create(&st, &config, &why) != 0)
        fail_msg("%.*s", SPAN_FMT(buf_span(&why)));
    buf_finish(&why);
    return st;
}

static inline struct store *store_for_test(int64_t memory_bytes, int64_t block_max_bytes)
{
    return store_evicting(memory_bytes, block_max_bytes, NULL);
}

/* Ids of what comes to a third when it is coded; of others there is nothing to save. */
#define ID_TEXT ((uint64_t)1 << 40)

static inline uint8_t byte_of(uint64_t id, int64_t pos)
{
    uint64_t x = (id * 0x9e3779b97f4a7c15u) ^ ((uint64_t)pos >> 3) * 0xff51afd7ed558ccdu;
    x ^= x >> 29;
    uint8_t byte = (uint8_t)(x >> (8 * (pos & 7)));
    return (id & ID_TEXT) != 0 ? (uint8_t)('a' + byte % 4) : byte;
}

static inline void bytes_make(uint64_t id, int64_t pos, uint8_t *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = byte_of(id, pos + (int64_t)i);
}

static inline bool bytes_are(uint64_t id, int64_t pos, const uint8_t *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (from[i] != byte_of(id, pos + (int64_t)i))
            return false;
    }
    return true;
}

static inline struct store_key key_for(char text[32], uint64_t number)
{
    int n = snprintf(text, 32, "site\nhost\n/%llu", (unsigned long long)number);
    return (struct store_key){.text = span_make(text, (size_t)n),
                              .hash = hash128(text, (size_t)n, 0)};
}

/* An object over g with a few fields and the tag "tag"; its id stands in object_stored_wall(). */
static inline struct object *object_for(struct store *st, const struct store_key *key,
                                        struct generation *g, uint64_t id)
{
    struct freshness fresh = {.response_wall = (msec_t)id, .lifetime_ms = 60000};
    struct field v[2] = {
        {.name = SPAN("Content-Type"), .value = SPAN("text/plain"), .id = FIELD_CONTENT_TYPE},
        {.name = SPAN("X-Empty"), .value = SPAN_NONE, .id = FIELD_OTHER}};
    struct fields fs = {.v = v, .count = 2, .room = 2};
    uint64_t tag = tag_hash(SPAN("tag"));
    struct object_spec spec = {.key = *key,
                               .site = SPAN("site"),
                               .tags = {.v = &tag, .count = 1},
                               .vary_names = SPAN(""),
                               .vary_values = SPAN(""),
                               .status = 200,
                               .fields = &fs,
                               .freshness = &fresh,
                               .validators = {.etag = SPAN("\"v1\""), .last_modified = -1},
                               .generation = g};
    return object_create(st, &spec);
}

/* Claims and writes block `index` whole. 0, or as block_write_begin. */
static inline int block_fill(struct generation *g, uint64_t id, int64_t index)
{
    int64_t first, start = index * generation_block_bytes(g);
    struct block_writer w;
    if (generation_claim(g, index, 1, &first) != 1)
        return ERR_EXISTS;
    int r = block_write_begin(&w, g, index);
    if (r != 0) {
        generation_release(g, index, 1);
        return r;
    }
    r = block_write_prepare(&w, w.room);
    if (r != 0) {
        block_write_abort(&w);
        generation_release(g, index, 1);
        return r;
    }
    bytes_make(id, start, w.at, w.room);
    block_write_add(&w, w.room);
    return 0;
}

#endif
