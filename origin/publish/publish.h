/* SPDX-License-Identifier: MIT */
#ifndef ORIGIN_PUBLISH_PUBLISH_H
#define ORIGIN_PUBLISH_PUBLISH_H

#include "origin/connect/connector.h"
#include "origin/publish/tree.h"

/* A hashed tree into a storage, as a release: what is not there is uploaded, several files at a
 * time, then one write of the manifest makes all of it visible (manifest.h). Whatever ends it in
 * the middle leaves objects that nobody sees, and the next run goes on from them. Runs on the
 * caller's loop, which has entered the storage. */
struct publish_totals {
    size_t files, new_files; /* files: distinct by content */
    int64_t bytes, new_bytes;
    int64_t sent_bytes; /* of new_bytes, so far */
};

/* What a release that gave way had otherwise: files that are new, changed or gone. */
#define PUBLISH_CHANGES_MAX 64
struct publish_changes {
    struct span paths[PUBLISH_CHANGES_MAX];
    size_t count; /* 0: all of it is new, or too much to be told one by one */
    struct arena mem;
};

struct publish {
    /* in */
    struct connector *to;
    struct loop *home;
    const struct tree *tree;
    struct span name;
    int64_t block_bytes;
    sec_t now;
    uint32_t jobs;                       /* uploads at a time */
    bool is_dry_run;                     /* tells what would be sent, and ends */
    bool may_replace;                    /* a release of this name with other files gives way */
    void (*progress)(struct publish *p); /* totals have changed; may be NULL */
    void (*done)(struct publish *p, int err);
    /* out */
    struct publish_totals totals;
    bool was_there;                 /* with the same files: nothing had to be done */
    struct publish_changes changes; /* the owner's to finish (arena_finish) */
    struct buf why;                 /* of an error; the owner's to finish */
    /* private */
    struct publish_run *run;
};
/* publish_start: done follows, perhaps from inside. ERR_EXISTS: another release of this name is
 * there. */
void publish_start(struct publish *p);

#endif
