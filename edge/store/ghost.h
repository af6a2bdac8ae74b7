/* SPDX-License-Identifier: MIT
 * private to edge/store: the names of what left lately */
#ifndef EDGE_STORE_GHOST_H
#define EDGE_STORE_GHOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A FIFO of fingerprints worth a number of bytes: a name is known until so many bytes have left
 * after it, or a thousandth more. Four bytes a name in a table that grows as far as it needs to,
 * within the size that it was made with; where a bucket is full its oldest name is forgotten. One
 * name in some 65,000 is taken for another. Threads: any, without a lock: what two threads do at
 * once may lose one name. */
struct ghost;

/* Worth memory and disk together; *bytes: what it weighs at most, a sixty-fourth of memory. */
struct ghost *ghost_create(int64_t memory_bytes, int64_t disk_bytes, size_t *bytes);
void ghost_destroy(struct ghost **g);       /* NULL is fine */
size_t ghost_weight(const struct ghost *g); /* of the part that is in use, bytes */
void ghost_add(struct ghost *g, uint64_t name, uint32_t bytes);
/* ghost_take: whether the name is known; it is not from here. */
bool ghost_take(struct ghost *g, uint64_t name);

#endif
