/* SPDX-License-Identifier: MIT
 * private to lib/net: what a file of this folder keeps once per loop */
#ifndef LIB_NET_LOOP_PART_H
#define LIB_NET_LOOP_PART_H

#include "lib/net/loop.h"

/* A part is made by its owner at the first need and ended by loop_destroy, which calls finish (it
 * frees the part) while the loop's timers and buffers still work. */
struct loop_part {
    void (*finish)(struct loop_part *p);
};
enum loop_part_name {
    LOOP_PART_CONN,
    LOOP_PART_HANDSHAKES,
    LOOP_PART_RESOLVER,
    LOOP_PART_SEALS,
    LOOP_PARTS
};

/* loop_part_at: where the part stands; NULL there: not made yet. */
struct loop_part **loop_part_at(struct loop *l, enum loop_part_name name);

#endif
