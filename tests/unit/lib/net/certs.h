/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_LIB_NET_CERTS_H
#define TESTS_UNIT_LIB_NET_CERTS_H

#include "lib/net/tls_identity.h"

/* Certificates made for a test, in a folder of their own under /tmp. */
struct certs;
struct certs_spec {
    const char *file;       /* makes <dir>/<file>.crt and <dir>/<file>.key */
    const char *names;      /* subjectAltName: "DNS:a.example,IP:127.0.0.1"; NULL: an authority */
    const char *issuer;     /* file of an authority made before; NULL: signed by itself */
    int days_from, days_to; /* from today */
};

struct certs *certs_create(void);
void certs_make(struct certs *c, const struct certs_spec *spec);     /* ECDSA P-256 */
void certs_make_rsa(struct certs *c, const struct certs_spec *spec); /* RSA 2048 */
/* certs_make_ocsp: <file>.ocsp, in which the issuer calls the certificate good until days_to. */
void certs_make_ocsp(struct certs *c, const struct certs_spec *spec);
void certs_write(struct certs *c, const char *name, const char *text);
/* certs_path: borrowed until certs_destroy. */
const char *certs_path(struct certs *c, const char *name);
/* certs_identity: of <file>.crt, .key and, where made, .ocsp; a reference. */
struct tls_identity *certs_identity(struct certs *c, const char *file);
/* certs_server: with one certificate; NULL for alpn and tickets is fine. */
struct tls_server *certs_server(struct certs *c, const char *file, const char *const *alpn);
void certs_destroy(struct certs *c); /* with all files */

#endif
