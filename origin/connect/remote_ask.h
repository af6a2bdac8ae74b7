/* SPDX-License-Identifier: MIT */
/* private to origin/connect */
#ifndef ORIGIN_CONNECT_REMOTE_ASK_H
#define ORIGIN_CONNECT_REMOTE_ASK_H

#include "origin/connect/remote.h"

/* One question to a storage, asked until it answers: signed, sent, and sent again a little later
 * where the connection failed or the storage was busy or broken (429, 500, 502, 503, 504), as often
 * as the options and the loop's budget of retries allow (a tenth of all questions, so that a
 * storage in trouble is not buried). Embedded; everything on its loop.
 *
 *   KEYLESS (no credentials yet) ─> SENT ─head─> ANSWERED ─> ended by its owner
 *   WAIT <──────── again ───────────┘ └─────────> OVER */
enum remote_ask_state {
    REMOTE_ASK_KEYLESS,
    REMOTE_ASK_WAIT,
    REMOTE_ASK_SENT,
    REMOTE_ASK_ANSWERED,
    REMOTE_ASK_OVER
};

#define REMOTE_PAIRS_MAX 12

struct remote_ask {
    /* in: set by remote_ask_init and the owner, then valid until the end */
    struct remote_loop *at;
    enum method method;
    bool is_login;      /* a kind's own question for credentials */
    struct span bucket; /* empty: the options' */
    struct span path;   /* of the object, decoded; empty: the bucket */
    struct sigv4_pair query[REMOTE_PAIRS_MAX], fields[REMOTE_PAIRS_MAX]; /* names in lower case */
    size_t query_count, fields_count;
    /* A body, made anew for each try; NULL: none. */
    struct body *(*body)(struct remote_ask *a);
    int64_t body_bytes;
    struct span payload_hash; /* hex SHA-256 of the body; empty: not known */
    /* Once, never from inside start: 0 and a final answer of whatever status (remote_ask_head), or
     * why there is none. */
    void (*done)(struct remote_ask *a, int err);
    void (*readable)(struct remote_ask *a); /* remote_ask_read may give more; may be NULL */
    /* private */
    enum remote_ask_state state;
    struct list link; /* at->asks */
    struct call *call;
    struct arena mem, kept; /* of one try; of all (for what the kind makes) */
    struct timer pause;
    struct loop_task verdict;
    int tries, err;
    bool has_refreshed, verdict_is_due;
    uint64_t credentials; /* the kind's mark of what it was signed with */
};

void remote_ask_init(struct remote_ask *a, struct remote_loop *at, enum method method,
                     struct span path);
void remote_ask_query(struct remote_ask *a, struct span name, struct span value);
void remote_ask_field(struct remote_ask *a, struct span name, struct span value);
void remote_ask_start(struct remote_ask *a);
/* remote_ask_kept: for texts that live as long as the question. */
struct arena *remote_ask_kept(struct remote_ask *a);
/* remote_ask_end: at any time after init; no callback follows. */
void remote_ask_end(struct remote_ask *a);
const struct response_head *remote_ask_head(const struct remote_ask *a);
ssize_t remote_ask_read(struct remote_ask *a, void *dst, size_t room); /* as call_read */
/* remote_ask_resume_all: credentials are there (0), or could not be had. */
void remote_ask_resume_all(struct remote_loop *at, int err);

/* A question whose whole answer is wanted at once (listings, replies to uploads). */
struct remote_talk {
    struct remote_ask ask; /* first; set up by the owner, but for done and readable */
    struct buf answer;
    /* 0: status is 2xx, and the answer whole. The head is there until remote_talk_end. */
    void (*done)(struct remote_talk *t, int err);
};
#define REMOTE_ANSWER_MAX (8 << 20)
/* remote_talk_start: after remote_ask_init(&t->ask, ...). */
void remote_talk_start(struct remote_talk *t);
void remote_talk_end(struct remote_talk *t);

#endif
