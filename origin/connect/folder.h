/* SPDX-License-Identifier: MIT */
#ifndef ORIGIN_CONNECT_FOLDER_H
#define ORIGIN_CONNECT_FOLDER_H

#include "lib/base/buf.h"
#include "lib/net/iopool.h"
#include "origin/connect/connector.h"

/* A folder of files. Nothing outside it is reachable, by ".." or by symbolic link: the kernel
 * resolves every path beneath the folder's descriptor (openat2, RESOLVE_BENEATH). Only regular
 * files
 * are served.
 *
 * Validator: size and modification time in nanoseconds, from the open descriptor; the same on every
 * mirror that keeps times (rsync -t). A file replaced by rename goes on being served as it was to
 * those who hold it; one that is written in place breaks their bodies (ERR_CHANGED), surely so
 * where
 * uses_sendfile is false (folder_body.h).
 *
 * io: where opening and reading that would wait for a disk is done; outlives the connector. */
struct folder_spec {
    const char *path; /* borrowed during the call */
    struct iopool *io;
    bool uses_sendfile;
};
MUST_USE int folder_create(struct connector **out, const struct folder_spec *spec, struct buf *why);

#endif
