/* SPDX-License-Identifier: MIT */
#ifndef EDGE_POLICY_STRIDE_H
#define EDGE_POLICY_STRIDE_H

#include <stdint.h>

/* How readers move through a representation, as far as it can be told from what had to be brought:
 * a want that begins where one of the last two ended goes on from it, and then twice as much is
 * brought ahead as before; any other brings what was asked. Pure; all zero is a beginning. Blocks
 * from UINT32_MAX on are not followed. */
struct stride {
    struct stride_trail {
        uint32_t next;  /* the block after the last one that was brought; 0: none */
        uint32_t ahead; /* of these how many nobody had asked for */
    } trails[2];
    uint32_t turn;  /* trail that gives way to a new one */
    uint32_t wants; /* so far */
};

/* stride_want: blocks [first, first + count) are wanted and being brought. Returns how many more to
 * bring after them, at most `most`. */
int64_t stride_want(struct stride *s, int64_t first, int64_t count, int64_t most);

#endif
