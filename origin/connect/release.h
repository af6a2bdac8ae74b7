/* SPDX-License-Identifier: MIT */
#ifndef ORIGIN_CONNECT_RELEASE_H
#define ORIGIN_CONNECT_RELEASE_H

#include "lib/net/iopool.h"
#include "origin/connect/connector.h"
#include "origin/connect/mirror_doc.h"

/* Published releases (manifest.h), served from any storage that can list: a path below a release's
 * name is the file that its manifest names, under a strong validator that is its digest, or a
 * document about it (mirror_doc.h) that is made when it is asked for; any other path is the
 * storage's own. What lies below /.byeori/ is nobody's.
 *
 * Which releases there are is listed again when somebody asks and refresh_ms have passed, who then
 * waits for it: so nothing is served as it was more than refresh_ms ago. Only where the listing
 * before failed is what is known served meanwhile. A manifest is read once, and parsed on an I/O
 * thread. Each loop keeps its own. */
struct release_spec {
    struct connector *inner; /* taken */
    struct iopool *io;       /* outlives it */
    msec_t refresh_ms;
    const struct mirror_options *mirrors; /* outlives it */
};
struct connector *release_create(const struct release_spec *spec) __attribute__((returns_nonnull));

#endif
