/* SPDX-License-Identifier: MIT */
#ifndef ORIGIN_CONNECT_MANIFEST_H
#define ORIGIN_CONNECT_MANIFEST_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/digest.h"

/* A release: which files it has, and by which digest their bytes lie in a storage.
 *
 *   /.byeori/objects/ab/<sha256>            bytes, under the digest of them; shared by releases
 *   /.byeori/releases/game/1.4.0.json       the manifest of the release game/1.4.0
 *
 * A release exists once its manifest lies there: that one write makes all of it visible, and what
 * an earlier release has too is not stored again. Pure. */
#define MANIFEST_HOME       "/.byeori/"
#define MANIFEST_RELEASES   MANIFEST_HOME "releases/"
#define MANIFEST_OBJECTS    MANIFEST_HOME "objects/"
#define MANIFEST_SUFFIX     ".json"
#define MANIFEST_MAX        (64 << 20) /* bytes of its text */
#define MANIFEST_FILES_MAX  1000000
#define MANIFEST_BLOCKS_MAX 1000000 /* of one file */
#define MANIFEST_PIECES_MAX 1000000 /* of a release */
#define MANIFEST_PATH_MAX   2048
#define MANIFEST_NAME_MAX   256

struct manifest_file {
    struct span path; /* "/data/a b.pak", below the release's name */
    struct span type; /* media type; empty: by the path's ending */
    int64_t size_bytes;
    uint8_t sha256[DIGEST_SHA256_BYTES];
    uint8_t (*blocks)[DIGEST_SHA256_BYTES]; /* of each block_bytes of it, the last one shorter */
    uint8_t (*pieces)[DIGEST_SHA1_BYTES];   /* the same blocks for BitTorrent; NULL: not hashed */
    size_t block_count;
};

struct manifest {
    struct arena mem; /* where everything lies; its limit is the reader's */
    struct span name; /* "game/1.4.0" */
    sec_t published;
    int64_t block_bytes;
    struct manifest_file *files; /* in the order of their paths */
    size_t count;
    /* SHA-1 of each block_bytes of all files but deltas, one after the other in this order: what a
     * torrent of the release holds. 0: not hashed. */
    uint8_t (*pieces)[DIGEST_SHA1_BYTES];
    size_t piece_count;
};

/* manifest_name_is_valid: segments of letters, digits, '.', '_' and '-', none of them "." or "..".
 */
bool manifest_name_is_valid(struct span name);
/* manifest_read: m is zeroed; finish it in any case. ERR_SYNTAX, ERR_TOO_BIG and why. */
MUST_USE int manifest_read(struct manifest *m, struct span text, struct buf *why);
void manifest_write(const struct manifest *m, struct buf *out);
void manifest_finish(struct manifest *m);
/* manifest_find: NULL: the release has no such file. */
const struct manifest_file *manifest_find(const struct manifest *m, struct span path);
/* manifest_is_delta: whether it is the path of a delta (origin/publish/delta.h).
 * manifest_has_pieces: whether blocks of this size may be pieces of torrents: a power of two, at
 * least 16 KiB. */
#define MANIFEST_DELTA ".dcz-" /* and the digest of the old file, in hex */
bool manifest_is_delta(struct span path);
bool manifest_has_pieces(int64_t block_bytes);

/* Where things lie in a storage, from mem. manifest_name_of: the name in such a path; empty: it is
 * none. */
struct span manifest_path(struct span name, struct arena *mem);
struct span manifest_name_of(struct span path);
#define MANIFEST_OBJECT_BYTES (sizeof MANIFEST_OBJECTS - 1 + 3 + 2 * DIGEST_SHA256_BYTES)
void manifest_object_path(const uint8_t sha256[DIGEST_SHA256_BYTES],
                          char out[MANIFEST_OBJECT_BYTES + 1]);

#endif
