/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_MIRROR_LISTS_H
#define CONTROL_API_MIRROR_LISTS_H

#include "control/api/api_worker.h"

/* Documents that a router completes: fetched from an edge, kept for some seconds, asked for once
 * however many wait. Each worker has its own. What no edge gives, or what has no mark in it, is the
 * usual redirect: a router never knows less for having asked. */
struct mirror_lists;
struct mirror_lists *mirror_lists_create(struct api_worker *w) __attribute__((returns_nonnull));
/* mirror_lists_destroy: nobody waits any more. */
void mirror_lists_destroy(struct mirror_lists **m);

/* mirror_lists_answer: x asks for a document of a site's host; it is answered now or later, by
 * `otherwise` where there is none. */
typedef void (*mirror_lists_fn)(struct api_worker *w, struct exchange *x);
void mirror_lists_answer(struct mirror_lists *m, struct exchange *x, struct span host,
                         mirror_lists_fn otherwise);
bool mirror_lists_is_one(const struct request_head *r);

#endif
