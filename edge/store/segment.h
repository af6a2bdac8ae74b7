/* SPDX-License-Identifier: MIT
 * private to edge/store: the room of a medium, cut into segments */
#ifndef EDGE_STORE_SEGMENT_H
#define EDGE_STORE_SEGMENT_H

#include "edge/store/block_table.h"
#include "edge/store/evict_policy.h"
#include "edge/store/medium_memory.h"
#include "lib/base/clock.h"

#include <pthread.h>

/* Segments of block_max_bytes:
 *
 *   FREE ─ segments_reserve ─> OPEN ─ nothing more fits ─> SEALED ─ evicted ─> CONDEMNED ─> FREE
 *                                └─────────── its last block left ──────────────^
 *
 * A record is reserved once, written once, front to back, and never written again before its
 * segment was FREE (medium_memory.c says why). A full-size block fills a segment; smaller records
 * are packed into the few OPEN ones, where they fit best. References: one of the medium's own while
 * not CONDEMNED, one for each view of a reader and each writer; the last one frees the segment.
 *
 * What comes as a whole segment, from upstream or from a disk, is mostly read once, and goes: to
 * make, clear and punch its pages would be most of its price. Such a segment is its readers' OWN:
 * it is copied to sockets instead of lent, and a few of these (spare_max, kept out of the budget)
 * keep their pages for the next one. When another reader comes upon it, it is lent like all others,
 * and punched in the end.
 *
 * Budget: used_bytes counts the pages of all segments and whatever else the store is charged with;
 * it never exceeds cap_bytes. carry_bytes of it are kept for blocks that eviction moves.
 *
 * Locks of this folder, in the order in which they may be taken; at most one of each, and nothing
 * is called out of this folder but mailbox_post:
 *   1  shard lock        index.c       the objects of one part of the index
 *   2  generation lock   generation.c  block table, waiters, readers, fills
 *   3  purge lock        purge_marks.c what was purged, and when
 *   4  segments lock     segment.c     states, open segments, records of a segment, the policy
 * and the lock of remains (generation.c), under which nothing is called. */
enum segment_state { SEGMENT_FREE, SEGMENT_OPEN, SEGMENT_SEALED, SEGMENT_CONDEMNED };

struct segments;
struct segment {
    /* under the segments' lock */
    struct list link;         /* free, open or the policy's */
    struct block_list blocks; /* records that live here */
    uint32_t live;            /* number of them */
    uint32_t bump;            /* bytes reserved so far */
    /* constant */
    struct segments *home;
    /* any */
    _Atomic uint32_t refs;
    _Atomic uint32_t used_bytes; /* the policy's: bytes read in this round */
    _Atomic uint8_t round;       /* the policy's: never 0 when it begins */
    _Atomic uint8_t queue;       /* of the policy, in which it is, or was last; first its entry */
    uint8_t state, entry;        /* under the segments' lock; entry: queue that it was OPEN for */
    atomic_bool has_pages;       /* all of them, and it is one record */
    atomic_bool is_own; /* its pages were lent to nobody: views of it are not sent as a file */
};
_Static_assert(sizeof(struct segment) <= 64, "one line of cache");

struct segments {
    /* constant */
    struct medium_memory medium;
    const struct evict_policy *policy;
    struct segment *v;
    uint32_t count, segment_bytes;
    uint32_t align; /* of records */
    int64_t cap_bytes, carry_bytes;
    uint32_t spare_max;
    /* any */
    _Atomic int64_t used_bytes;
    /* under lock */
    pthread_mutex_t lock;
    struct list free, spare;         /* spare: free, and still with all of its pages */
    struct list open[EVICT_ENTRIES]; /* by entry */
    uint32_t spare_count;
    uint32_t open_count[EVICT_ENTRIES];
    _Atomic uint32_t free_count; /* written under the lock, read by anybody */
    struct evict_queues queues;
    msec_t aside_until; /* monotonic: of what is put aside, when the first may go */
};

/* Where a record lies. Pinned from segments_reserve until segment_unref. */
struct place {
    struct segment *segment;
    uint32_t offset, bytes;
    bool has_pages; /* all of them, mapped */
};

MUST_USE int segments_init(struct segments *ss, const struct evict_sizes *sizes,
                           const struct evict_policy *policy, bool is_hollow);
void segments_finish(struct segments *ss); /* all segments must be free; half-made is fine */

/* The budget. false: not within it; may_carry: out of what is kept for eviction too. */
bool segments_charge(struct segments *ss, size_t bytes, bool may_carry);
void segments_uncharge(struct segments *ss, size_t bytes);
bool segments_have_room(const struct segments *ss, size_t bytes); /* as it is now */

/* segments_reserve: room for `bytes` (at most a segment) in which b is listed. 0 and *out, pinned;
 * ERR_NO_SPACE: evict something; ERR_NO_MEMORY: the system has none. */
struct record_wanted {
    size_t bytes;
    uint8_t queue; /* of the policy: in which it begins */
    bool may_carry;
    bool is_bare; /* its pages are for its writer to make: medium_memory_prepare or _write */
};
MUST_USE int segments_reserve(struct segments *ss, const struct record_wanted *want,
                              struct block *b, struct place *out);
/* segments_place: b, out of sight or pinned, lies there. segments_offset: where it does. */
void segments_place(const struct segments *ss, struct block *b, const struct place *p);
static inline uint32_t segments_offset(const struct segments *ss, const struct block *b)
{
    return b->place * ss->align;
}
/* segments_trim: of the record at p only the first `kept` bytes were ever readable. */
void segments_trim(struct segments *ss, const struct place *p, size_t kept);
/* segments_detach: b no longer lies in s (nothing happens where eviction took it out already). */
void segments_detach(struct segments *ss, struct segment *s, struct block *b);
/* segments_replace: b takes the place p that `stand_in` held. */
void segments_replace(struct segments *ss, const struct place *p, struct block *stand_in,
                      struct block *b);
/* segments_pick: the policy's victim (or an open segment where no other can go), CONDEMNED: its
 * blocks and the medium's reference are the caller's to give back. NULL: none can go. */
struct segment *segments_pick(struct segments *ss);
/* segments_put_aside: one that was picked shall stay until then: nobody else picks it before. */
void segments_put_aside(struct segments *ss, struct segment *s, msec_t until);
void segments_check(struct segments *ss); /* all rules; slow: for tests */

/* segment_first: of its records, or NULL. segment_next: after b. Under the segments' lock. */
static inline struct block *segment_first(const struct segment *s)
{
    return s->blocks.first != NULL ? CONTAINER_OF(s->blocks.first, struct block, link) : NULL;
}

static inline struct block *segment_next(const struct block *b)
{
    struct block_link *l = block_link_next(&b->link);
    return l != NULL ? CONTAINER_OF(l, struct block, link) : NULL;
}

/* for (each record b of segment s) */
#define SEGMENT_EACH(b, s) for (struct block *b = segment_first(s); b != NULL; b = segment_next(b))

static inline void segment_ref(struct segment *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
}
void segment_unref(struct segment *s);

/* segment_made: the one record that fills it is written. */
static inline void segment_made(struct segment *s)
{
    atomic_store_explicit(&s->has_pages, true, memory_order_relaxed);
}

/* segment_lend: from here its pages may be in the queues of sockets. The caller has pinned it. */
static inline void segment_lend(struct segment *s)
{
    if (atomic_load_explicit(&s->is_own, memory_order_relaxed))
        atomic_store_explicit(&s->is_own, false, memory_order_relaxed);
}

static inline bool segment_is_own(const struct segment *s)
{
    return atomic_load_explicit(&s->is_own, memory_order_relaxed);
}

static inline bool segment_is_pinned(const struct segment *s)
{
    return atomic_load_explicit(&s->refs, memory_order_acquire) > 1;
}

static inline uint32_t segment_number(const struct segment *s)
{
    return (uint32_t)(s - s->home->v);
}

static inline size_t segment_offset(const struct segment *s)
{
    return (size_t)segment_number(s) * s->home->segment_bytes;
}

/* segment_sum: the checksum of what lies there; segment_copy: from one place to another. Where
 * memory is hollow nothing lies anywhere. */
uint64_t segment_sum(const struct segment *s, uint32_t offset, size_t n);
void segment_copy(const struct place *to, const struct segment *s, uint32_t offset);

static inline uint8_t *segment_mem(const struct segment *s)
{
    return s->home->medium.base + segment_offset(s);
}

#endif
