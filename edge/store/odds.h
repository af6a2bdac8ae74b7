/* SPDX-License-Identifier: MIT
 * private to edge/store: how likely it is that a block is read again */
#ifndef EDGE_STORE_ODDS_H
#define EDGE_STORE_ODDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What was read lately, present or not, and a model that learns from it, while it runs, how likely
 * a block is read again before as many bytes have been read as the horizon says: logistic, over
 * bins of how long ago it was read, how long that was after the time before, two rates that decay
 * (fast and slow), how often, its size, its place in the object, the object's own rate, and how
 * far behind it a download is. A few blocks at a time are watched until they are read or the
 * horizon has passed; that is what it learns from.
 *
 * Time is counted in bytes that were read. Memory is fixed: 16 bytes a name in buckets of four, in
 * which the one read longest ago is forgotten. The same calls give the same answers on every run of
 * one thread. Threads: any, without a lock: what two of them do at once may lose one reading. */
struct odds;

struct odds_config {
    int64_t cache_bytes; /* of all media: the horizon follows from it */
    int64_t most_bytes;  /* that it may weigh */
};
struct odds *odds_create(const struct odds_config *config, size_t *weight);
void odds_destroy(struct odds **r); /* NULL is fine */
size_t odds_weight(const struct odds *r);

struct odds_block {
    uint64_t name, object; /* hashes: of the block, of its object */
    uint32_t bytes;
    uint32_t index, count; /* in the object, of so many; count 0: not known */
};

/* odds_read: it is being read, by one more. odds_chance: the probability that it is read again
 * within the horizon. odds_watch: the same, and it may be watched to learn from. */
void odds_read(struct odds *r, const struct odds_block *b);
float odds_chance(struct odds *r, const struct odds_block *b);
float odds_watch(struct odds *r, const struct odds_block *b);
/* odds_is_past: it was not read for several horizons: whatever was expected was in vain. */
bool odds_is_past(struct odds *r, const struct odds_block *b);
uint64_t odds_read_bytes(const struct odds *r); /* of all that was told to be read */

#endif
