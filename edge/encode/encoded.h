/* SPDX-License-Identifier: MIT */
#ifndef EDGE_ENCODE_ENCODED_H
#define EDGE_ENCODE_ENCODED_H

#include "lib/base/check.h"
#include "lib/base/counter.h"
#include "lib/base/span.h"

#include <stdbool.h>
#include <stdint.h>

/* Coded copies of stored bodies: each is made once, by whoever asks first, and then sent to all. A
 * copy is of one generation, whose id no other will ever have, so that it cannot outlive it under
 * another's name; copies that nobody asks for leave. Knows bytes and ids, no HTTP.
 * Threads: any; a shard's lock is held for a few pointers only. */
struct encoded_table;

/* One copy: immutable, counted. */
struct encoded {
    uint32_t magic;
    _Atomic uint32_t refs;
    struct encoded_table *table;
    size_t size;
    uint8_t bytes[];
};

/* max_bytes: of all copies. charge: whether so many bytes more may be held (they count against
 * somebody's budget); called without a lock. */
struct encoded_config {
    int64_t max_bytes;
    bool (*charge)(void *ctx, size_t bytes);
    void (*uncharge)(void *ctx, size_t bytes);
    void *ctx;
};
struct encoded_table *encoded_table_create(const struct encoded_config *config)
    __attribute__((returns_nonnull));
void encoded_table_destroy(struct encoded_table **t); /* no reference may be left */

/* encoded_reserve: for bytes of a copy while it is made. */
MUST_USE bool encoded_reserve(struct encoded_table *t, size_t bytes);
void encoded_release(struct encoded_table *t, size_t bytes);

enum encoded_state {
    ENCODED_HERE,      /* *out is referenced */
    ENCODED_LEAD,      /* nobody made it: the caller does, and says how it went */
    ENCODED_BUSY,      /* another is at it */
    ENCODED_WORTHLESS, /* it would hardly be smaller: remembered */
    ENCODED_ABSENT,    /* only of encoded_look, instead of LEAD */
};
enum encoded_state encoded_ask(struct encoded_table *t, uint64_t id, struct encoded **out);
enum encoded_state encoded_look(struct encoded_table *t, uint64_t id, struct encoded **out);

/* How it went, for who leads. encoded_create: of bytes that are then written by its maker; NULL: no
 * room. encoded_keep: takes the reference, which may be of nothing (NULL): then as give_up. */
struct encoded *encoded_create(struct encoded_table *t, size_t size);
void encoded_keep(struct encoded_table *t, uint64_t id, struct encoded **e);
void encoded_give_up(struct encoded_table *t, uint64_t id, bool is_worthless);

void encoded_unref(struct encoded **e);

int64_t encoded_bytes(const struct encoded_table *t); /* of copies that can be found */

#endif
