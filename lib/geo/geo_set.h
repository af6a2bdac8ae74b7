/* SPDX-License-Identifier: MIT */
#ifndef LIB_GEO_GEO_SET_H
#define LIB_GEO_GEO_SET_H

#include "lib/base/clock.h"
#include "lib/geo/geo.h"

#include <stdatomic.h>

/* The databases in force at one moment: each kind's, or none. Immutable; freed when the last reader
 * has left. Threads: any. */
#define GEO_FAULT_BYTES 256

struct geo_set {
    uint32_t magic;
    atomic_uint refs;
    uint64_t version;                        /* grows with every set of this process */
    struct geo *v[GEO_KINDS];                /* NULL: none */
    char faults[GEO_KINDS][GEO_FAULT_BYTES]; /* why a kind has none, or not its newest file; "" */
};
#define GEO_SET_MAGIC 0x50c3e7a9U

/* geo_set_create: takes a reference to each of v. */
struct geo_set *geo_set_create(struct geo *const v[GEO_KINDS]) __attribute__((returns_nonnull));
struct geo_set *geo_set_ref(struct geo_set *s);
void geo_set_unref(struct geo_set **s); /* NULL is fine */

/* geo_set_find: the place by the City database, where that knows nothing by Country; the operator
 * by ASN. Never fails. s may be NULL. with_name: the city's, too, for who tells it. */
void geo_set_find(const struct geo_set *s, const struct sockaddr *address, bool with_name,
                  struct place *out);
/* geo_set_find_many: the same for several; cheaper for each (geo_find_many). */
void geo_set_find_many(const struct geo_set *s, const struct geo_question *v, size_t count);
const char *geo_kind_name(enum geo_kind kind); /* "city", "country", "asn" */

#endif
