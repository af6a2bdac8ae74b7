/* SPDX-License-Identifier: MIT */
#ifndef EDGE_STORE_GENERATION_H
#define EDGE_STORE_GENERATION_H

#include "edge/store/audience.h"
#include "lib/base/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One version of a representation's bytes, in blocks. Bytes of two generations never meet.
 *
 * Each block is  ABSENT ─claim─> CLAIMED ─write_begin─> FILLING ─full─> PRESENT ─evicted─> ABSENT
 *                   ^── release ────┘ ^────── abort ───────┘ ^── view ─ STORED <─┘ (or so, where
 *                                                                          a disk has it)
 *
 * A claim is its claimer's until the block is PRESENT or released. What is PRESENT may leave and be
 * claimed by another at any moment: release only what is still one's own.
 * Readers follow a block while it is FILLING: bytes below its filled mark never change.
 * All functions: any thread; each takes the generation's own short lock, none blocks. */
struct store;
struct generation;

/* length: bytes of the whole representation, or LENGTH_UNKNOWN until generation_end.
 * NULL: no room for its record. block_bytes: at most the store's block_max_bytes. */
MUST_USE struct generation *generation_create(struct store *st, int64_t length,
                                              int64_t block_bytes);
void generation_ref(struct generation *g);
void generation_unref(struct generation **g);
int64_t generation_length(const struct generation *g); /* LENGTH_UNKNOWN: not yet */
int64_t generation_block_bytes(const struct generation *g);
uint64_t generation_id(const struct generation *g); /* of no other generation, ever */
/* generation_end: the length turned out (chunked answer ended). Wakes who waits beyond. */
void generation_end(struct generation *g, int64_t length);

/* generation_abandon: upstream no longer has these bytes (its validator changed, or they cannot be
 * asked for again). What is there may still be read; what is absent will never come: views of it
 * give ERR_CHANGED, claims give 0, waiters are woken. For ever. */
void generation_abandon(struct generation *g);
bool generation_is_abandoned(const struct generation *g);

/* Reading. A view pins its segment: short-lived, given back after the bytes went out. */
struct block_view {
    const uint8_t *mem;
    int fd; /* of the segment; -1: cannot be sent as a file */
    int64_t from;
    size_t len; /* > 0: what is there from the asked position to the block's filled end */
    void *segment;
    bool is_from_disk; /* the block came from a disk, or (ERR_AGAIN) is coming */
    uint8_t mark;      /* of the block's writer; 0 where it was read from a disk */
};
/* generation_view: 1 *out is given; 0: pos is the end of the representation; ERR_AGAIN: claimed,
 * filling, or being read from a disk from now on, nothing at pos yet: wait; ERR_NOT_FOUND: absent
 * and nobody is bringing it; ERR_CHANGED: absent, and abandoned; ERR_BUSY: on a disk that has more
 * to do than it can: better had elsewhere; ERR_NO_SPACE: on a disk, and no room in memory. */
int generation_view(struct generation *g, int64_t pos, struct block_view *out);
/* generation_use: the same, by somebody who comes upon the block for the first time, and for whom
 * it was not brought: what is used stays longer. */
int generation_use(struct generation *g, int64_t pos, struct block_view *out);
void block_view_release(struct block_view *v);

/* Waiting: one mail when pos has bytes, or its block went back to ABSENT, or the end is known.
 * 0: the mail will come; ERR_EXISTS: look again now, nothing was registered. */
MUST_USE int generation_wait(struct generation *g, struct block_waiter *w);
/* After cancel no mail comes; false: it is on its way already, the waiter must stay until woken. */
bool generation_wait_cancel(struct generation *g, struct block_waiter *w);

/* Claiming. generation_claim: claims absent blocks from the first absent one at or after
 * first_block, as many in one run as are absent, at most max_blocks (INT64_MAX: to the end, also
 * an unknown one). Count (> 0) and *first, or 0: none is absent in
 * [first_block, first_block + max_blocks). */
int64_t generation_claim(struct generation *g, int64_t first_block, int64_t max_blocks,
                         int64_t *first);
/* generation_release: blocks of [first, first + count), all of the caller's claim and none of them
 * FILLING, go to ABSENT. */
void generation_release(struct generation *g, int64_t first, int64_t count);
/* generation_want: as stride_want, for blocks that a reader found absent and that are claimed for
 * him, and never more than a 64th of memory: what waits there for its reader must not push out what
 * others wait for, nor leave before he comes. *wants: how many wants that makes. */
int64_t generation_want(struct generation *g, int64_t first, int64_t count, int64_t most,
                        uint32_t *wants);
/* How many blocks of [first, first + count) are PRESENT or STORED; for explain and Cache-Status. */
int64_t generation_present(struct generation *g, int64_t first, int64_t count);
/* generation_next_held: the first block at or after `first` that is FILLING or PRESENT; INT64_MAX:
 * none. */
int64_t generation_next_held(struct generation *g, int64_t first);
/* generation_lacks: whether one of them is absent, and no fill is at work that may bring it. */
bool generation_lacks(struct generation *g, int64_t first, int64_t count);
/* generation_weigh: what is held of it, wherever; blocks that are being filled count whole. */
struct generation_weight {
    uint64_t id; /* of no other generation, ever */
    int64_t bytes, disk_bytes;
};
void generation_weigh(struct generation *g, struct generation_weight *out);
/* generation_tell: its blocks, for explain: in memory, on its disk (also both), of these how many
 * lie coded; of those in memory how many have each mark: of who wrote them, 0 for those of an
 * earlier process. */
struct generation_blocks {
    int64_t in_memory, on_disk, coded, by_mark[4];
};
void generation_tell(struct generation *g, struct generation_blocks *out);
/* generation_run: the first run of PRESENT blocks at or after `from`: their count, or 0: none. */
int64_t generation_run(struct generation *g, int64_t from, int64_t *first);

/* Readers tell where they are, and fills read ahead of them. When a reader comes, leaves, moves to
 * another block or begins to wait, moved() of the attached fills is posted (at most one
 * outstanding each). */
void generation_reader_attach(struct generation *g, struct generation_reader *r);
void generation_reader_move(struct generation *g, struct generation_reader *r, int64_t pos);
void generation_reader_detach(struct generation *g, struct generation_reader *r);

/* A fill's view of the readers of a run of bytes. */
void generation_fill_attach(struct generation *g, struct generation_fill *f);
/* false: a mail is on its way: f must stay until moved() was called. */
bool generation_fill_detach(struct generation *g, struct generation_fill *f);
/* generation_gather: f has claimed the blocks [gather_first, gather_end) and has not asked for them
 * yet: until generation_gathered claims of others that adjoin may be given to it, up to gather_most
 * in all. generation_gather_join: gives one, whoever's worker; false: nobody takes it.
 * generation_gathered: takes over what others gather and may give away; where another took over its
 * own, gather_end is gather_first. */
void generation_gather(struct generation *g, struct generation_fill *f);
bool generation_gather_join(struct generation *g, int64_t first, int64_t count);
void generation_gathered(struct generation *g, struct generation_fill *f);
/* Of readers whose wanted bytes meet [from, to): how many, and the furthest pos among them. */
int generation_readers(struct generation *g, int64_t from, int64_t to, int64_t *furthest);

/* generation_spend: a reader (NULL: it is not attached) has read all of a block that came from a
 * disk for it. Where nobody else is about to read it, and it was not used more often since it lies
 * there, its memory is for the next one: a block that is read on leaves with its reader. */
void generation_spend(struct generation *g, const struct generation_reader *r, int64_t index);

/* generation_has_client: whether one of its readers is not in the background. */
bool generation_has_client(struct generation *g);

/* Writing one claimed block. block_write_begin: reserves room for it. ERR_NO_SPACE: nothing can
 * leave now; ERR_CHANGED: abandoned: the block stays claimed. Then bytes are put at w->at (as many
 * as block_write_prepare was asked for) and told with block_write_add; at the block's full length
 * (or block_write_end for the last one of an unknown length) it is PRESENT and the writer is done:
 * w->block is NULL. A writer that is done may be given to end and abort again. */
struct block_writer {
    struct generation *generation;
    int64_t index;
    void *block;
    struct segment *segment; /* where it is to lie, from */
    uint32_t offset;         /* here on */
    uint8_t *at;
    size_t filled, room, prepared;
    uint8_t mark; /* 0..3, what it likes: views of what it tells from here on have it */
};
MUST_USE int block_write_begin(struct block_writer *w, struct generation *g, int64_t index);
/* block_write_prepare: there are pages for n bytes at w->at, at most w->room. To make them for the
 * whole block at once would hold up a worker for hundreds of microseconds. ERR_NO_MEMORY: the
 * system has none; the writer stays as it is. */
MUST_USE int block_write_prepare(struct block_writer *w, size_t n);
/* block_write_add: n bytes at w->at are written; moves at and room. block_write_end: complete as it
 * is; as abort where it has no bytes, or fewer than a known length says. block_write_abort: back to
 * CLAIMED, without its bytes; its claimer writes it again or releases it. */
void block_write_add(struct block_writer *w, size_t n);
void block_write_end(struct block_writer *w);
void block_write_abort(struct block_writer *w);

#endif
