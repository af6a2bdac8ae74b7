/* SPDX-License-Identifier: MIT */
#ifndef EDGE_STORE_STORE_H
#define EDGE_STORE_STORE_H

#include "edge/store/disk_face.h"
#include "edge/store/generation.h"
#include "edge/store/object.h"
#include "edge/store/purge_marks.h"
#include "edge/store/store_counters.h"
#include "lib/base/buf.h"

/* The face of the store: objects by key, their bytes on media. One for all workers.
 *
 *   key ─ index (sharded) ─ resource: the variants of one key ─ object ─ generation ─ blocks
 *
 * Nothing here blocks; a shard's lock is held for a look-up only. Everything is bounded by
 * memory_bytes: segments, heads, and the index are charged to it; at the bound the store evicts,
 * and
 * where nothing can be evicted it says ERR_NO_SPACE and the caller passes through.
 * Threads: any worker. */
struct store;

/* What is written to disks. */
enum store_admission {
    STORE_ADMIT_PROVEN, /* blocks that the eviction policy deems worth it; while the disk has room
                         * that was never used, all */
    STORE_ADMIT_USED,   /* whatever belongs to an object that was asked for a second time */
    STORE_ADMIT_ALL,
};

struct store_config {
    int64_t memory_bytes;    /* hard cap */
    int64_t block_max_bytes; /* largest block of any site: a segment holds at least one */
    uint32_t variants_max;   /* per key; the oldest leaves (16) */
    const struct store_disk *disks;
    uint32_t disk_count;
    int64_t disk_scrub_per_s; /* bytes read from each disk to be verified; 0: none */
    msec_t disk_slow_ms;      /* a read that takes longer makes its disk slow; 0: a second */
    enum store_admission disk_admission;
    int disk_code_level;  /* of zstd, 1 to 3: blocks lie coded where it pays; 0: as they come */
    const char *eviction; /* name of the policy; NULL: the default */
    /* For simulation: bytes are not kept, records and tables are not counted against memory. A disk
     * of so many bytes is expected to be put below (bench/sim). */
    bool is_hollow;
    int64_t hollow_disk_bytes;
};
/* store_create: of large disks, some of what lies there may still be unknown when it returns, the
 * newest is known first: until store_wait_open says so (false: not within max_ms), what is not
 * known is a miss. What is purged or inserted meanwhile holds against what comes. */
MUST_USE int store_create(struct store **out, const struct store_config *config, struct buf *why);
/* What store_create would refuse, found out without changing anything: its memory, its i-th disk
 * (one that fails it leaves out). 0, or a code and a line in why. */
MUST_USE int store_rehearse_memory(const struct store_config *config, struct buf *why);
MUST_USE int store_rehearse_disk(const struct store_config *config, uint32_t i, struct buf *why);
bool store_wait_open(struct store *st, msec_t max_ms);
/* store_destroy: no reference may be left. Waits for disks, for STORE_STOP_MS at most: where one
 * hangs longer its store is left as it is, and what was queued to it is lost. */
#define STORE_STOP_MS 5000
void store_destroy(struct store **st);

/* store_select: the newest object under key for which matches() is true (called under the shard's
 * lock: short and pure), with a reference, or NULL. Counts a use of the object. */
struct object *store_select(struct store *st, const struct store_key *key, object_match_fn matches,
                            void *ctx);

/* store_peek: the same, and it counts as no use: for who only wants to know. */
struct object *store_peek(struct store *st, const struct store_key *key, object_match_fn matches,
                          void *ctx);
/* store_doubt: o, as it is in memory, is to be validated before it is used again. */
void store_doubt(struct object *o);

/* store_moment: taken when a fetch begins; store_insert refuses what a later purge covers.
 * store_insert: the object may be found from here; replaces one of the same variant (its generation
 * too, unless both share it: a refresh by 304). References o for the index. 0; ERR_CHANGED: purged
 * since; ERR_NO_SPACE. The caller's reference stays its own in every case. */
uint64_t store_moment(const struct store *st);
MUST_USE int store_insert(struct store *st, struct object *o, uint64_t moment);
/* store_remove: o leaves the index if it is still there (readers go on). */
void store_remove(struct store *st, struct object *o);

/* store_purge: all variants under key. Hard: gone. Soft: stale, to be validated before use. Returns
 * how many objects it met. When it has returned, no store_select gives one of them (hard). */
uint64_t store_purge(struct store *st, const struct store_key *key, bool is_soft);

/* store_purge_many: the same for every object in scope, whatever their number: leaves a mark and
 * returns at once. When it has returned, no store_select gives one of them (hard), or gives it
 * marked as stale (soft). Also covers what is being fetched (store_moment). */
void store_purge_many(struct store *st, const struct purge_scope *scope, bool is_soft);

/* store_settle: waits until every purge made before holds after a crash too, at most so long;
 * false: on some disk it does not yet. Blocks: not for a worker's loop. */
bool store_settle(struct store *st, msec_t max_ms);

/* store_is_purged: whether o, taken from the store or offered to it before, may no longer answer
 * who asks now. */
bool store_is_purged(struct store *st, struct object *o);

/* store_was_purged: whether a purge after `moment` (store_moment) covers o. */
bool store_was_purged(struct store *st, const struct object *o, uint64_t moment);

/* store_walk: gives fn some 64 objects (borrowed, under a lock: fn is quick, asks nothing of the
 * store but generation_weigh), from *at on (0: the beginning), which it moves. false: that was the
 * end. What comes or goes during a walk may be missed. */
typedef void (*store_walk_fn)(void *ctx, const struct object *o);
bool store_walk(struct store *st, uint64_t *at, store_walk_fn fn, void *ctx);

/* store_upkeep: a bounded step (some 100 us) of giving back what purges left behind; false: there
 * is nothing to do. One thread at a time. */
bool store_upkeep(struct store *st);

/* store_charge: bytes that lie elsewhere and count against memory_bytes; evicts for them. */
MUST_USE bool store_charge(struct store *st, size_t bytes);
void store_uncharge(struct store *st, size_t bytes);

/* What there is, for status and explain. */
struct store_usage {
    int64_t memory_bytes, memory_cap_bytes;
    uint64_t objects, blocks, segments;
    int64_t disk_blocks;
};
void store_usage(const struct store *st, struct store_usage *out);
/* store_block_max_bytes: the largest block that it takes, for as long as it lives. */
int64_t store_block_max_bytes(const struct store *st);

/* store_disk_usage: of disk i; false: there are fewer. */
bool store_disk_usage(const struct store *st, uint32_t i, struct store_disk_usage *out);

extern const struct counter_table store_counter_table; /* prefix "byeori_edge_store_" */
const struct store_counters *store_counters_of(const struct store *st);

#endif
