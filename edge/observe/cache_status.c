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

struct member {
    char *p;
    size_t n, room;
};

static inline void put(struct member *m, struct span s)
{
    if (m->n + s.n > m->room)
        return;
    memcpy(m->p + m->n, s.p, s.n);
    m->n += s.n;
}

static void put_number(struct member *m, int64_t v)
{
    char digits[U64_ROOM];
    if (v < 0)
        put(m, SPAN("-"));
    put(m, span_make(digits,
                     (size_t)(u64_write(digits, v < 0 ? 0 - (uint64_t)v : (uint64_t)v) - digits)));
}

/* As a string of RFC 9651: what it cannot have (a key has it only where a client sent it) is a
 * question mark. */
static void put_string(struct member *m, struct span s)
{
    put(m, SPAN("\""));
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i] == '\n' ? ' ' : s.p[i];
        if (c == '"' || c == '\\')
            put(m, SPAN("\\"));
        put(m, c >= ' ' && c <= '~' ? span_make(&c, 1) : SPAN("?"));
    }
    put(m, SPAN("\""));
}

struct span cache_status_write(const struct cache_status *s, const char *node, struct arena *mem)
{
    size_t room = MEMBER_ROOM + 2 * s->key.n;
    struct member m = {arena_bytes(mem, room), 0, room};
    put(&m, span_of(node));
    if (s->is_hit)
        put(&m, SPAN("; hit"));
    if (s->forward != CACHE_FORWARD_NONE) {
        put(&m, SPAN("; fwd="));
        put(&m, span_of(forward_names[s->forward]));
    }
    if (s->forward_status != 0) {
        put(&m, SPAN("; fwd-status="));
        put_number(&m, s->forward_status);
    }
    if (s->has_ttl) {
        put(&m, SPAN("; ttl="));
        put_number(&m, s->ttl_s);
    }
    if (s->is_stored)
        put(&m, SPAN("; stored"));
    if (s->is_collapsed)
        put(&m, SPAN("; collapsed"));
    if (s->key.n > 0) {
        put(&m, SPAN("; key="));
        put_string(&m, s->key);
    }
    if (s->detail != NULL) {
        put(&m, SPAN("; detail="));
        put(&m, span_of(s->detail));
    }
    return span_make(m.p, m.n);
}
