/* SPDX-License-Identifier: MIT */
#ifndef EDGE_POLICY_FRESHNESS_H
#define EDGE_POLICY_FRESHNESS_H

#include "lib/site/site.h"
#include "lib/http/cache_control.h"
#include "lib/http/message.h"

/* RFC 9111 for a shared cache: may it be stored (s.3), how long is it fresh (s.4.2), may it answer
 * this request (s.4). Pure: moments come in as arguments (wall, ms). */

/* What an object keeps of it. */
struct freshness {
    msec_t response_wall;                                /* when the answer came (response_time) */
    msec_t initial_age_ms;                               /* corrected_initial_age, s.4.2.3 */
    msec_t lifetime_ms;                                  /* s.4.2.1; 0: stale from the start */
    msec_t stale_while_revalidate_ms, stale_if_error_ms; /* RFC 5861 */
    bool must_revalidate;  /* also proxy-revalidate and s-maxage (s.5.2.2.10) */
    bool always_validates; /* no-cache, unqualified */
    bool is_heuristic, is_immutable;
    uint8_t source; /* enum freshness_source: which rule decided, for explain */
};

enum freshness_source {
    FRESHNESS_NONE,
    FRESHNESS_CDN_CACHE_CONTROL,
    FRESHNESS_S_MAXAGE,
    FRESHNESS_MAX_AGE,
    FRESHNESS_EXPIRES,
    FRESHNESS_HEURISTIC,
    FRESHNESS_SITE_DEFAULT,
};
const char *freshness_source_text(enum freshness_source s);

struct response_seen {
    const struct request_head *request; /* as the client sent it */
    const struct response_head *response;
    msec_t request_wall, response_wall;
    const struct site *site;
};

/* storable: why not, or STORABLE_YES. The freshness is given in either case. */
enum storable {
    STORABLE_YES,
    STORABLE_NOT_METHOD,
    STORABLE_NOT_STATUS,
    STORABLE_NO_STORE,
    STORABLE_PRIVATE,
    STORABLE_AUTHORIZATION,
    STORABLE_SET_COOKIE,
    STORABLE_VARY_ANY,
    STORABLE_NO_LIFETIME, /* no freshness and no validator: nothing to gain */
    STORABLE_TOO_LARGE,
    STORABLE_ASKED_NOT, /* no-store of the request */
    STORABLE_PART,      /* no whole, and without a validator to join it to the rest */
};
enum storable storable_of(const struct response_seen *seen, struct freshness *out);
const char *storable_text(enum storable s);
/* storable_is_lasting: whether the reason holds for other requests to the resource as well. */
bool storable_is_lasting(enum storable s);
/* storable_leave_out: removes what a shared cache must not keep of a storable response: the fields
 * that private or no-cache name (s.5.2.2.4, s.5.2.2.7), Age, and Set-Cookie where the site stores
 * responses that had it. */
void storable_leave_out(struct fields *fs, const struct site *site);

/* Age now (s.4.2.3), and the remaining lifetime, negative when stale. */
msec_t freshness_age_ms(const struct freshness *f, msec_t now_wall);
msec_t freshness_left_ms(const struct freshness *f, msec_t now_wall);

enum reuse {
    REUSE_FRESH,     /* answer from the cache */
    REUSE_STALE,     /* answer; the request allows it (max-stale) */
    REUSE_REFRESH,   /* answer at once, validate behind (stale-while-revalidate) */
    REUSE_VALIDATE,  /* ask upstream first; may stale answer if that fails? freshness_may_cover */
    REUSE_FORBIDDEN, /* only-if-cached and not usable: 504 */
};
struct reuse_request {
    const struct request_head *request;
    const struct site *site;
    msec_t now_wall;
    bool is_soft_purged; /* to be validated before use */
};
struct reuse_verdict {
    enum reuse reuse;
    const char *because; /* what decided, for explain: a constant */
};
struct reuse_verdict reuse_of(const struct freshness *f, const struct reuse_request *r);
/* Whether the stale object may answer because upstream failed (stale-if-error, s.4.2.4). */
bool freshness_may_cover(const struct freshness *f, msec_t now_wall);

#endif
