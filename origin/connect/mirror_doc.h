/* SPDX-License-Identifier: MIT */
#ifndef ORIGIN_CONNECT_MIRROR_DOC_H
#define ORIGIN_CONNECT_MIRROR_DOC_H

#include "lib/base/option.h"
#include "origin/connect/manifest.h"

/* What download managers ask for beside a file: where else its bytes are, and how each piece of
 * them is verified. Made of the release's manifest, so every published file has them, and the
 * release as a whole:
 *
 *   /game/1.4.0/data/big.pak.meta4     Metalink (RFC 5854): SHA-256 of the file and its blocks
 *   /game/1.4.0/data/big.pak.torrent   BitTorrent (BEP 3) with web seeds (BEP 19)
 *   /game/1.4.0.meta4, .torrent        all files of the release, deltas left out
 *
 * Pure. */
struct mirror_options {
    struct option_texts urls, trackers;
};
extern const struct option_section mirror_section;
/* mirror_check: of the options in config. 0, or ERR_CONFIG and a line in why for each fault. */
MUST_USE int mirror_check(const struct mirror_options *o, const struct option_config *config,
                          struct buf *why);

enum mirror_kind { MIRROR_NONE, MIRROR_METALINK, MIRROR_TORRENT };
/* mirror_kind_of: by the path's ending; *stem: what stands before it. */
enum mirror_kind mirror_kind_of(struct span path, struct span *stem);

/* mirror_name_of: the last segment. */
struct span mirror_name_of(struct span path);

struct mirror_doc {
    const struct mirror_options *options; /* with one URL at least */
    const struct manifest *release;
    const struct manifest_file *file; /* NULL: all of them */
};
/* 0; ERR_NOT_FOUND: the release was published without the hashes that it takes, or has nothing to
 * share; ERR_TOO_BIG: out is full. */
MUST_USE int metalink_write(const struct mirror_doc *d, struct buf *out);
MUST_USE int torrent_write(const struct mirror_doc *d, struct buf *out);

#endif
