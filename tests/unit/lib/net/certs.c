/* SPDX-License-Identifier: MIT */
#include "tests/unit/lib/net/certs.h"

#include "lib/base/check.h"
#include "lib/base/mem.h"
#include "lib/net/tls_ctx.h"

#include <openssl/ec.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
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

static void read_pair(struct certs *c, const char *file, X509 **cert, EVP_PKEY **key)
{
    FILE *f = open_part(c, file, ".crt", "re");
    *cert = PEM_read_X509(f, NULL, NULL, NULL);
    fclose(f);
    f = open_part(c, file, ".key", "re");
    *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    fclose(f);
    CHECK(*cert != NULL && *key != NULL);
}

static void make(struct certs *c, const struct certs_spec *spec, EVP_PKEY *key)
{
    EVP_PKEY *issuer_key = key;
    X509 *cert = unsigned_cert(c, spec, key), *issuer = cert;
    if (spec->issuer != NULL)
        read_pair(c, spec->issuer, &issuer, &issuer_key);
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

void certs_make(struct certs *c, const struct certs_spec *spec)
{
    make(c, spec, EVP_EC_gen("P-256"));
}

void certs_make_rsa(struct certs *c, const struct certs_spec *spec)
{
    make(c, spec, EVP_RSA_gen(2048U));
}

void certs_make_ocsp(struct certs *c, const struct certs_spec *spec)
{
    X509 *cert, *issuer;
    EVP_PKEY *key, *issuer_key;
    read_pair(c, spec->file, &cert, &key);
    read_pair(c, spec->issuer, &issuer, &issuer_key);
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), cert, issuer);
    ASN1_TIME *from = X509_gmtime_adj(NULL, 86400L * spec->days_from);
    ASN1_TIME *to = X509_gmtime_adj(NULL, 86400L * spec->days_to);
    CHECK(OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_GOOD, 0, NULL, from, to) != NULL);
    CHECK(OCSP_basic_sign(basic, issuer, issuer_key, EVP_sha256(), NULL, 0) == 1);
    OCSP_RESPONSE *r = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    FILE *f = open_part(c, spec->file, ".ocsp", "we");
    unsigned char *der = NULL;
    int n = i2d_OCSP_RESPONSE(r, &der);
    CHECK(n > 0 && fwrite(der, (size_t)n, 1, f) == 1 && fclose(f) == 0);
    OPENSSL_free(der);
    OCSP_RESPONSE_free(r);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    X509_free(cert);
    X509_free(issuer);
    EVP_PKEY_free(key);
    EVP_PKEY_free(issuer_key);
}

struct tls_identity *certs_identity(struct certs *c, const char *file)
{
    struct tls_identity *out;
    struct buf why;
    char *chain = mem_printf("%s.crt", file), *key = mem_printf("%s.key", file);
    char *ocsp = mem_printf("%s.ocsp", file);
    struct tls_pair pair = {certs_path(c, chain), certs_path(c, key), certs_path(c, ocsp)};
    buf_init(&why, 1000);
    CHECK(tls_identity_load(&out, &pair, &why) == 0);
    buf_finish(&why);
    mem_free(chain);
    mem_free(key);
    mem_free(ocsp);
    return out;
}

struct tls_server *certs_server(struct certs *c, const char *file, const char *const *alpn)
{
    struct tls_identity *i = certs_identity(c, file);
    struct tls_server_spec spec = {.identities = &i, .count = 1, .alpn = alpn};
    struct tls_server *t = tls_server_create(&spec);
    tls_identity_unref(&i);
    return t;
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
