/* SPDX-License-Identifier: MIT */
#ifndef EDGE_UPSTREAM_SOURCE_H
#define EDGE_UPSTREAM_SOURCE_H

#include "edge/cluster/hop_ask.h"
#include "edge/upstream/tier.h"
#include "edge/upstream/upstream.h"
#include "lib/http/conditional.h"
#include "lib/http/message.h"

/* What must be said to an origin to get one resource, whoever asks and how often: target, fields
 * that select the representation, validators to hold it to. Copied out of the client's request, so
 * that it outlives it. Counted without atomics: one worker's. */
struct source {
    uint32_t magic, refs;
    struct upstream_set *set; /* referenced */
    struct upstream *upstream;
    enum method method;
    struct span method_text, host, path, query;
    uint64_t key;       /* of host, path and query: which of several equals is asked */
    enum scheme scheme; /* of the client's request */
    /* About other edges, which may be asked before the origins. */
    bool is_passed;    /* not for the cache: they are not asked */
    bool is_from_peer; /* the request is an edge's own: likewise, so that nothing goes in circles */
    bool is_errand;    /* no client asked: whoever has one goes first (edge/request/errand.h) */
    uint32_t passed_tiers; /* bit by bit: what they had was no use, so they are not asked again */
    struct purge_stamp purges; /* that who asks knows of */
    struct fields fields;      /* end-to-end, without conditions, ranges and routing fields */
    struct arena mem;
};
#define SOURCE_MAGIC 0x50c3ce07U

/* source_spec: host is the host of the resource (not the node's own name). */
struct source_spec {
    struct upstream_set *set;
    const struct site *site;
    const struct request_head *request;
    struct span host, path, query;
    struct span client_ip;     /* told where the site wants it */
    const char *node;          /* Via, CDN-Loop */
    const struct hop_ask *hop; /* the request is another edge's; NULL: it is not */
    bool is_passed;            /* not for the cache: conditions, Range and Cache-Control go along */
    bool is_errand;
};
/* source_create: NULL when the request's fields are too large to keep (ERR_TOO_BIG's sense). */
struct source *source_create(const struct source_spec *spec);
/* source_key: the resource's, by which origins and siblings share resources. */
uint64_t source_key(struct span host, struct span path, struct span query);
void source_ref(struct source *s);
void source_unref(struct source **s);
/* source_has_peer: whether another edge would be asked now, before the origins. */
bool source_has_peer(const struct source *s);
const struct site *source_site(const struct source *s);
struct tls_client *source_tls(const struct source *s); /* the site's, for https; may be NULL */
/* source_version: as answer_version, by the site's rule. */
struct validators source_version(const struct source *s, const struct validators *v);

#endif
