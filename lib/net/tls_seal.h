/* SPDX-License-Identifier: MIT
 * private to lib/net: records of TLS 1.3 sealed by ourselves, with keys that OpenSSL agreed on */
#ifndef LIB_NET_TLS_SEAL_H
#define LIB_NET_TLS_SEAL_H

#include "lib/net/loop.h"

#include <stdint.h>
#include <sys/uio.h>

/* One direction of one connection: its key and the number of its next record. On the loop's thread,
 * as all below. Idle it is a key and no more: what a cipher needs beside it is shared by the
 * connections of a loop, and goes to who seals. */
struct tls_seal;

enum tls_record_type { TLS_RECORD_HANDSHAKE = 22, TLS_RECORD_DATA = 23 }; /* RFC 8446 s.5.1 */
#define TLS_PLAIN_MAX  ((size_t)16384)
#define TLS_SEALED_ADD ((size_t)(5 + 1 + 16)) /* head, type, tag */
#define TLS_SEALED_MAX (TLS_PLAIN_MAX + TLS_SEALED_ADD)

/* tls_seal_create: `keys` as OpenSSL hands them to a kernel that seals (struct tls_crypto_info of
 * linux/tls.h and what stands behind it). NULL: not TLS 1.3, or a cipher that is not ours. */
struct tls_seal *tls_seal_create(struct loop *l, const void *keys);
void tls_seal_destroy(struct tls_seal **s); /* forgets the key; NULL is fine */

/* tls_seal_record: the next record, of the bytes of v (together at most TLS_PLAIN_MAX), into out.
 * Returns its length: TLS_SEALED_ADD more than the bytes. */
size_t tls_seal_record(struct tls_seal *s, enum tls_record_type type, const struct iovec *v,
                       int count, unsigned char *out);

/* tls_seal_room: TLS_SEAL_ROOM bytes of the loop's, for records on their way to the socket; the
 * next who asks gets the same. */
#define TLS_SEAL_RECORDS 16
#define TLS_SEAL_ROOM    (TLS_SEAL_RECORDS * TLS_SEALED_MAX)
unsigned char *tls_seal_room(struct tls_seal *s) __attribute__((returns_nonnull));

#endif
