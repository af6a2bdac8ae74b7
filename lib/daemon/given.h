/* SPDX-License-Identifier: MIT */
#ifndef LIB_DAEMON_GIVEN_H
#define LIB_DAEMON_GIVEN_H

#include "lib/base/buf.h"
#include "lib/proto/secret_doc.h"

/* Certificates and keys of a configuration document, understood: each certificate fits its key, and
 * keys are what their use asks for. Control judges by the same reading before it takes a document.
 * Threads: one at a time. */
#define GIVEN_URL_SECRET_MIN_BYTES 16

struct given_certificate {
    char *name;
    struct tls_identity *identity;
};

/* Secrets that sign URLs, by the name that a site's `signed_by` says. */
struct given_key {
    char *name;
    struct buf *secrets; /* [count], bytes; the newest first */
    size_t count;
};

struct given {
    struct given_certificate *certificates;
    size_t certificate_count;
    struct given_key *keys;
    size_t key_count;
    struct buf tickets; /* keys of session tickets, one after the other; empty: none */
};

/* given_read: text: a whole document. 0 and *out, or ERR_SYNTAX, ERR_CERTIFICATE with a sentence in
 * why, that quotes no secret. */
MUST_USE int given_read(struct given **out, struct span text, struct buf *why);
void given_destroy(struct given **g); /* NULL is fine */
const struct given_key *given_key_named(const struct given *g, struct span name);

#endif
