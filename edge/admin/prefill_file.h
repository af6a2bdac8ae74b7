/* SPDX-License-Identifier: MIT */
#ifndef EDGE_ADMIN_PREFILL_FILE_H
#define EDGE_ADMIN_PREFILL_FILE_H

#include "lib/proto/prefill.h"

/* private to edge/admin: prefills that outlive the process: a file of JSON for each, by its id.
 * Blocks: a small write and a rename; reading at the start only. */
#define PREFILL_FILE_ENDING ".prefill"

/* prefill_file_open: makes the folder. prefill_file_save: 0 or ERR_IO, ERR_DENIED, ERR_NO_SPACE.
 * prefill_file_drop: fine where there is none. folder "": nothing happens. */
MUST_USE int prefill_file_open(const char *folder);
MUST_USE int prefill_file_save(const char *folder, const struct prefill_order *order);
void prefill_file_drop(const char *folder, struct span id);
/* prefill_file_each: fn for each that can be read; others are left, and a line of log tells. */
typedef void (*prefill_file_fn)(void *ctx, const struct prefill_order *order);
void prefill_file_each(const char *folder, msec_t now_wall, prefill_file_fn fn, void *ctx);

#endif
