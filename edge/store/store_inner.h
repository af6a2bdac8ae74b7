/* SPDX-License-Identifier: MIT
 * private to edge/store: what its files share */
#ifndef EDGE_STORE_STORE_INNER_H
#define EDGE_STORE_STORE_INNER_H

#include "edge/store/newcomers.h"
#include "edge/store/roster.h"
#include "edge/store/segment.h"
#include "edge/store/store_counters.h"

#define GENERATION_LOCKS 256 /* shared by all generations, by address: 40 bytes less in each */

struct index;
struct disks;
struct purge_marks;
struct generation;

/* A lock that shares no line of cache with the next but one. */
struct store_lock {
    pthread_mutex_t mutex;
    char gap[64 - sizeof(pthread_mutex_t)];
};

struct store {
    uint32_t magic;
    /* constant */
    int64_t memory_bytes, block_max_bytes;
    size_t index_bytes; /* of its tables and the roster's */
    struct index *index;
    struct purge_marks *marks;
    /* make_room: lets something leave; false: nothing can. What needs room stands below what knows
     * who may go: the arrow back up is this pointer alone. Called with no lock held. */
    bool (*make_room)(struct store *st);
    /* What lies below memory; NULL where there is no disk. Called with no lock held.
     * disk_keep: the block should go to its disk, if that can be. disk_load: it is STORED: as
     * generation_view says of it. disk_read_ahead: blocks [from, to) will be wanted soon. */
    struct disks *disks;
    void (*disk_keep)(struct store *st, struct generation *g, int64_t index);
    /* disk_has_room: g's disk has room that was never used, and leisure: what is written there
     * pushes nothing out. Under g's lock instead; g has an owner. */
    bool (*disk_has_room)(const struct store *st, const struct generation *g);
    int (*disk_load)(struct store *st, struct generation *g, int64_t index);
    void (*disk_read_ahead)(struct store *st, struct generation *g, int64_t from, int64_t to);
    int64_t disk_scrub_per_s;
    msec_t disk_slow_ms;
    int disk_admission; /* enum store_admission */
    int disk_code_level;
    struct roster roster;
    struct newcomers newcomers;
    /* any */
    _Atomic uint64_t generation_id; /* the last one given */
    _Atomic int64_t disk_blocks;
    _Atomic int64_t head_bytes; /* of the budget: objects, generations and their tables */
    _Atomic int64_t blocks;
    _Atomic bool has_told_heads; /* heads_tell */
    _Atomic msec_t pins_until;   /* of all pins in memory, the latest; monotonic */
    struct store_counters counters;
    struct segments segments;
    pthread_mutex_t remains_lock;       /* of the next: generations that are being given back */
    struct generation *_Atomic remains; /* written under it, read by anybody */
    struct store_lock generation_locks[GENERATION_LOCKS];
};
#define STORE_MAGIC 0x57043e11U

/* Attempts to make room for one reservation: each lets a segment or some objects go. */
#define ROOM_ROUNDS 256

#endif
