/* SPDX-License-Identifier: MIT */
#ifndef LIB_GEO_GEO_FOLLOW_H
#define LIB_GEO_GEO_FOLLOW_H

#include "lib/geo/geo_set.h"

/* Keeps databases as new as their files, under full load. A thread of its own looks at each file
 * four times a second; one that is another file now, or has other contents, is opened aside and
 * taken in force only when it is beyond doubt:
 *   it opens, and all of it reads (geo.h);
 *   its tree has at least 80 % of the nodes of the one in force;
 *   of a thousand addresses all over the tree that the old one knows, it knows 80 %;
 *   each sentinel is where it is known to be.
 * Else the old one stays, and the fault says why; a file that vanished is such a fault. Readers
 * take the set in force without a lock. A database that was built 30 days ago is warned of daily.
 *
 * Threads: create and destroy by one; geo_follow_set and geo_view_now any. */
struct geo_follow;

struct geo_sentinel {
    struct span address, country; /* "192.0.2.1", "KR" */
};

struct geo_follow_spec {
    const char *files[GEO_KINDS];         /* copied; NULL or "": none of this kind */
    const struct geo_sentinel *sentinels; /* copied; of City and Country */
    size_t sentinel_count;
};

/* geo_follow_create: has looked at all files once when it returns. */
struct geo_follow *geo_follow_create(const struct geo_follow_spec *spec)
    __attribute__((returns_nonnull));
void geo_follow_destroy(struct geo_follow **f); /* NULL is fine */
/* geo_follow_set: other files and sentinels; looks at all of them anew. */
void geo_follow_set(struct geo_follow *f, const struct geo_follow_spec *spec);
uint64_t geo_follow_swaps(const struct geo_follow *f);    /* databases taken */
uint64_t geo_follow_refusals(const struct geo_follow *f); /* files refused */

/* geo_sentinel_read: "" or what is wrong with "ADDRESS COUNTRY"; *out borrows text. */
const char *geo_sentinel_read(struct span text, struct geo_sentinel *out);

/* A view gives one thread the set in force: borrowed until the next call. */
struct geo_view {
    struct geo_follow *follow;
    struct geo_set *held;
};
void geo_view_init(struct geo_view *v, struct geo_follow *f);
const struct geo_set *geo_view_now(struct geo_view *v);
void geo_view_finish(struct geo_view *v);

#define GEO_STALE_S (30 * 86400)

#endif
