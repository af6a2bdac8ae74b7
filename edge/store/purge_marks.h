/* SPDX-License-Identifier: MIT */
#ifndef EDGE_STORE_PURGE_MARKS_H
#define EDGE_STORE_PURGE_MARKS_H

#include "lib/base/check.h"
#include "lib/base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What many objects were purged by: struct purge_scope belongs to store.h's functions; the rest is
 * private to edge/store.
 *
 * A purge of many objects walks none of them. It draws a number from the clock of purges and leaves
 * a mark; an object knows the number up to which it was compared with the marks, and is compared
 * with the newer ones when it is looked up next. Until then, or until the sweep comes by, it keeps
 * its memory. The marks are bounded: at the bound those of the site that has most become one on the
 * whole site, prefixes become hosts, and at last all become one on everything. So too much may go,
 * never too little. Threads: any; a lock of its own, the last but the segments'. */
enum purge_kind { PURGE_ALL, PURGE_SITE, PURGE_HOST, PURGE_PREFIX, PURGE_TAG, PURGE_GROUP };

struct purge_scope {
    enum purge_kind kind;
    struct span site;  /* its name; empty with TAG: of every site */
    struct span host;  /* HOST, PREFIX, GROUP: as it stands in keys */
    struct span value; /* PREFIX: how path and query begin; TAG, GROUP: the name */
};

struct purge_marks;
struct object;
struct purge_marks *purge_marks_create(int64_t memory_bytes, size_t *bytes)
    __attribute__((returns_nonnull));
void purge_marks_destroy(struct purge_marks **pm); /* NULL is fine */

/* The clock of all purges. purge_marks_draw: a new number, later than all before. */
uint64_t purge_marks_now(const struct purge_marks *pm);
uint64_t purge_marks_draw(struct purge_marks *pm);
/* purge_marks_newest: the number of the newest mark: who was compared then needs it no more. */
uint64_t purge_marks_newest(const struct purge_marks *pm);

void purge_marks_add(struct purge_marks *pm, const struct purge_scope *scope, bool is_soft);

enum purge_verdict { PURGE_VERDICT_NONE, PURGE_VERDICT_SOFT, PURGE_VERDICT_HARD };
/* purge_marks_judge: what the marks after `since` mean for o. *newest: up to where was compared. */
enum purge_verdict purge_marks_judge(struct purge_marks *pm, const struct object *o, uint64_t since,
                                     uint64_t *newest);

/* purge_marks_swept: every object in the index was compared with the marks up to `number`: they may
 * be forgotten. purge_marks_floor: up to here they are; who is older and in no index cannot be
 * judged any more. */
void purge_marks_swept(struct purge_marks *pm, uint64_t number);
uint64_t purge_marks_floor(const struct purge_marks *pm);
/* purge_marks_count: marks of all kinds, and rows of sites that have some. */
uint32_t purge_marks_count(struct purge_marks *pm);

#endif
