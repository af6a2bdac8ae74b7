/* SPDX-License-Identifier: MIT */
#ifndef EDGE_POLICY_TAGS_H
#define EDGE_POLICY_TAGS_H

#include "edge/policy/site.h"
#include "lib/base/hash.h"
#include "lib/http/headers.h"

/* Labels that an origin puts on its answers, for purging: tags from the field that the site names,
 * and groups (Cache-Groups, RFC 9875). Compared byte for byte; kept as hashes with the process's
 * secret, so that many cost little and nobody can make two alike. Pure. */

/* tag_set: tags first, then groups. */
struct tag_set {
    const uint64_t *v;
    uint32_t count;  /* of all */
    uint32_t groups; /* of them, at the end */
};

static inline uint64_t tag_hash(struct span name)
{
    return hash64_seeded(name.p, name.n);
}

/* tags_of: from mem. The tag field is a list with commas; Surrogate-Key and xkey, by their custom,
 * one with spaces too. A Cache-Groups that is no list of strings is as if it were not there. */
struct tag_set tags_of(const struct fields *response, const struct site *site, struct arena *mem);

/* tags_invalidated: the groups that Cache-Group-Invalidation names (RFC 9875 s.3), *out from mem;
 * their count. */
int tags_invalidated(const struct fields *response, struct span **out, struct arena *mem);

#endif
