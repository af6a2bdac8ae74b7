/* SPDX-License-Identifier: MIT */
#ifndef CONTROL_API_MIRRORS_H
#define CONTROL_API_MIRRORS_H

#include "control/api/steer.h"

/* Lists of mirrors, completed for one user (lib/proto/mirrors.h). */

/* mirrors_links: the other edges of a verdict as Link fields (RFC 6249 s.3), for clients that know
 * what to do with them: those that accept a Metalink. To a redirect to the first edge. */
bool mirrors_are_wanted(const struct request_head *r);
void mirrors_links(const struct steer *s, const struct request_head *r, struct span host,
                   struct fields *fs);

/* mirrors_complete: a document with the edges of the verdict at each of its marks, the best first,
 * for a request of this scheme. Standings worse than the first edge's are left out. Pure. */
struct mirrors_spec {
    const struct decide_verdict *verdict;
    struct span host; /* of the site */
    bool is_https;
};
void mirrors_complete(const struct mirrors_spec *spec, struct span document, struct buf *out);
bool mirrors_has_mark(struct span document);

/* How many edges a user is told of. */
#define MIRRORS_MAX 4

#endif
