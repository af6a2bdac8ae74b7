/* SPDX-License-Identifier: MIT
 * private to edge/upstream: one fill, whose work lies in three files */
#ifndef EDGE_UPSTREAM_FILL_INNER_H
#define EDGE_UPSTREAM_FILL_INNER_H

#include "edge/upstream/block_runs.h"
#include "edge/upstream/fill.h"
#include "edge/upstream/pace.h"

struct fill {
    uint32_t magic;
    bool is_paused, is_writing, claims_all, is_ending, has_no_reader;
    bool is_gathering; /* not asked yet: what adjoins may be added until the turn ends */
    bool is_resting;   /* for less than YIELD_MS, on a place that others may want */
    bool is_yielded;   /* rests, and has left its place at the origin to others */
    bool is_whole;     /* brings all that is absent, whoever reads */
    uint8_t resumes;   /* in a row that brought next to nothing */
    struct list link;  /* fetcher->fills */
    struct fetcher *fetcher;
    struct source *source;
    struct object *object; /* for tiers that keep heads and go by keys; NULL: not asked */
    struct generation *generation;
    struct fetch *fetch;
    struct validators validators; /* that tell the version; etag: our copy */
    int64_t block_bytes;
    int64_t pos, last;   /* next byte to store; the last one (INT64_MAX: unknown) */
    int64_t skip;        /* bytes of the body at hand that come before pos */
    int64_t claimed_end; /* the block after the last claimed one; blocks from pos's on are ours */
    int64_t begun_at;    /* pos at the beginning */
    /* runs to be brought when this one is: up to byte want_last (-1: none), each of at most
     * stripe_blocks (0: as long as it is). A whole one goes on at 0, up to whole_from */
    int64_t want_last, stripe_blocks, whole_from;
    int64_t looked_at;      /* pos when readers were last looked for */
    int64_t alone_at;       /* pos when the last reader was gone */
    struct block_runs runs; /* to be filled from the same body */
    msec_t broken_at;
    int64_t since_break; /* bytes */
    struct block_writer writer;
    struct generation_fill watch;
    struct timer grace, again;
    struct pace pace;
    struct loop_task turn, ask;
};
#define FILL_MAGIC 0xf1110c17U

static inline int64_t fill_block_of(const struct fill *f, int64_t pos)
{
    return pos / f->block_bytes;
}

/* fill.c: bytes from the socket into blocks, and through faults. */
extern const struct fetch_events fill_events;
struct fill *fill_new(struct fetcher *fr, const struct fill_spec *spec);
void fill_watch_pace(struct fill *f);
/* fill_ask_rest: asks for what is still to come, of origins that are not in `tried`. */
MUST_USE int fill_ask_rest(struct fill *f, uint32_t tried);
/* These may end it: f is gone afterwards, or not. */
void fill_broken(struct fill *f, int err);
void fill_finish(struct fill *f);
/* The only way out. What is finished stays; what is begun or claimed goes back, and nothing else: a
 * block that was finished may be another's by now. */
void fill_end(struct fill *f);

/* fill_begin.c */
void fill_on_gathered(struct loop_task *t);

/* fill_reach.c: how far it may go. window: so many blocks from the one at pos on are claimed. */
int64_t fill_window_blocks(const struct fill *f);
/* fill_set_run: `count` blocks from `first` on, all claimed, are to be brought; claims of what lies
 * beyond its stripe and its window go back. */
void fill_set_run(struct fill *f, int64_t first, int64_t count);
/* fill_end_gathering: what was given to it meanwhile is its own from here. */
void fill_end_gathering(struct fill *f);
/* fill_next_run: what else is to be brought is claimed and set. False: there is no more. */
bool fill_next_run(struct fill *f);
/* Claims up to the window's end, or shortens the run where somebody else's block begins. */
void fill_claim_ahead(struct fill *f);
/* Whether to wait: far enough ahead of every reader, or of where the last one left. */
bool fill_must_pause(struct fill *f);

#endif
