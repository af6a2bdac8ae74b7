/* SPDX-License-Identifier: MIT */
/* private to origin/connect */
#ifndef ORIGIN_CONNECT_REMOTE_UPLOAD_H
#define ORIGIN_CONNECT_REMOTE_UPLOAD_H

#include "origin/connect/remote_remains.h"

/* One content on its way into a storage: in one piece, or, where it is larger than a part
 * (options->part_bytes) and the kind can, in parts, one after the other. Until the end nothing of
 * it is visible at its path. What fails is abandoned there too, or, where parts bear the name of
 * the content, left for the next upload of it, which goes on after them. Once the new object
 * stands, what remains of the old one is swept.
 *
 *   [look ─> BEGIN ─> CHECK .. CHECK ─>] PART .. PART [─> END ─> sweep]
 *   any step that fails: [ABANDON] */
enum upload_step { UPLOAD_BEGIN, UPLOAD_CHECK, UPLOAD_PART, UPLOAD_END, UPLOAD_ABANDON };

struct remote_part {
    char etag[CONNECTOR_ETAG_ROOM];
    int64_t size_bytes;
};

struct remote_upload {
    struct connector_put *put;
    struct remote_loop *at;
    struct remote_talk talk;
    struct remote_remains remains;
    char sha256_hex[2 * DIGEST_SHA256_BYTES + 1]; /* of the whole */
    int64_t part_bytes;
    struct remote_part *parts; /* count of them; the first `sent` are there */
    uint32_t count, sent;
    bool is_resuming; /* the next part may be there */
    char id[512];     /* the kind's, from begin on; "": none */
    struct buf text;  /* what the end says */
    enum upload_step step;
    int err;
};

/* How a kind uploads in parts. Each ask_* completes a question whose method and path it may change;
 * each read_* takes the answer, 2xx: 0 or an error. ask_part is also asked with HEAD. */
struct remote_parts {
    uint32_t count_max;
    bool describes_end; /* type and digest go with the end, not the beginning */
    bool keeps_parts;   /* they outlive their upload; ETag is their MD5 */
    void (*ask_begin)(struct remote_upload *u, struct remote_ask *a);
    int (*read_begin)(struct remote_upload *u, struct span answer); /* NULL: 2xx is enough */
    void (*ask_part)(struct remote_upload *u, struct remote_ask *a, uint32_t i); /* from 0 */
    void (*ask_end)(struct remote_upload *u, struct remote_ask *a);              /* sends u->text */
    int (*read_end)(struct remote_upload *u, struct span answer);       /* NULL: the same */
    void (*ask_abandon)(struct remote_upload *u, struct remote_ask *a); /* NULL: nothing to do */
};

/* remote_upload_start: put->done follows, perhaps from inside. */
void remote_upload_start(struct remote_loop *at, struct connector_put *put);

#endif
