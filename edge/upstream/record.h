/* SPDX-License-Identifier: MIT */
#ifndef EDGE_UPSTREAM_RECORD_H
#define EDGE_UPSTREAM_RECORD_H

#include "edge/policy/freshness.h"
#include "edge/store/store.h"

/* What the store keeps of an answer: which of its fields, under which variant, fresh for how long
 * (RFC 9111 s.3). Asks policy; sends nothing, inserts nothing. Threads: any. */
struct record_of {
    struct store *store;
    const struct site *site;
    const struct request_head *request; /* as the client sent it, as a GET */
    struct store_key key;
    msec_t asked_wall, answered_wall;
    struct arena *mem; /* for what is made on the way */
};

/* record_judge: as storable_of. */
enum storable record_judge(const struct record_of *of, const struct response_head *head,
                           struct freshness *out);

/* record_make: the object; NULL: no room. withheld: the end-to-end fields of head that it does not
 * keep, in of->mem: they belong to whoever asked. */
struct record_parts {
    const struct response_head *head;
    const struct freshness *freshness;
    struct generation *generation;
};
struct object *record_make(const struct record_of *of, const struct record_parts *parts,
                           struct fields *withheld);

/* record_merge: stored fields updated by those of a newer answer, of 304 or to HEAD (s.3.2). */
void record_merge(struct fields *to, const struct fields *stored, const struct response_head *head);

#endif
