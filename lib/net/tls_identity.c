/* SPDX-License-Identifier: MIT
 * Certificates, keys and OCSP responses from their files. What is loaded has been checked to fit
 * together; who it is shown to is tls_server.c's. Threads: any. */
#include "lib/net/tls_identity.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/net/tls_inner.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <time.h>
#include <unistd.h>

static sec_t seconds_of(const ASN1_TIME *at)
{
    struct tm tm;
    return ASN1_TIME_to_tm(at, &tm) == 1 ? (sec_t)timegm(&tm) : 0;
}

static OCSP_RESPONSE *read_response(const char *file)
{
    BIO *b = BIO_new_file(file, "rb");
    OCSP_RESPONSE *r = b != NULL ? d2i_OCSP_RESPONSE_bio(b, NULL) : NULL;
    BIO_free(b);
    return r;
}

static bool is_same_id(const OCSP_CERTID *id, const ASN1_OBJECT *digest, X509 *leaf, X509 *issuer)
{
    const EVP_MD *md = EVP_get_digestbyobj(digest);
    OCSP_CERTID *ours = md != NULL ? OCSP_cert_to_id(md, leaf, issuer) : NULL;
    bool is_same = ours != NULL && OCSP_id_cmp(ours, id) == 0;
    OCSP_CERTID_free(ours);
    return is_same;
}

/* The word about i's certificate: whether there is one that it is good, and until when. Who signed
 * it is left to the client to verify, as it must be anyway. */
static bool is_said_good(const struct tls_identity *i, OCSP_BASICRESP *basic, sec_t *until)
{
    X509 *issuer = i->chain != NULL ? sk_X509_value(i->chain, 0) : NULL;
    const ASN1_INTEGER *serial = X509_get0_serialNumber(i->leaf);
    for (int at = 0; at < OCSP_resp_count(basic); at++) {
        OCSP_SINGLERESP *single = OCSP_resp_get0(basic, at);
        const OCSP_CERTID *id = OCSP_SINGLERESP_get0_id(single);
        ASN1_INTEGER *said;
        ASN1_GENERALIZEDTIME *next = NULL;
        ASN1_OBJECT *digest;
        OCSP_id_get0_info(NULL, &digest, NULL, &said, (OCSP_CERTID *)(uintptr_t)id);
        if (ASN1_INTEGER_cmp(said, serial) != 0)
            continue;
        if (issuer != NULL && !is_same_id(id, digest, i->leaf, issuer))
            continue;
        int status = OCSP_single_get0_status(single, NULL, NULL, NULL, &next);
        *until = next != NULL ? seconds_of(next) : INT64_MAX;
        return status == V_OCSP_CERTSTATUS_GOOD;
    }
    return false;
}

static int load_staple(struct tls_identity *i, const char *file, struct buf *why)
{
    if (file == NULL || file[0] == '\0' || (access(file, F_OK) != 0 && errno == ENOENT))
        return 0;
    ERR_clear_error();
    OCSP_RESPONSE *r = read_response(file);
    if (r == NULL)
        return tls_refuse(why, file, "no OCSP response in DER");
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(r);
    if (basic != NULL && is_said_good(i, basic, &i->staple_until))
        i->staple_bytes = i2d_OCSP_RESPONSE(r, &i->staple);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(r);
    ERR_clear_error();
    if (i->staple_bytes > 0)
        return 0;
    buf_printf(why, "%s: does not say that the certificate is good\n", file);
    return ERR_CERTIFICATE;
}

static struct tls_identity *identity_of(SSL_CTX *c)
{
    struct tls_identity *i = mem_zalloc(sizeof(*i));
    STACK_OF(X509) *chain = NULL;
    i->refs = 1;
    SSL_CTX_get0_chain_certs(c, &chain);
    i->leaf = SSL_CTX_get0_certificate(c);
    i->key = SSL_CTX_get0_privatekey(c);
    i->chain = chain != NULL ? X509_chain_up_ref(chain) : NULL;
    CHECK(X509_up_ref(i->leaf) == 1 && EVP_PKEY_up_ref(i->key) == 1);
    bool is_rsa = EVP_PKEY_is_a(i->key, "RSA") || EVP_PKEY_is_a(i->key, "RSA-PSS");
    i->kind = is_rsa ? TLS_KEY_RSA : TLS_KEY_ECDSA;
    i->not_after = seconds_of(X509_get0_notAfter(i->leaf));
    return i;
}

int tls_identity_load(struct tls_identity **out, const struct tls_pair *files, struct buf *why)
{
    SSL_CTX *c = tls_context_create(TLS_server_method()); /* OpenSSL checks best what it uses */
    *out = NULL;
    int e = tls_load_pair(c, files->chain_file, files->key_file, why);
    if (e == 0) {
        *out = identity_of(c);
        e = load_staple(*out, files->ocsp_file, why);
    }
    SSL_CTX_free(c);
    if (e != 0)
        tls_identity_unref(out);
    return e;
}

int tls_identity_parse(struct tls_identity **out, const struct tls_texts *texts, struct buf *why)
{
    SSL_CTX *c = tls_context_create(TLS_server_method());
    *out = NULL;
    int e = tls_parse_pair(c, texts, why);
    if (e == 0)
        *out = identity_of(c);
    SSL_CTX_free(c);
    return e;
}

void tls_identity_ref(struct tls_identity *i)
{
    CHECK(i->refs++ > 0);
}

void tls_identity_unref(struct tls_identity **pi)
{
    struct tls_identity *i = *pi;
    *pi = NULL;
    if (i == NULL || --i->refs > 0)
        return;
    X509_free(i->leaf);
    sk_X509_pop_free(i->chain, X509_free);
    EVP_PKEY_free(i->key);
    OPENSSL_free(i->staple);
    mem_free(i);
}

sec_t tls_identity_not_after(const struct tls_identity *i)
{
    return i->not_after;
}

void tls_identity_names(const struct tls_identity *i, void (*fn)(void *ctx, struct span name),
                        void *ctx)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(i->leaf, NID_subject_alt_name, NULL, NULL);
    for (int at = 0; at < sk_GENERAL_NAME_num(names); at++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, at);
        if (g->type == GEN_DNS)
            fn(ctx, span_make(ASN1_STRING_get0_data(g->d.dNSName),
                              (size_t)ASN1_STRING_length(g->d.dNSName)));
    }
    GENERAL_NAMES_free(names);
}

bool tls_identity_has_staple(const struct tls_identity *i)
{
    return i->staple != NULL;
}
