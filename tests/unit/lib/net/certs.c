/* SPDX-License-Identifier: MIT */
#include "tests/unit/lib/net/certs.h"

#include "lib/base/check.h"
#include "lib/base/mem.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATHS_MAX = 64 };

struct certs {
    char dir[32];
    char *paths[PATHS_MAX];
    int count;
    long serial;
};

struct certs *certs_create(void)
{
    struct certs *c = mem_zalloc(sizeof(*c));
    snprintf(c->dir, sizeof(c->dir), "/tmp/byeori-certs-XXXXXX");
    CHECK(mkdtemp(c->dir) != NULL);
    return c;
}

const char *certs_path(struct certs *c, const char *name)
{
    char *path = mem_printf("%s/%s", c->dir, name);
    for (int i = 0; i < c->count; i++) {
        if (strcmp(c->paths[i], path) == 0) {
            mem_free(path);
            return c->paths[i];
        }
    }
    CHECK(c->count < PATHS_MAX);
    return c->paths[c->count++] = path;
}

void certs_write(struct certs *c, const char *name, const char *text)
{
    FILE *f = fopen(certs_path(c, name), "we");
    CHECK(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static FILE *open_part(struct certs *c, const char *file, const char *suffix, const char *mode)
{
    char *name = mem_printf("%s%s", file, suffix);
    FILE *f = fopen(certs_path(c, name), mode);
    mem_free(name);
    CHECK(f != NULL);
    return f;
}

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    CHECK(e != NULL && X509_add_ext(cert, e, -1) == 1);
    X509_EXTENSION_free(e);
}

static X509 *unsigned_cert(struct certs *c, const struct certs_spec *spec, EVP_PKEY *key)
{
    X509 *cert = X509_new();
    CHECK(X509_set_version(cert, X509_VERSION_3) == 1);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++c->serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), 86400L * spec->days_from);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400L * spec->days_to);
    X509_set_pubkey(cert, key);
    CHECK(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                                     (const unsigned char *)spec->file, -1, -1, 0) == 1);
    if (spec->names != NULL)
        add_extension(cert, NID_subject_alt_name, spec->names);
    else
        add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
    return cert;
}

void certs_make(struct certs *c, const struct certs_spec *spec)
{
    EVP_PKEY *key = EVP_EC_gen("P-256"), *issuer_key = key;
    X509 *cert = unsigned_cert(c, spec, key), *issuer = cert;
    if (spec->issuer != NULL) {
        FILE *f = open_part(c, spec->issuer, ".crt", "re");
        issuer = PEM_read_X509(f, NULL, NULL, NULL);
        fclose(f);
        f = open_part(c, spec->issuer, ".key", "re");
        issuer_key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
        fclose(f);
        CHECK(issuer != NULL && issuer_key != NULL);
    }
    CHECK(X509_set_issuer_name(cert, X509_get_subject_name(issuer)) == 1);
    CHECK(X509_sign(cert, issuer_key, EVP_sha256()) > 0);
    FILE *f = open_part(c, spec->file, ".crt", "we");
    CHECK(PEM_write_X509(f, cert) == 1 && fclose(f) == 0);
    f = open_part(c, spec->file, ".key", "we");
    CHECK(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1 && fclose(f) == 0);
    if (issuer != cert) {
        X509_free(issuer);
        EVP_PKEY_free(issuer_key);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
}

void certs_destroy(struct certs *c)
{
    for (int i = 0; i < c->count; i++) {
        unlink(c->paths[i]);
        mem_free(c->paths[i]);
    }
    rmdir(c->dir);
    mem_free(c);
}
