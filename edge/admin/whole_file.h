/* SPDX-License-Identifier: MIT */
#ifndef EDGE_ADMIN_WHOLE_FILE_H
#define EDGE_ADMIN_WHOLE_FILE_H

#include "lib/base/buf.h"

/* private to edge/admin: files that are read and written whole. Blocks.
 * whole_file_read: 0 (the bound is out's), or ERR_NOT_FOUND, ERR_DENIED, ERR_IO.
 * whole_file_replace: written beside (for its owner alone: keys may be in it), synced, and renamed
 * over it: 0 or ERR_IO, ERR_DENIED, ERR_NO_SPACE, and the old one is as it was. */
MUST_USE int whole_file_read(const char *file, struct buf *out);
MUST_USE int whole_file_replace(const char *file, struct span text);

#endif
