/* SPDX-License-Identifier: MIT */
#ifndef EDGE_ADMIN_CONTROL_STATE_H
#define EDGE_ADMIN_CONTROL_STATE_H

/* private to edge/admin: what the control plane said last, on disk. A text file, written whole
 * beside the old one and renamed over it:
 *
 *   byeori-edge-state 1                              byeori-edge-state 2
 *   purge_log 9d2c41f07a3b6e85                       purge_log 9d2c41f07a3b6e85
 *   purge_seq 43                                     purge_seq 43
 *   config_version 8                                 config_version 8
 *   sha256 <of the document, hex>                    key <id of the key that sealed it>
 *   <the site document, JSON, to the end>            <the document, sealed, hex, to the end>
 *
 * The document has secrets (private keys, ticket keys): with keys to seal by, it is written the
 * second way, and what stands above it is sealed with it, so that nothing of it can be changed. */
#include "lib/base/buf.h"
#include "lib/base/seal.h"
#include "lib/proto/heartbeat.h"

struct control_state {
    char purge_log[HEARTBEAT_NAME_BYTES + 1]; /* "": no position yet */
    uint64_t purge_seq, config_version;
    struct buf document; /* empty: none */
};

void control_state_init(struct control_state *s);
void control_state_finish(struct control_state *s);
/* keys: NULL, there are none. control_state_load: 0, and in is_stale whether the file is not as
 * control_state_save would write it now (in clear, or sealed by an older key); ERR_NOT_FOUND: there
 * is no file; ERR_DENIED: it is sealed by a key that is not there, or not readable; ERR_CORRUPT,
 * ERR_VERSION, ERR_TOO_BIG, ERR_IO: it is of no use. Then *s stays empty and a sentence is in why.
 * Blocks: at start only. */
MUST_USE int control_state_load(struct control_state *s, const char *file,
                                const struct seal_keys *keys, bool *is_stale, struct buf *why);
/* control_state_save: 0 or ERR_IO, ERR_DENIED, ERR_NO_SPACE. A small write and a rename. */
MUST_USE int control_state_save(const struct control_state *s, const char *file,
                                const struct seal_keys *keys);

#endif
