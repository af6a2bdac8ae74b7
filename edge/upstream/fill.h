/* SPDX-License-Identifier: MIT */
#ifndef EDGE_UPSTREAM_FILL_H
#define EDGE_UPSTREAM_FILL_H

#include "edge/store/generation.h"
#include "edge/upstream/fetch.h"

/* Brings a run of blocks of one generation from upstream into the store; belongs to no client.
 *
 *   ASKING ─ head fits ─> FLOWING <─> PAUSED (read-ahead reached; or nobody reads: grace runs)
 *      └──── no, changed ─> (ended)  FLOWING ─ broken ─> ASKING (the rest, from the exact byte)
 *
 * It claims blocks a window ahead of where it is, not the whole run: a reader far ahead finds its
 * blocks absent and starts a fill of its own there; a fill that runs into blocks of another ends.
 * What it finished stays. Threads: its worker's; readers may be anywhere. */
struct fill;

/* fill_adopt: takes *fetch, whose head is read and fits the generation, and whose body begins with
 * byte `at`; brings blocks up to byte `last` (INT64_MAX: to the end, also an unknown one). The
 * blocks before the first whole one after `at` are left alone. validators: borrowed from whoever
 * keeps them as long as generation lives; copied.
 * 0, or ERR_NO_SPACE, and *fetch stays the caller's. */
struct fill_spec {
    struct generation *generation; /* referenced */
    struct source *source;         /* referenced */
    struct validators validators;  /* copied */
    struct object *object;         /* that it is of; referenced; NULL: not known */
    int64_t at, last;
    int64_t want_last;   /* adopt: who asked wants bytes up to this one after `last`; -1: no more */
    bool is_of_crowd;    /* start: many began in this moment, and what they want may adjoin */
    bool is_only_chance; /* adopt: no other request can bring parts (the origin ignores ranges) */
};
MUST_USE int fill_adopt(struct fetcher *fr, const struct fill_spec *spec, struct fetch **fetch);

/* fill_start: for a reader that found the block at spec->at absent: claims what is absent from
 * there up to `last` and asks upstream for it.
 * 0: blocks are on their way (by this or by another: look again or wait); ERR_NO_SPACE: the store
 * has no room; ERR_CHANGED: bytes of this generation can no more be had. */
MUST_USE int fill_start(struct fetcher *fr, const struct fill_spec *spec);

/* fill_stripe_blocks: of the ranges that a site wants at once; 0: it wants one, however long. */
int64_t fill_stripe_blocks(const struct site *site);

/* fill_stop: ends all of a worker's fills. */
void fill_stop(struct fetcher *fr);

#endif
