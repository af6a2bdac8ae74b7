/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_LIB_NET_CERTS_H
#define TESTS_UNIT_LIB_NET_CERTS_H

/* Certificates made for a test, in a folder of their own under /tmp. */
struct certs;
struct certs_spec {
    const char *file;       /* makes <dir>/<file>.crt and <dir>/<file>.key */
    const char *names;      /* subjectAltName: "DNS:a.example,IP:127.0.0.1"; NULL: an authority */
    const char *issuer;     /* file of an authority made before; NULL: signed by itself */
    int days_from, days_to; /* from today */
};

struct certs *certs_create(void);
void certs_make(struct certs *c, const struct certs_spec *spec);
void certs_write(struct certs *c, const char *name, const char *text);
/* certs_path: borrowed until certs_destroy. */
const char *certs_path(struct certs *c, const char *name);
void certs_destroy(struct certs *c); /* with all files */

#endif
