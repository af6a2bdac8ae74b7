/* SPDX-License-Identifier: MIT */
#ifndef EDGE_ADMIN_CONTROL_STATE_H
#define EDGE_ADMIN_CONTROL_STATE_H

/* private to edge/admin: what the control plane said last, on disk. A text file, written whole
 * beside the old one and renamed over it:
 *
 *   byeori-edge-state 1
 *   purge_log 9d2c41f07a3b6e85
 *   purge_seq 43
 *   config_version 8
 *   sha256 <of the document, hex>
 *   <the site document, JSON, to the end>                                                        */
#include "lib/base/buf.h"
#include "lib/proto/heartbeat.h"

struct control_state {
    char purge_log[HEARTBEAT_NAME_BYTES + 1]; /* "": no position yet */
    uint64_t purge_seq, config_version;
    struct buf document; /* empty: none */
};

void control_state_init(struct control_state *s);
void control_state_finish(struct control_state *s);
/* control_state_load: 0; ERR_NOT_FOUND: there is no file; ERR_CORRUPT, ERR_VERSION, ERR_IO: it is
 * of no use, and *s stays empty. Blocks: at start only. */
MUST_USE int control_state_load(struct control_state *s, const char *file);
/* control_state_save: 0 or ERR_IO, ERR_DENIED, ERR_NO_SPACE. A small write and a rename. */
MUST_USE int control_state_save(const struct control_state *s, const char *file);

#endif
