/* SPDX-License-Identifier: MIT */
#ifndef LIB_BASE_WHOLE_FILE_H
#define LIB_BASE_WHOLE_FILE_H

#include "lib/base/buf.h"

/* Files that are read and written whole. Blocks: at start, at reload, on threads of one's own.
 * Threads: any.
 *
 * whole_file_read: adds all of it to out: 0, or ERR_TOO_BIG (out's bound), ERR_NOT_FOUND,
 * ERR_DENIED, ERR_IO; then errno tells more, but for ERR_TOO_BIG. One that fits its size at the
 * first look is read into memory that does not move, so that buf_wipe leaves nothing of it.
 * whole_file_first_line: the same of its first line, without white space around it: a token.
 * whole_file_replace: written beside (for its owner alone: keys may be in it), synced, and renamed
 * over it: 0 or ERR_IO, ERR_DENIED, ERR_NO_SPACE, and the old one is as it was. */
MUST_USE int whole_file_read(const char *file, struct buf *out);
MUST_USE int whole_file_first_line(const char *file, struct buf *out);
MUST_USE int whole_file_replace(const char *file, struct span text);
/* whole_file_may_be_kept: whether this file or folder, or the folder in which it is to be made, may
 * be written; if not, errno tells why. Changes nothing. */
MUST_USE bool whole_file_may_be_kept(const char *path);

#endif
