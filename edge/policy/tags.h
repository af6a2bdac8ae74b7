/* SPDX-License-Identifier: MIT */
#ifndef EDGE_POLICY_TAGS_H
#define EDGE_POLICY_TAGS_H

#include "lib/site/site.h"
#include "lib/http/headers.h"

#include <stdint.h>

/* Labels that an origin puts on its answers, for purging: tags from the field that the site names,
 * and groups (Cache-Groups, RFC 9875). Compared byte for byte; kept as hashes with a secret of
 * this node, so that many cost little and nobody can make two alike. Pure. */

/* tag_set: tags first, then groups. */
struct tag_set {
    const uint64_t *v;
    uint32_t count;  /* of all */
    uint32_t groups; /* of them, at the end */
};

uint64_t tag_hash(struct span name);

/* The secret: drawn at the first use, unless a store that outlived the last process brings its own
 * before that: the tags that lie there are hashes with it. */
uint64_t tag_secret(void);
void tag_secret_set(uint64_t secret);

/* tags_of: from mem. The tag field is a list with commas; Surrogate-Key and xkey, by their custom,
 * one with spaces too. A Cache-Groups that is no list of strings is as if it were not there. */
struct tag_set tags_of(const struct fields *response, const struct site *site, struct arena *mem);

/* tags_invalidated: the groups that Cache-Group-Invalidation names (RFC 9875 s.3), *out from mem;
 * their count. */
int tags_invalidated(const struct fields *response, struct span **out, struct arena *mem);

#endif
