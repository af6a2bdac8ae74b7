/* SPDX-License-Identifier: MIT */
#ifndef EDGE_ADMIN_OBJECT_LIST_H
#define EDGE_ADMIN_OBJECT_LIST_H

#include "lib/base/clock.h"
#include "lib/base/map.h"

/* What a listing keeps of the objects that it is shown: the first ones in some order, or sums over
 * what begins alike. Bounded whatever is shown: OBJECT_ROWS_MAX rows with keys of OBJECT_KEY_BYTES.
 * Pure. */
#define OBJECT_ROWS_MAX  1000
#define OBJECT_SUMS_MAX  4096 /* what comes when there are so many is summed up as "other" */
#define OBJECT_KEY_BYTES 2048 /* longer ones are cut */

/* Most bytes first; most hits first; the longest stored first. Ties: by id. */
#define OBJECT_SORTS(X) X(BYTES, "bytes") X(HITS, "hits") X(AGE, "age")
enum object_sort {
#define X(id, text) OBJECT_SORT_##id,
    OBJECT_SORTS(X)
#undef X
};
/* object_sort_of: false: there is no such order. */
bool object_sort_of(struct span text, enum object_sort *out);

struct object_sum {
    struct span name; /* how its objects begin: a site, or host and path to a '/' */
    uint64_t objects, hits;
    int64_t bytes, disk_bytes;
};

struct object_row {
    struct span key; /* edge/policy/cache_key.h */
    uint64_t id;     /* of its generation */
    uint64_t hits;   /* look-ups that found it since it was stored, or since the start */
    int64_t bytes, disk_bytes;
    msec_t stored_wall;
    int status;
};

/* Which ones: of a site, of a host as it stands in keys, of paths that begin so. p NULL: any. */
struct object_filter {
    struct span site, host, path;
};
bool object_filter_fits(const struct object_filter *f, struct span key);

/* Where a page ended, as text that may stand in a query. object_mark_read: false: it is none. */
struct object_mark {
    int64_t value;
    uint64_t id;
};
#define OBJECT_MARK_BYTES 40
void object_mark_write(const struct object_mark *m, char out[OBJECT_MARK_BYTES]);
bool object_mark_read(struct span text, struct object_mark *out);

struct object_list {
    struct object_filter filter; /* borrowed */
    enum object_sort sort;
    uint32_t limit;
    bool is_sums;
    struct object_mark after; /* rows up to here were on earlier pages */
    bool has_after;
    /* what came of it */
    struct object_sum total; /* of all that fits, whatever the page */
    bool has_more;
    struct object_row *rows; /* a heap, its last in order on top, until object_list_finish */
    uint32_t count;
    struct object_sum *sums;
    uint32_t sum_count;
    struct object_sum other;
    struct map *by_name;
};

/* object_list_init: limit (1 .. OBJECT_ROWS_MAX), sort, filter, after are set. object_list_add: one
 * that fits; r->key is copied where it is kept. object_list_order: nothing follows: rows (and sums)
 * stand in order, at most limit of each. object_list_finish: a zeroed one is fine. */
void object_list_init(struct object_list *l);
void object_list_add(struct object_list *l, const struct object_row *r);
void object_list_order(struct object_list *l);
void object_list_finish(struct object_list *l);
/* object_list_mark: of a row: the next page begins after the last one's. */
struct object_mark object_list_mark(const struct object_list *l, const struct object_row *r);

#endif
