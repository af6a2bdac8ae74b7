/* SPDX-License-Identifier: MIT */
#ifndef LIB_BASE_SEAL_H
#define LIB_BASE_SEAL_H

#include "lib/base/buf.h"
#include "lib/base/check.h"

/* Secrets at rest: sealed by a key that lies apart from them, so that a copy of the state (a
 * backup, a disk that is thrown away) tells none. AES-256-GCM, with a fresh random nonce for each
 * seal; what a text is about goes into its tag, so that it cannot be put in another's place.
 *
 * The file has a key of 64 hex digits on each line, the newest first: that one seals, all of them
 * open. A key is named by an id that tells nothing of it.
 * Threads: any (immutable). */
struct seal_keys;

#define SEAL_KEYS_MAX  16
#define SEAL_ID_DIGITS 16
#define SEAL_BYTES     28 /* a sealed text is longer by that: nonce and tag */

/* seal_keys_read: 0, or ERR_CONFIG or what reading failed with, and a sentence in why (that quotes
 * no key). seal_keys_destroy: wipes them; takes *k; NULL is fine. */
MUST_USE int seal_keys_read(struct seal_keys **out, const char *file, struct buf *why);
void seal_keys_destroy(struct seal_keys **k);

/* seal_id: of the key that seals. */
struct span seal_id(const struct seal_keys *k);

/* seal_make: adds text, sealed, to out in hex. seal_open: adds what it was made of to out; 0,
 * ERR_NOT_FOUND (no such key), ERR_CORRUPT (changed since, or about something else),
 * ERR_TOO_BIG. */
void seal_make(const struct seal_keys *k, struct span about, struct span text, struct buf *out);
struct sealed {
    struct span key_id, about, hex;
};
MUST_USE int seal_open(const struct seal_keys *k, const struct sealed *s, struct buf *out);

#endif
