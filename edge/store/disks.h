/* SPDX-License-Identifier: MIT
 * private to edge/store: all disks, and which object belongs to which */
#ifndef EDGE_STORE_DISKS_H
#define EDGE_STORE_DISKS_H

#include "edge/store/disk.h"

/* An object and all its blocks belong to one disk, by weighted rendezvous over the hash of its key:
 * each disk can be read by itself, and one that is lost takes its own objects alone. */
struct disks;

/* disks_create: opened and locked. disks_start: their threads; nothing is kept or loaded before.
 * disks_stop: what is queued is written, threads end; then disks_destroy. NULL is fine. false: some
 * thread hangs in its disk: nothing that it may use can go. */
struct disks_config {
    const struct store_disk *v;
    uint32_t count;
};
MUST_USE int disks_create(struct disks **out, struct store *st, const struct disks_config *config,
                          struct buf *why);
MUST_USE int disks_start(struct disks *ds);
bool disks_stop(struct disks *ds);
void disks_destroy(struct disks **ds);
uint32_t disks_count(const struct disks *ds);
struct disk *disks_at(struct disks *ds, uint32_t i);

/* disks_wait_open: until the records of all disks are known, at most so long (-1: for ever);
 * false: they are not yet. */
bool disks_wait_open(struct disks *ds, msec_t max_ms);
/* disks_are_apart: no disk has what is another's: each can be served from while others are read. */
bool disks_are_apart(const struct disks *ds);

/* disks_watch: sees to it that nobody waits for a disk that hangs; from time to time, one thread.
 * NULL is fine. */
void disks_watch(struct disks *ds);

/* disks_refresh: the head of the generation's object changed. disks_forget: its object has left the
 * index for good, and must not come back at the next start. Both: nothing where no disk has it. */
void disks_refresh(struct store *st, struct generation *g);
void disks_forget(struct store *st, struct generation *g);
/* disks_purge: told to every disk. disks_sync: what was told before is on the disks, within max_ms;
 * false: not on all of them. Blocks. */
struct purge_image;
void disks_purge(struct store *st, const struct purge_image *p, const struct store_key *key);
bool disks_sync(struct store *st, msec_t max_ms);

#endif
