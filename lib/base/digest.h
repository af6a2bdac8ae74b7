/* SPDX-License-Identifier: MIT */
#ifndef LIB_BASE_DIGEST_H
#define LIB_BASE_DIGEST_H

#include "lib/base/check.h"
#include "lib/base/span.h"

/* Cryptographic digests and their spellings (libcrypto). Threads: any. */
#define DIGEST_SHA256_BYTES 32
#define DIGEST_SHA1_BYTES   20
#define DIGEST_MD5_BYTES    16

void digest_sha256(struct span data, uint8_t out[DIGEST_SHA256_BYTES]);
/* digest_hmac_sha256: key and data of any length. */
void digest_hmac_sha256(struct span key, struct span data, uint8_t out[DIGEST_SHA256_BYTES]);

/* Stream: create, add any number of times, end (which destroys it, and writes as many bytes as the
 * digest has). SHA-1 and MD5 are for formats that ask for them (BitTorrent, OpenStack Swift), never
 * for trust. */
struct digest_stream;
struct digest_stream *digest_sha256_create(void) __attribute__((returns_nonnull));
struct digest_stream *digest_sha1_create(void) __attribute__((returns_nonnull));
struct digest_stream *digest_md5_create(void) __attribute__((returns_nonnull));
void digest_add(struct digest_stream *d, const void *p, size_t n);
void digest_end(struct digest_stream **d, uint8_t *out);

/* digest_hex: 2 n lower-case digits and a zero into out. */
void digest_hex(const uint8_t *p, size_t n, char *out);
/* digest_unhex: exactly 2 n hex digits of either case into n bytes; false: they are not that. */
bool digest_unhex(struct span hex, uint8_t *out, size_t n);
/* digest_base64: RFC 4648 s.4 with padding, and a zero, into DIGEST_BASE64_ROOM(n) bytes. */
#define DIGEST_BASE64_ROOM(n) (((n) + 2) / 3 * 4 + 1)
void digest_base64(const uint8_t *p, size_t n, char *out);
/* digest_unbase64: exactly n bytes, in that spelling; false: it is not that. */
#define DIGEST_UNBASE64_MAX 64
bool digest_unbase64(struct span text, uint8_t *out, size_t n);
/* digest_is_equal: time does not depend on where a and b differ; lengths are not secret. */
bool digest_is_equal(struct span a, struct span b);
void digest_random(void *out, size_t n); /* from the system's generator; aborts if there is none */

#endif
