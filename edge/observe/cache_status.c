/* SPDX-License-Identifier: MIT
 *
 * One member of Cache-Status. The node's name is a token of RFC 9651 as configuration checks it. */
#include "edge/observe/cache_status.h"

#define MEMBER_ROOM 320

static const char *const forward_names[] = {
    [CACHE_FORWARD_NONE] = "",
    [CACHE_FORWARD_URI_MISS] = "uri-miss",
    [CACHE_FORWARD_VARY_MISS] = "vary-miss",
    [CACHE_FORWARD_STALE] = "stale",
    [CACHE_FORWARD_METHOD] = "method",
    [CACHE_FORWARD_BYPASS] = "bypass",
    [CACHE_FORWARD_REQUEST] = "request",
    [CACHE_FORWARD_PARTIAL] = "partial",
};

const char *cache_forward_name(enum cache_forward f)
{
    return forward_names[f];
}

struct member {
    char *p;
    size_t n;
};

static void put(struct member *m, const char *s)
{
    size_t n = strlen(s);
    if (m->n + n > MEMBER_ROOM)
        return;
    memcpy(m->p + m->n, s, n);
    m->n += n;
}

static void put_number(struct member *m, int64_t v)
{
    char digits[24], *p = digits + sizeof(digits);
    uint64_t left = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    *--p = '\0';
    do {
        *--p = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (v < 0)
        *--p = '-';
    put(m, p);
}

struct span cache_status_write(const struct cache_status *s, const char *node, struct arena *mem)
{
    struct member m = {arena_bytes(mem, MEMBER_ROOM), 0};
    put(&m, node);
    if (s->is_hit)
        put(&m, "; hit");
    if (s->forward != CACHE_FORWARD_NONE) {
        put(&m, "; fwd=");
        put(&m, forward_names[s->forward]);
    }
    if (s->forward_status != 0) {
        put(&m, "; fwd-status=");
        put_number(&m, s->forward_status);
    }
    if (s->has_ttl) {
        put(&m, "; ttl=");
        put_number(&m, s->ttl_s);
    }
    if (s->is_stored)
        put(&m, "; stored");
    if (s->is_collapsed)
        put(&m, "; collapsed");
    if (s->detail != NULL) {
        put(&m, "; detail=");
        put(&m, s->detail);
    }
    return span_make(m.p, m.n);
}
