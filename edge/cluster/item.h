/* SPDX-License-Identifier: MIT */
#ifndef EDGE_CLUSTER_ITEM_H
#define EDGE_CLUSTER_ITEM_H

#include "edge/cluster/purge_clock.h"
#include "lib/base/clock.h"
#include "lib/base/hash.h"
#include "lib/http/headers.h"

/* One block of an object as it lies in memcached: the head that came with it, the bytes, and what
 * is needed to believe them: which key and block, a checksum over all, how old it was when, and
 * which purges were known then. Whoever can reach memcached can put anything there: what does not
 * verify is not there. Little-endian, a fixed part of 160 bytes, then the head's lines
 * ("Name: value\r\n"), then the body. Pure. Borrows its bytes. */
#define ITEM_FIXED_BYTES 160
#define ITEM_HEAD_BYTES  16384

struct item {
    struct hash128 key;  /* of the object */
    int64_t at;          /* where in the representation the body begins */
    int64_t size;        /* of the whole representation */
    msec_t wall, age_ms; /* when it was put down, and its age (RFC 9111) then */
    struct purge_stamp purges;
    struct span head, body;
};

/* item_write: into out, which has room for item_bytes(). item_read: 0, or ERR_CORRUPT. */
size_t item_bytes(const struct item *i);
void item_write(const struct item *i, uint8_t *out);
MUST_USE int item_read(struct span bytes, struct item *out);
/* item_fields: the head's lines; false: one is no field. Spans borrow from the item. */
bool item_fields(const struct item *i, struct fields *out);
/* item_key: what it lies under: version and hex digits of a hash. */
#define ITEM_KEY_BYTES 34
void item_key(const struct hash128 *key, int64_t at, int64_t block_bytes,
              char out[ITEM_KEY_BYTES + 1]);

#endif
