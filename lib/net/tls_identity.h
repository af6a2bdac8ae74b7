/* SPDX-License-Identifier: MIT */
#ifndef LIB_NET_TLS_IDENTITY_H
#define LIB_NET_TLS_IDENTITY_H

#include "lib/base/buf.h"
#include "lib/base/clock.h"

/* Who a server is: a certificate with its chain, its key, and the authority's word that it was not
 * revoked. Immutable and counted: any thread. */
struct tls_identity;
struct tls_pair {
    const char *chain_file, *key_file; /* PEM */
    const char *ocsp_file; /* DER, an OCSP response that is stapled while it is current; NULL or
                              "": none; a file that is not there is none either */
};

/* 0 and *out, or ERR_CERTIFICATE and in `why` which file and what is wrong (also a key that does
 * not fit its chain, and an OCSP response about something else). */
MUST_USE int tls_identity_load(struct tls_identity **out, const struct tls_pair *files,
                               struct buf *why);
/* tls_identity_parse: the same from memory, without an OCSP response; name stands for the files. */
struct tls_texts {
    const char *name;
    struct span chain, key; /* PEM */
};
MUST_USE int tls_identity_parse(struct tls_identity **out, const struct tls_texts *texts,
                                struct buf *why);
void tls_identity_ref(struct tls_identity *i);
void tls_identity_unref(struct tls_identity **i);
sec_t tls_identity_not_after(const struct tls_identity *i);
/* tls_identity_names: DNS names of the certificate, fn for each. */
void tls_identity_names(const struct tls_identity *i, void (*fn)(void *ctx, struct span name),
                        void *ctx);
bool tls_identity_has_staple(const struct tls_identity *i); /* current or not */

#endif
