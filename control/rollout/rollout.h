/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_ROLLOUT_ROLLOUT_H
#define CONTROL_ROLLOUT_ROLLOUT_H

#include "control/rollout/plan.h"
#include "lib/proto/heartbeat.h"

/* The configuration's newest version on its way to the edges (plan.h), and the stable one that the
 * others have. One lock, held for memory only. Threads: any; put and settle on the state's thread
 * after their commit (or at start). */
struct rollout;

/* A document as edges get it: immutable, counted. */
struct rollout_document;
/* tells: with its secrets, for an edge that asks where nobody listens; else with their digests. */
struct span rollout_document_text(const struct rollout_document *d, bool tells);
uint64_t rollout_document_version(const struct rollout_document *d);
void rollout_document_unref(struct rollout_document **d); /* any thread; NULL is fine */

struct rollout *rollout_create(const struct plan_rules *rules) __attribute__((returns_nonnull));
void rollout_destroy(struct rollout **r);
void rollout_set_rules(struct rollout *r, const struct plan_rules *rules);

/* rollout_put: the newest version: {"sites": [...], ...}. is_direct (or rules without hold): to all
 * at once, and stable. */
struct rollout_text {
    struct span open, telling; /* without and with secrets */
};
void rollout_put(struct rollout *r, uint64_t version, const struct rollout_text *text,
                 bool is_direct);
/* rollout_would_hold: whether a put would begin with a canary: then the stable version stays. */
bool rollout_would_hold(struct rollout *r);
/* rollout_settle: version, if it is the newest, is stable from now on. */
void rollout_settle(struct rollout *r, uint64_t version);
uint64_t rollout_stable(struct rollout *r);
/* rollout_stable_document: a reference, or NULL where there is none. */
struct rollout_document *rollout_stable_document(struct rollout *r);

/* rollout_beat: what a heartbeat tells about versions and errors. */
void rollout_beat(struct rollout *r, const struct heartbeat *h, msec_t now);
/* rollout_for: the version that a node shall run, and a reference to its document where the
 * heartbeat tells that the node neither runs nor refused it; else *out is NULL. */
uint64_t rollout_for(struct rollout *r, const struct heartbeat *h, struct rollout_document **out);

/* rollout_tick: whether the plan goes on; a few times a second. After ROLLOUT_SETTLE and
 * ROLLOUT_RETURN, which are for the caller to do, nothing is said until the next put or settle, or
 * for ROLLOUT_RETRY_MS. */
enum rollout_act {
    ROLLOUT_NOTHING,
    ROLLOUT_TELL,   /* more edges shall have it: they may be told now */
    ROLLOUT_SETTLE, /* it may become stable */
    ROLLOUT_RETURN, /* the stable version shall become the newest again */
};
#define ROLLOUT_RETRY_MS 5000
struct rollout_step {
    enum rollout_act act;
    uint64_t version, stable;
    char why[2 * PLAN_WHY_BYTES];
};
struct rollout_step rollout_tick(struct rollout *r, msec_t now);

/* rollout_write: "version", "stable", "stage", and how many edges run it, as members of an object
 * that is open. */
struct json_out;
void rollout_write(struct rollout *r, struct json_out *o);

#endif
