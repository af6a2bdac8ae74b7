/* SPDX-License-Identifier: MIT
 * private to edge/store: which segment of a full disk is given up next */
#ifndef EDGE_STORE_DISK_TURN_H
#define EDGE_STORE_DISK_TURN_H

#include "edge/store/disk.h"

/* Segments are given up in the order in which they were written, but for those of which most is in
 * use: such a one stays where it is for another round, and nothing of it has to be written again.
 * Each of its blocks has a use less then, as one that is moved. So that drops and purges, which
 * live as long as anything that is older (disk_orders.h), do not become more and more, a segment is
 * given up at last whatever is in it. */
#define DISK_MOVE_SHARE  2  /* of a segment, one part in this many at most is moved */
#define DISK_PASS_SHARE  2  /* in use is one of which more than one part in this many is */
#define DISK_PASSES_MOST 16 /* are passed over at a time: each is a summary to read */
#define DISK_TURNS_MOST  8  /* disks full are written before one is given up at last */

/* disk_turn_passes: whether a segment is passed over of which `used` bytes are in use, and after
 * which `since` others were begun on a disk of `count`. */
static inline bool disk_turn_passes(uint64_t used, uint32_t segment_bytes, uint64_t since,
                                    uint32_t count)
{
    return used > segment_bytes / DISK_PASS_SHARE && since < (uint64_t)DISK_TURNS_MOST * count;
}

/* The segment that is to be given up, and what is still there of it: blocks that lie there, and
 * heads that are the newest of objects. */
struct disk_turn {
    uint32_t segment; /* SEGMENT_NONE: there is none */
    bool is_read;     /* false: it cannot be: what is there is not known */
    uint64_t used;    /* bytes of blocks that were used since they came */
    struct disk_turn_record {
        struct disk_record record;
        uint32_t uses; /* of a block: as disk_place_has says */
    } * v;
    uint32_t count, room;
};

/* disk_turn_next: reads from the disk, once of each segment that it comes to. Drops and purges that
 * the segment has are kept (disk_orders.h). disk_turn_finish: in every case.
 * Threads: the writer's. */
void disk_turn_next(struct disk *d, struct disk_turn *out);
void disk_turn_finish(struct disk_turn *t);

#endif
