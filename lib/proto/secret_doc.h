/* SPDX-License-Identifier: MIT */
#ifndef LIB_PROTO_SECRET_DOC_H
#define LIB_PROTO_SECRET_DOC_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/digest.h"

/* Certificates and keys as the control plane keeps and distributes them (lib/proto/README.md,
 * "Certificate", "Key"). A secret is written in one of two ways: as its text, to those who shall
 * have it, or as {"sha256": "..."} to all others: in the history, to people, on the way to an edge
 * that asks without TLS. Whether a certificate and its key are good is not judged here
 * (lib/daemon/given.h). Pure. Threads: any. */
#define SECRET_TEXT_BYTES      (32 << 10)
#define SECRET_DOC_MAX_BYTES   (64 << 10) /* of one document */
#define SECRET_MAX_OF_A_KEY    16
#define SECRET_MAX_DOCS        1024 /* certificates; and keys */
#define SECRET_DIGEST_DIGITS   (2 * DIGEST_SHA256_BYTES)
#define SECRET_CHAIN_MAX_BYTES (48 << 10)

struct secret {
    struct span text; /* p == NULL: only its digest is told */
    char sha256[SECRET_DIGEST_DIGITS + 1];
};

struct certificate_doc {
    struct span name;
    struct span chain; /* PEM: the certificate, then its intermediates */
    struct secret key; /* PEM */
};

enum key_use { KEY_TICKETS, KEY_URLS, KEY_USES };
const char *key_use_name(enum key_use use);

struct key_doc {
    struct span name;
    enum key_use use;
    struct secret *secrets; /* hex; the newest first, which makes; all of them open */
    size_t count;           /* 0: none is given (control then makes one) */
};

struct secret_docs {
    struct certificate_doc *certificates;
    size_t certificate_count;
    struct key_doc *keys;
    size_t key_count;
};

/* Readers: 0, or ERR_TOO_BIG, ERR_SYNTAX with a sentence in why (that quotes no secret); spans live
 * as long as mem. name: where the document has none. secret_docs_read: members "certificates" and
 * "keys" of a whole configuration document. */
MUST_USE int certificate_doc_read(struct span text, struct span name, struct certificate_doc *out,
                                  struct arena *mem, struct buf *why);
MUST_USE int key_doc_read(struct span text, struct span name, struct key_doc *out,
                          struct arena *mem, struct buf *why);
MUST_USE int secret_docs_read(struct span text, struct secret_docs *out, struct arena *mem,
                              struct buf *why);

/* Writers: as the next element of an open array, or the outermost value. tells: secrets as text,
 * where their text is there; else as digests. */
struct json_out;
void certificate_doc_write(const struct certificate_doc *c, bool tells, struct json_out *o);
void key_doc_write(const struct key_doc *k, bool tells, struct json_out *o);

/* secret_make: a fresh one of so many random bytes, as hex in mem. */
struct secret secret_make(size_t bytes, struct arena *mem);

#endif
