/* SPDX-License-Identifier: MIT
 * private to edge/store: what an eviction policy must offer */
#ifndef EDGE_STORE_EVICT_POLICY_H
#define EDGE_STORE_EVICT_POLICY_H

#include "edge/store/ghost.h"
#include "edge/store/odds.h"
#include "lib/base/list.h"

#include <stdatomic.h>
#include <stdint.h>

/* A policy is one file that defines one of these and a line in evict_queues.c that names it. What
 * is evicted are segments; what is worth something are blocks: a policy keeps segments in queues of
 * its own, says in which a new record begins, and which blocks of a segment that goes are carried
 * on. It does no I/O, knows no clock and takes no lock. Unless another lock is named, the segments'
 * lock is held. */
struct segment;
struct block;

#define EVICT_ENTRIES 3           /* queues that a record may begin in */
#define EVICT_LISTS   32          /* queues in all; the first ones are those */
#define EVICT_ASIDE   EVICT_LISTS /* where the policy does not look: segments that are pinned */
#define EVICT_LEAVES  (-1)

struct evict_sizes {
    int64_t memory_bytes, disk_bytes; /* 0: there is no disk */
    uint32_t segment_bytes;
};

struct evict_queues {
    struct evict_sizes sizes;
    struct list lists[EVICT_LISTS + 1]; /* of sealed segments, by their link */
    uint32_t counts[EVICT_LISTS + 1];
    int64_t bytes[EVICT_LISTS + 1]; /* of them, and of those that are open for it */
    /* What the policy may ask of a block: atomics and constants alone, while it cannot vanish. Set
     * by the store. */
    void (*describe)(const struct block *b, struct odds_block *out);
    /* the policy's own */
    struct ghost *ghost;         /* what left lately, or NULL */
    struct odds *odds;           /* what was read lately, and what that says, or NULL */
    _Atomic float floor, middle; /* chances: of what goes, of what it is chosen from */
    _Atomic float margin;        /* on the chance that is worth a write */
    _Atomic uint64_t told_at, admitted_bytes; /* bytes read when it moved last; admitted since */
    uint32_t left_before_main; /* segments, since one of the main queue was asked for */
    _Atomic uint32_t tick;     /* written under the lock, read by anybody */
    int64_t tick_bytes;
};

/* Why a record is made. */
enum evict_origin {
    EVICT_NEW,    /* from upstream */
    EVICT_LOADED, /* from its disk, where it stays too */
};

struct evict_policy {
    const char *name;
    bool has_ghost, has_odds;
    /* enter: the queue, below EVICT_ENTRIES, of a new record. Under no lock. */
    uint8_t (*enter)(struct evict_queues *q, enum evict_origin origin, const struct odds_block *b);
    /* sealed: a segment takes no more records: it is put into a queue. */
    void (*sealed)(struct evict_queues *q, struct segment *s);
    /* pick: takes the segment that shall go now out of its queue, or NULL: none can. Never one that
     * is pinned (segment_is_pinned). */
    struct segment *(*pick)(struct evict_queues *q);
    /* carry: the queue that this block of a picked segment goes on in, or EVICT_LEAVES; carried: it
     * does. Both under the block's generation's lock instead. */
    int (*carry)(const struct segment *s, const struct block *b);
    void (*carried)(const struct segment *s, struct block *b);
    /* left: a block of a picked segment is gone, and no disk has it. Under its generation's lock
     * instead. */
    void (*left)(struct evict_queues *q, const struct segment *s, const struct block *b,
                 uint64_t name);
    /* The next three under the block's generation's lock instead: what they change of a segment or
     * of a block's `used` is atomic.
     * read: bytes of a PRESENT block are being read; is_use: by somebody who comes upon it, not by
     * whom it was brought for. brought: somebody who waits for it will read it soon. is_proven:
     * whether it has shown that it is worth a write to a disk; NULL: the second request for its
     * object shows it. */
    void (*read)(struct segment *s, struct block *b, bool is_use);
    void (*brought)(struct segment *s, struct block *b);
    bool (*is_proven)(const struct segment *s, const struct block *b);
    /* worth: of a block whose disk needs its room: 0: it is forgotten; else, up to
     * EVICT_WORTH_MOST, the more the sooner it is moved. NULL: times it was used since it lies
     * there. */
    uint32_t (*worth)(struct evict_queues *q, const struct block *b);
};
#define EVICT_WORTH_MOST 3u

/* evict_policy_of: by name, or NULL. */
const struct evict_policy *evict_policy_of(const char *name);

/* evict_queues_init: returns what the policy's own memory weighs at most. */
size_t evict_queues_init(struct evict_queues *q, const struct evict_policy *p,
                         const struct evict_sizes *sizes);
void evict_queues_finish(struct evict_queues *q);
size_t evict_queues_weight(const struct evict_queues *q); /* what it weighs now */
/* At the tail of a list; out of the one that s->queue names. */
void evict_queue_add(struct evict_queues *q, struct segment *s, uint8_t list);
void evict_queue_remove(struct evict_queues *q, struct segment *s);

/* For policies that have a small queue for what is new, one for what is loaded, and a main one:
 * which is too large now. Where there are disks, these are the main queue, and memory's own is what
 * is read of them most. */
enum evict_stage { STAGE_SMALL, STAGE_LOADED, STAGE_MAIN };
_Static_assert(STAGE_MAIN < EVICT_ENTRIES, "a record may begin in each");
enum evict_stage evict_stage_due(const struct evict_queues *q);

extern const struct evict_policy evict_clock;
extern const struct evict_policy evict_learned;
extern const struct evict_policy evict_lru;
extern const struct evict_policy evict_s3fifo;

#endif
