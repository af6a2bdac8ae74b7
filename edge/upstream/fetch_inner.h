/* SPDX-License-Identifier: MIT
 * private to edge/upstream: one fetch, whose work lies in three files */
#ifndef EDGE_UPSTREAM_FETCH_INNER_H
#define EDGE_UPSTREAM_FETCH_INNER_H

#include "edge/upstream/fetch.h"
#include "edge/upstream/gate.h"
#include "edge/upstream/item_turn.h"
#include "edge/upstream/peer_turn.h"

/* What is asked instead of origin's own resource. Texts in the fetch's arena. */
struct fetch_hop {
    uint32_t count;  /* redirects followed so far */
    bool is_foreign; /* not the origin's: no credentials, and nothing said about its health */
    struct client_target target;
    struct span host, path, query;
    int port;
};

struct fetch {
    uint32_t magic;
    bool has_failed, may_repeat;
    struct fetcher *fetcher;
    struct source *source;
    const struct fetch_events *events;
    void *ctx;
    struct call *call;
    struct upstream_origin *origin; /* asked last; NULL: none yet */
    struct item_turn item;          /* memcached comes first of all */
    struct purge_stamp stamp;
    struct hash128 object_key;  /* what ask points to */
    struct peer_turn turn;      /* other edges come before the origins */
    struct gate_ticket *ticket; /* a place at origin, or in its queue; NULL: it has room for all */
    struct timer queue;         /* while there */
    struct fetch_hop hop;       /* where a redirect leads; count 0: origin itself */
    struct body *body;          /* until the call takes it */
    struct fetch_ask ask;
    struct validators if_range, if_none; /* what ask points to; spans in mem */
    uint32_t tried;
    int err;
    msec_t asked_wall, answered_wall;
    uint64_t bytes_in, bytes_out; /* already on the ledger */
    struct loop_task failing;
    struct arena mem;
};
#define FETCH_MAGIC 0xfe7c4001U

/* fetch_request.c: what is sent. From mem, which holds FETCH_REQUEST_BYTES. */
#define FETCH_REQUEST_BYTES ((size_t)192 * 1024)
void fetch_request_of(const struct fetch *f, struct request_head *r, struct arena *mem);
/* fetch_target_of: sets what r asks for: scheme, host, port, path, query. fetch_origin_target_of:
 * the same as if there were no hop: what the client wants, at the name that the origin goes by. */
void fetch_target_of(const struct fetch *f, struct request_head *r);
void fetch_origin_target_of(const struct fetch *f, struct request_head *r);

/* fetch_redirect.c: whether the answer leads on by the site's rules; then f->hop is set. 0: it does
 * not, and is the answer; 1: it does; ERR_PROTOCOL: it has led on too often. */
int fetch_redirect(struct fetch *f, const struct response_head *head);

#endif
