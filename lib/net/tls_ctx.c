/* SPDX-License-Identifier: MIT
 * What TLS servers and clients have in common: the settings of OpenSSL 3, pairs of files, and its
 * faults in words. Threads: any. */
#include "lib/net/tls_ctx.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/net/tls_identity.h"
#include "lib/net/tls_inner.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

/* TLS 1.2: forward secrecy and authenticated encryption only. TLS 1.3 has no others. */
#define CIPHERS_TLS12 "ECDHE+AESGCM:ECDHE+CHACHA20"

/* What OpenSSL says of these means little to who mistyped the name of a file. */
static const char *plain_words(unsigned long code, const char *otherwise)
{
    int library = ERR_GET_LIB(code), reason = ERR_GET_REASON(code);
    if (code == 0 || (library == ERR_LIB_PEM && reason == PEM_R_NO_START_LINE) ||
        (library == ERR_LIB_OSSL_DECODER && reason == ERR_R_UNSUPPORTED) ||
        (library == ERR_LIB_X509 && reason == X509_R_NO_CERTIFICATE_OR_CRL_FOUND))
        return otherwise;
    if (library == ERR_LIB_X509 &&
        (reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH))
        return "does not belong to the certificate";
    if (ERR_SYSTEM_ERROR(code))
        return strerrordesc_np(reason);
    return NULL;
}

char *tls_error_text(const char *otherwise)
{
    const char *data = NULL;
    int flags = 0;
    char *text;
    unsigned long code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags);
    const char *words = plain_words(code, otherwise), *reason = ERR_reason_error_string(code);
    if (words != NULL || reason == NULL)
        text = mem_strdup(words != NULL ? words : otherwise);
    else if ((flags & ERR_TXT_STRING) && data != NULL && data[0] != '\0')
        text = mem_printf("%s (%s)", reason, data);
    else
        text = mem_strdup(reason);
    ERR_clear_error();
    return text;
}

int tls_refuse(struct buf *why, const char *file, const char *otherwise)
{
    char *text = tls_error_text(otherwise);
    buf_printf(why, "%s: %s\n", file, text);
    mem_free(text);
    return ERR_CERTIFICATE;
}

static bool has_kernel;

/* Asked once: each handshake would ask in vain, and as root make the kernel look for a module. A
 * socket that is not connected is refused for that alone where the kernel knows TLS. */
static void ask_kernel(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    has_kernel =
        setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", strlen("tls")) == 0 || errno == ENOTCONN;
    close(fd);
}

bool tls_has_kernel(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, ask_kernel);
    return has_kernel;
}

SSL_CTX *tls_context_create(const SSL_METHOD *method)
{
    SSL_CTX *c = SSL_CTX_new(method);
    CHECK(c != NULL);
    CHECK(SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) == 1);
    CHECK(SSL_CTX_set_cipher_list(c, CIPHERS_TLS12) == 1);
    SSL_CTX_set_options(c, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
#ifdef SSL_OP_ENABLE_KTLS
    SSL_CTX_set_options(c, SSL_OP_ENABLE_KTLS); /* keys go to the kernel or to tls_seal.c */
#endif
    SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(c, 1); /* a record with its head in one system call */
    return c;
}

/* Never asks on the terminal: a key under a password is one that cannot be used. */
static int no_password(char *out, int room, int is_writing, void *ctx)
{
    (void)out;
    (void)room;
    (void)is_writing;
    (void)ctx;
    return -1;
}

int tls_load_pair(SSL_CTX *c, const char *chain_file, const char *key_file, struct buf *why)
{
    ERR_clear_error();
    SSL_CTX_set_default_passwd_cb(c, no_password);
    if (SSL_CTX_use_certificate_chain_file(c, chain_file) != 1)
        return tls_refuse(why, chain_file, "no certificate in PEM");
    if (SSL_CTX_use_PrivateKey_file(c, key_file, SSL_FILETYPE_PEM) != 1)
        return tls_refuse(why, key_file, "no private key in PEM");
    if (SSL_CTX_check_private_key(c) != 1)
        return tls_refuse(why, key_file, "does not belong to the certificate");
    return 0;
}

/* What SSL_CTX_use_certificate_chain_file does, from memory. */
static bool use_chain(SSL_CTX *c, BIO *pem)
{
    X509 *one = PEM_read_bio_X509_AUX(pem, NULL, no_password, NULL);
    bool is_good = one != NULL && SSL_CTX_use_certificate(c, one) == 1;
    X509_free(one);
    while (is_good && (one = PEM_read_bio_X509(pem, NULL, no_password, NULL)) != NULL) {
        is_good = SSL_CTX_add0_chain_cert(c, one) == 1;
        if (!is_good)
            X509_free(one);
    }
    if (is_good && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
        ERR_clear_error(); /* the end of the text */
    return is_good && ERR_peek_error() == 0;
}

static bool use_key(SSL_CTX *c, BIO *pem)
{
    EVP_PKEY *key = PEM_read_bio_PrivateKey(pem, NULL, no_password, NULL);
    bool is_good = key != NULL && SSL_CTX_use_PrivateKey(c, key) == 1;
    EVP_PKEY_free(key);
    return is_good;
}

int tls_parse_pair(SSL_CTX *c, const struct tls_texts *texts, struct buf *why)
{
    int e = 0;
    BIO *chain = BIO_new_mem_buf(texts->chain.p, (int)texts->chain.n);
    BIO *key = BIO_new_mem_buf(texts->key.p, (int)texts->key.n);
    CHECK(chain != NULL && key != NULL);
    ERR_clear_error();
    if (!use_chain(c, chain))
        e = tls_refuse(why, texts->name, "chain: no certificate in PEM");
    else if (!use_key(c, key))
        e = tls_refuse(why, texts->name, "key: no private key in PEM");
    else if (SSL_CTX_check_private_key(c) != 1)
        e = tls_refuse(why, texts->name, "the key does not belong to the certificate");
    BIO_free(chain);
    BIO_free(key);
    return e;
}
