/* SPDX-License-Identifier: MIT */
#ifndef LIB_HTTP_CACHE_CONTROL_H
#define LIB_HTTP_CACHE_CONTROL_H

#include "lib/base/clock.h"
#include "lib/http/headers.h"

/* Cache-Control of requests and responses (RFC 9111 s.5.2, RFC 5861, RFC 8246), all lines of the
 * message as one list. Delta-seconds saturate at 2^31 (s.1.2.2). Arguments in token or quoted form
 * (s.5.2). A repeated directive: the stricter holds (the lesser number, of min-fresh the greater;
 * any occurrence of a bare one; all fields where no-cache or private name some twice).
 * An unreadable delta-seconds: max-age and s-maxage count as 0 (stale, s.4.2.1), others as absent.
 * An argument that is not defined: what restricts holds all the same, what permits (public,
 * immutable, must-understand) does not. */
#define DELTA_NONE ((sec_t)-1)
#define DELTA_MAX  ((sec_t)2147483648)

struct cache_control {
    sec_t max_age, s_maxage, min_fresh, stale_while_revalidate, stale_if_error;
    sec_t max_stale; /* DELTA_MAX: without argument */
    bool no_store, no_cache, no_transform, only_if_cached;
    bool is_private, is_public, must_revalidate, proxy_revalidate, must_understand, is_immutable;
    struct span no_cache_fields, private_fields; /* the quoted lists; p == NULL: unqualified */
};

void cache_control_init(struct cache_control *cc); /* nothing said */
/* field: FIELD_CACHE_CONTROL (or another with the same syntax). Spans borrow from the fields. */
void cache_control_read(struct cache_control *cc, const struct fields *fs, enum field_id field);
/* delta_seconds: RFC 9111 s.1.2.2; saturates; false: not a number. */
bool delta_seconds(struct span s, sec_t *out);

#endif
