/* SPDX-License-Identifier: MIT
 * private to edge/store: a set of numbers of 64 bits */
#ifndef EDGE_STORE_ID_SET_H
#define EDGE_STORE_ID_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of numbers that nobody outside chooses: hashes, ids. Open addressing, at most half full: 16 to 32
 * bytes each. All zero: empty. Threads: one at a time. */
struct id_set {
    uint64_t *v;
    size_t room, count; /* room: a power of two, or 0 */
    bool has_zero;
};

bool id_set_add(struct id_set *s, uint64_t id); /* false: it was there */
bool id_set_has(const struct id_set *s, uint64_t id);
void id_set_finish(struct id_set *s); /* empty again */

#endif
