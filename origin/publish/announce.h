/* SPDX-License-Identifier: MIT */
#ifndef ORIGIN_PUBLISH_ANNOUNCE_H
#define ORIGIN_PUBLISH_ANNOUNCE_H

#include "lib/net/loop.h"
#include "origin/publish/publish.h"

/* Tells the control plane of a release: what changed is purged from the edges, then the edges that
 * were chosen are told to fetch its files. Everything of it may be told again.
 *
 *   SETTLE (until gateways see it) ─> PURGE ... ─> FOLLOW (until edges did) ─> PREFILL ... ─> done
 *
 * Runs on the caller's loop. */
struct announce_options {
    const char *control;    /* URL of its API */
    const char *token_file; /* NULL: none is sent */
    const char *ca_file;    /* NULL: the system's */
    const char *site;       /* where users reach the root of the storage, as a URL */
    const char *edges;      /* to be prefilled: ids with ',' between, "all"; NULL: none */
    msec_t settle_ms;       /* how long gateways may not know of it: their `releases` */
};

struct announce {
    /* in */
    const struct announce_options *options;
    struct loop *home;
    const struct tree *tree;
    struct span name;
    const struct publish_changes *changes;
    void (*done)(struct announce *a, int err);
    /* out */
    struct buf told; /* what came of it, line by line, or why not; the owner's to finish */
    /* private */
    struct announce_run *run;
};
/* announce_start: done follows, not from inside. Errors: ERR_DENIED (the token), ERR_REFUSED (the
 * order), ERR_TIMEOUT (edges that are heard have not purged), those of the network. */
void announce_start(struct announce *a);

/* announce_check: NULL, or what is wrong with the options. */
const char *announce_check(const struct announce_options *o);

#endif
