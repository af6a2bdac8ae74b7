/* SPDX-License-Identifier: MIT */
#ifndef LIB_PROTO_HEARTBEAT_H
#define LIB_PROTO_HEARTBEAT_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/proto/prefill.h"
#include "lib/proto/usage.h"

/* The exchange between an edge and the control plane: POST /v1/nodes/{id}/heartbeat and its answer,
 * as JSON. lib/proto/README.md describes every field. Pure: no I/O, no clock.
 * Decoded spans live as long as `mem`. Threads: any. */
#define HEARTBEAT_MAX_BYTES  (2 << 20)  /* of a request, and of an answer */
#define HEARTBEAT_HEAD_BYTES (64 << 10) /* of an answer, beside configuration and purges */
#define HEARTBEAT_MAX_SITES  4096
#define HEARTBEAT_MAX_PURGES 256 /* in one answer; the rest comes with the next ones */
#define HEARTBEAT_NAME_BYTES 64  /* node, site, boot, log ids */
#define HEARTBEAT_URL_BYTES  4096
#define HEARTBEAT_MAX_PLACE  64   /* edges of one place that are told */
#define HEARTBEAT_PREFILLS   64   /* reports, and cancellations */
#define HEARTBEAT_PERIOD_MS  1000 /* between heartbeats, and the longest an answer is held */

struct heartbeat_load {
    uint64_t connections;  /* open, from clients */
    double requests_per_s; /* over the last period, as are the next two */
    double out_bytes_per_s;
    double cpu;                /* share of all cores that this process uses, 0..1 */
    uint64_t requests, errors; /* since the process started: answered; of them, with 5xx */
    uint64_t memory_used_bytes, memory_cap_bytes;
};

struct heartbeat_site_usage {
    struct span site;
    struct usage usage; /* cumulative since the process started */
};

/* Another edge of the same place, as the sender finds it. */
struct heartbeat_peer {
    struct span id;
    bool is_reached;
};

struct heartbeat {
    struct span node;
    struct span boot;                           /* new at every start of the process */
    struct span program;                        /* "byeori-edge 0.1.0" */
    struct span http_url, https_url, admin_url; /* no slash at the end; p == NULL: none */
    uint64_t wait_ms; /* how long the answer may be held; 0: answer at once */
    struct heartbeat_load load;
    struct span purge_log; /* id of the log that purge_seq counts in; empty: none yet */
    uint64_t purge_seq;    /* every purge up to this one is applied here */
    uint64_t config_version;
    uint64_t config_refused;            /* version of the document that it refused; 0: none */
    struct span config_fault;           /* why it did */
    const struct heartbeat_peer *peers; /* HEARTBEAT_MAX_PLACE at most */
    size_t peer_count;
    const struct heartbeat_site_usage *usage;
    size_t usage_count;
    const struct prefill_report *prefills; /* that control ordered */
    size_t prefill_count;
};

enum heartbeat_purge_kind {
    HEARTBEAT_PURGE_URL,
    HEARTBEAT_PURGE_SITE, /* everything of the site, or of all where site is empty; also what a
                             kind is read as that this program does not know */
    HEARTBEAT_PURGE_PREFIX,
    HEARTBEAT_PURGE_HOST,
    HEARTBEAT_PURGE_TAG,
    HEARTBEAT_PURGE_KINDS
};
/* heartbeat_purge_name: as it is written. heartbeat_purge_kind_of: HEARTBEAT_PURGE_SITE where it is
 * no kind that this program knows. */
const char *heartbeat_purge_name(enum heartbeat_purge_kind kind);
enum heartbeat_purge_kind heartbeat_purge_kind_of(struct span name);

struct heartbeat_purge {
    uint64_t seq; /* from 1 */
    enum heartbeat_purge_kind kind;
    struct span site;  /* the site's name as control knows it; empty: found by the URL's host */
    struct span value; /* URL, PREFIX: absolute (http and https alike); HOST, TAG: the name */
    bool is_soft;      /* stale rather than gone */
};

/* An edge at the same point of the map as the one that asks, itself among them. */
struct heartbeat_neighbour {
    struct span id, url; /* where it is reached by http */
    double weight;
};

struct heartbeat_answer {
    uint64_t now_ms; /* wall time of control, for log lines and skew alarms */
    struct span purge_log;
    uint64_t purge_floor; /* oldest seq that is still in the log; head + 1 when it is empty */
    uint64_t purge_head;  /* newest seq; 0: none ever */
    const struct heartbeat_purge *purges; /* ascending, gapless, from the edge's purge_seq + 1 */
    size_t purge_count;
    uint64_t config_version; /* the newest there is; 0: none */
    struct span config;      /* its document as JSON (README); p == NULL: the edge has it */
    const struct heartbeat_neighbour *place;
    size_t place_count;
    const struct prefill_order *prefills; /* to be done here */
    size_t prefill_count;
    const struct span *prefill_cancels; /* ids */
    size_t prefill_cancel_count;
};

/* Writers end with buf_overflowed() to ask. */
void heartbeat_write(const struct heartbeat *h, struct buf *out);
void heartbeat_answer_write(const struct heartbeat_answer *a, struct buf *out);
/* heartbeat_answer_fit: leaves as many purges as surely stand within HEARTBEAT_MAX_BYTES beside the
 * configuration; what is left over comes with the next answers, as it does beyond
 * HEARTBEAT_MAX_PURGES. */
void heartbeat_answer_fit(struct heartbeat_answer *a);
/* Readers: 0; ERR_TOO_BIG, ERR_SYNTAX (with a sentence in `why`) and nothing usable then. */
MUST_USE int heartbeat_read(struct span text, struct heartbeat *out, struct arena *mem,
                            struct buf *why);
MUST_USE int heartbeat_answer_read(struct span text, struct heartbeat_answer *out,
                                   struct arena *mem, struct buf *why);

/* heartbeat_has_gap: purges are missing between the position (log, seq) of an edge and what the log
 * of `a` can tell: another log, or one that begins later. Such an edge revalidates everything that
 * it stored before this answer, then takes (a->purge_log, a->purge_head) as its position.
 * Both sides ask this function, so they agree. */
bool heartbeat_has_gap(struct span log, uint64_t seq, const struct heartbeat_answer *a);

#endif
