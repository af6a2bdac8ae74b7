/* SPDX-License-Identifier: MIT */
#ifndef EDGE_OBSERVE_CACHE_STATUS_H
#define EDGE_OBSERVE_CACHE_STATUS_H

#include "lib/base/arena.h"
#include "lib/base/clock.h"

/* Cache-Status (RFC 9211): how this cache handled one request. Pure. */
enum cache_forward {
    CACHE_FORWARD_NONE, /* a hit */
    CACHE_FORWARD_URI_MISS,
    CACHE_FORWARD_VARY_MISS,
    CACHE_FORWARD_STALE,
    CACHE_FORWARD_METHOD,
    CACHE_FORWARD_BYPASS,
    CACHE_FORWARD_REQUEST,
    CACHE_FORWARD_PARTIAL,
};

struct cache_status {
    enum cache_forward forward;
    bool is_hit, has_ttl, is_stored, is_collapsed;
    sec_t ttl_s;        /* remaining freshness, negative when stale */
    int forward_status; /* of upstream's answer; 0: not told */
    const char *detail; /* a token; NULL: none */
    struct span key;    /* its lines are told with a space between; empty: not told */
};

/* cache_status_write: our member of the list, from mem: `seoul-1; hit; ttl=42`. */
struct span cache_status_write(const struct cache_status *s, const char *node, struct arena *mem);

#endif
