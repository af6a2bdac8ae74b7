/* SPDX-License-Identifier: MIT */
#ifndef LIB_HTTP_HOP_H
#define LIB_HTTP_HOP_H

#include "lib/http/headers.h"

/* Hop-by-hop fields (RFC 9110 s.7.6.1): Connection and what it names, Keep-Alive,
 * Proxy-Connection, Proxy-Authenticate, Proxy-Authorization, TE, Trailer, Transfer-Encoding,
 * Upgrade.
 * hop_copy: adds to `to` every field of `from` that an intermediary passes on; borrows values.
 * Connection options that name an end-to-end field of names.def (Host, Cache-Control, Cookie,
 * Authorization, X-Forwarded-For, ...) are ignored: no sender may make it vanish. */
void hop_copy(struct fields *to, const struct fields *from);

/* hop_takes_zstd: whether who asks takes the answer in the transfer coding zstd (h1_read.h): its TE
 * says so, and its Connection that TE is its own and not of somebody before it. */
bool hop_takes_zstd(const struct fields *fs);

/* via_value: existing Via joined with "1.1 <name>" (or "1.0", "2": how it came) from mem. */
struct span via_value(const struct fields *fs, uint8_t major_version, uint8_t minor_version,
                      struct span name, struct arena *mem);
/* cdn_loop_has: RFC 8586: whether CDN-Loop names cdn_id. */
bool cdn_loop_has(const struct fields *fs, struct span cdn_id);
uint32_t cdn_loop_count(const struct fields *fs); /* nodes that it names */

#endif
