/* SPDX-License-Identifier: MIT */
#ifndef EDGE_REQUEST_REQ_H
#define EDGE_REQUEST_REQ_H

/* private to edge/request: one client request while it lives. */
#include "edge/observe/cache_status.h"
#include "edge/observe/ledger.h"
#include "edge/policy/cache_key.h"
#include "edge/request/req_steps.def"
#include "edge/request/req_worker.h"
#include "edge/upstream/flight.h"
#include "lib/web/exchange.h"

enum req_step {
#define X(name, function, text) STEP_##name,
    REQ_STEPS(X)
#undef X
        STEP_COUNT
};

enum next {
    NEXT_STEP, /* r->step is set: go on at once */
    NEXT_WAIT, /* something will call req_run */
    NEXT_DONE, /* answered: r may be gone already */
};

struct req {
    uint32_t magic;
    enum req_step step;
    struct req_worker *worker;
    struct exchange *x; /* NULL: gone, only a mail on its way keeps us */
    struct site_view *view;
    const struct site *site; /* NULL: none found */
    struct ledger_row *row;
    /* the resource, whichever way it was named */
    struct span host, path, query;
    struct cache_key key;
    struct hash128 flight_key;
    struct hop_ask hop; /* of another edge that asks; zero where is_from_peer is not set */
    bool is_from_peer;
    bool is_tier;          /* and we know that it is one: its bytes are no client's */
    bool is_errand;        /* errand.h: no client, no conn, no account */
    bool is_behind;        /* that edge knows of purges that are not yet applied here */
    struct source *source; /* NULL until upstream is needed */
    uint64_t moment;       /* of the store, before upstream was asked by PASS */
    struct object *object; /* what answers */
    struct object *stale;  /* what may answer if upstream fails */
    /* in OBTAIN: leading (flight) or waiting (is_waiting) */
    struct flight *flight;
    struct collapse_waiter waiter;
    struct timer deadline;
    bool is_waiting, is_late;
    bool has_waited;        /* its body waited for upstream, though its head did not */
    bool is_new;            /* its object was made by the flight it led or waited for */
    uint8_t rounds;         /* times it came back to LOOKUP */
    struct fields withheld; /* of this client alone, beside the object's */
    /* in DIRECT */
    struct fetch *fetch;
    bool is_flights;  /* it was asked for everybody, without this client's conditions */
    int64_t fetch_at; /* first byte of its body where we made up the range; -1 */
    /* how it went */
    struct cache_status cache;
    struct span cache_text, upstream;
    uint64_t by_source[LEDGER_SOURCE_COUNT];
    /* for REFUSE */
    int refusal, received; /* received: upstream's own status; 0: none */
    const char *why;       /* one line for the client */
    const char *fault;     /* RFC 9209 s.2.3 error token; NULL: not of upstream */
    struct req *next_free;
};
#define REQ_MAGIC 0x4e900d51U

typedef enum next (*req_step_fn)(struct req *r);
#define X(name, function, text) enum next function(struct req *r);
REQ_STEPS(X)
#undef X

/* req_begin_errand: as req_begin, for an exchange without a client. */
void req_begin_errand(struct req_worker *w, struct exchange *x);
/* req_run: the only loop that moves a request. */
void req_run(struct req *r);
/* req_refuse_with: sets up REFUSE and says NEXT_STEP. */
enum next req_refuse_with(struct req *r, int status, const char *why, const char *fault);
/* req_failed_with: REFUSE for an err of a fetch (502, 503 or 504). */
enum next req_failed_with(struct req *r, int err);
/* req_cover: what is stale answers in place of an error of upstream (err of a fetch, or the status
 * of its answer), where it may; else as req_failed_with and req_failed_as. */
enum next req_cover(struct req *r, int err, int status);
/* req_may_cover: whether it would. */
bool req_may_cover(const struct req *r);
/* req_failed_as: REFUSE with the status that upstream gave the one who asked for all. */
enum next req_failed_as(struct req *r, int status);
/* req_source: r->source, made if needed; NULL: the request is too large to keep. */
struct source *req_source(struct req *r, bool is_passed);
bool req_is_head(const struct req *r);

/* What is allowed here. req_ends_here: whether Max-Forwards makes this node the last one. */
#define REQ_METHODS "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
bool req_ends_here(const struct req *r);

/* req_head.c: the fields every answer of ours carries. */
void req_add_ours(struct req *r, struct fields *fs);
void req_head_of_object(struct req *r, struct response_head *head);
void req_head_of_fetch(struct req *r, struct response_head *head);

/* req_deliver.c: 304, 412: head without what describes content. */
enum next req_without_body(struct req *r, struct response_head *head, int status);

/* req_head.c: the account of what a tier brought. */
enum ledger_source req_source_of_tier(enum tier t);

/* req_encode.c: r->object in the coding that this client takes. req_may_encode: whether it is of
 * that kind: its answers vary by Accept-Encoding then. req_is_encoded_match: the client has the
 * coded one. req_encode: turns head into the coded one's and gives its body (NULL for HEAD); false:
 * it is sent as it is stored. */
bool req_may_encode(const struct req *r);
bool req_is_encoded_match(const struct req *r);
bool req_encode(struct req *r, struct response_head *head, struct body **body);
/* req_pack: bytes [first, last] of r->object in the transfer coding zstd, for another edge that
 * asked so; head has their length. NULL: they are sent as they are. */
struct body *req_pack(struct req *r, struct response_head *head, int64_t first, int64_t last);

/* req_body.c: bytes [first, last] of r->object (last INT64_MAX: to an end not yet known). */
struct body *req_body(struct req *r, int64_t first, int64_t last);
/* req_range.c: the body of several ranges; fills in head's type and length. */
struct byte_range;
struct body *req_ranges_body(struct req *r, struct response_head *head,
                             const struct byte_range *ranges, int count);
/* req_refresh: after an answer to HEAD that upstream gave to this client alone. */
void req_refresh(struct req *r, const struct response_head *answer);
/* req_invalidate: RFC 9111 s.4.4, after a non-error answer to an unsafe method. */
void req_invalidate(struct req *r, const struct response_head *answer);

#endif
