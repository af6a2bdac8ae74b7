/* SPDX-License-Identifier: MIT */
#ifndef LIB_PROTO_MIRRORS_H
#define LIB_PROTO_MIRRORS_H

/* Lists of mirrors (Metalink, RFC 5854) on their way from the origin to a user. The origin knows
 * hashes, the control plane knows which edges are near whom. So the origin writes
 *
 *   <?byeori-mirrors /game/1.4.0/data/big.pak?>
 *
 * into each file of a document, with the file's path as it stands in a URL, and edges keep the
 * document like any other. A router that is asked for it gets it from an edge and puts
 * <url priority="1" location="kr">...</url>, the best edge first, where the mark stands. Readers
 * who got it elsewhere pass over the mark, and use the URLs behind it (MIRRORS_PRIORITY and up). */
#define MIRRORS_TYPE      "application/metalink4+xml"
#define MIRRORS_SUFFIX    ".meta4"
#define MIRRORS_MARK      "<?byeori-mirrors "
#define MIRRORS_MARK_END  "?>"
#define MIRRORS_PRIORITY  1000
#define MIRRORS_BYTES_MAX (8 << 20) /* of a document, before the mirrors are in it */

/* What BitTorrent has of the same file. */
#define TORRENT_TYPE   "application/x-bittorrent"
#define TORRENT_SUFFIX ".torrent"

#endif
