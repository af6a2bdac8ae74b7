/* SPDX-License-Identifier: MIT
 * From a document's texts to what OpenSSL and HMAC take. Secrets are wiped when it goes. */
#include "lib/daemon/given.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/net/tls_identity.h"
#include "lib/net/tls_tickets.h"

#define DECODE_BYTES (16 << 20)

static void wipe(struct buf *b)
{
    if (b->cap > 0)
        explicit_bzero(b->p, b->cap);
    buf_finish(b);
}

void given_destroy(struct given **pg)
{
    struct given *g = *pg;
    *pg = NULL;
    if (g == NULL)
        return;
    for (size_t i = 0; i < g->certificate_count; i++) {
        mem_free(g->certificates[i].name);
        tls_identity_unref(&g->certificates[i].identity);
    }
    for (size_t i = 0; i < g->key_count; i++) {
        for (size_t k = 0; k < g->keys[i].count; k++)
            wipe(&g->keys[i].secrets[k]);
        mem_free(g->keys[i].secrets);
        mem_free(g->keys[i].name);
    }
    mem_free(g->certificates);
    mem_free(g->keys);
    wipe(&g->tickets);
    mem_free(g);
}

const struct given_key *given_key_named(const struct given *g, struct span name)
{
    for (size_t i = 0; g != NULL && i < g->key_count; i++)
        if (span_eq(span_of(g->keys[i].name), name))
            return &g->keys[i];
    return NULL;
}

static int kept_back(const char *kind, struct span name, struct buf *why)
{
    buf_printf(why, "%s %.*s: its secret was kept back: control tells secrets only over TLS", kind,
               SPAN_FMT(name));
    return ERR_CERTIFICATE;
}

static int read_certificate(const struct certificate_doc *c, struct given_certificate *out,
                            struct buf *why)
{
    struct buf fault;
    if (c->key.text.p == NULL)
        return kept_back("certificate", c->name, why);
    buf_init(&fault, 1024);
    out->name = mem_printf("%.*s", SPAN_FMT(c->name));
    struct tls_texts texts = {.name = out->name, .chain = c->chain, .key = c->key.text};
    int err = tls_identity_parse(&out->identity, &texts, &fault);
    if (err != 0)
        buf_printf(why, "certificate %.*s", SPAN_FMT(span_trim(buf_span(&fault))));
    buf_finish(&fault);
    return err;
}

/* The bytes of one secret at the end of out. */
static int add_bytes(const struct key_doc *k, const struct secret *s, size_t min_bytes,
                     struct buf *out, struct buf *why)
{
    if (s->text.p == NULL)
        return kept_back("key", k->name, why);
    size_t bytes = s->text.n / 2;
    uint8_t *room = (uint8_t *)buf_room(out, bytes + 1);
    if (bytes < min_bytes || room == NULL || !digest_unhex(s->text, room, bytes)) {
        buf_printf(why, "key %.*s: a secret is not hex digits of %zu bytes%s", SPAN_FMT(k->name),
                   min_bytes, k->use == KEY_TICKETS ? "" : " or more");
        return ERR_CERTIFICATE;
    }
    buf_filled(out, bytes);
    return 0;
}

static int check_count(const struct key_doc *k, struct buf *why)
{
    if (k->count > 0)
        return 0;
    buf_printf(why, "key %.*s: has no secret", SPAN_FMT(k->name));
    return ERR_CERTIFICATE;
}

static int read_tickets(const struct key_doc *k, struct given *g, struct buf *why)
{
    int err = 0;
    if (g->tickets.n > 0) {
        buf_printf(why, "key %.*s: another one is used for tickets", SPAN_FMT(k->name));
        return ERR_CERTIFICATE;
    }
    for (size_t i = 0; err == 0 && i < k->count; i++) {
        err = add_bytes(k, &k->secrets[i], TLS_TICKET_KEY_BYTES, &g->tickets, why);
        if (err == 0 && g->tickets.n != (i + 1) * TLS_TICKET_KEY_BYTES) {
            buf_printf(why, "key %.*s: a secret for tickets has %d bytes", SPAN_FMT(k->name),
                       TLS_TICKET_KEY_BYTES);
            err = ERR_CERTIFICATE;
        }
    }
    return err;
}

static int read_url_key(const struct key_doc *k, struct given *g, struct buf *why)
{
    struct given_key *key = &g->keys[g->key_count++];
    int err = 0;
    key->name = mem_printf("%.*s", SPAN_FMT(k->name));
    key->secrets = mem_zarray(k->count + 1, sizeof *key->secrets);
    for (size_t i = 0; err == 0 && i < k->count; i++) {
        buf_init(&key->secrets[key->count], SECRET_TEXT_BYTES);
        err = add_bytes(k, &k->secrets[i], GIVEN_URL_SECRET_MIN_BYTES, &key->secrets[key->count++],
                        why);
    }
    return err;
}

static int read_docs(const struct secret_docs *docs, struct given *g, struct buf *why)
{
    int err = 0;
    g->certificates = mem_zarray(docs->certificate_count + 1, sizeof *g->certificates);
    g->keys = mem_zarray(docs->key_count + 1, sizeof *g->keys);
    buf_init(&g->tickets, TLS_TICKET_KEYS_MAX * TLS_TICKET_KEY_BYTES + 1);
    for (size_t i = 0; err == 0 && i < docs->certificate_count; i++)
        err =
            read_certificate(&docs->certificates[i], &g->certificates[g->certificate_count++], why);
    for (size_t i = 0; err == 0 && i < docs->key_count; i++)
        err = check_count(&docs->keys[i], why);
    for (size_t i = 0; err == 0 && i < docs->key_count; i++)
        err = docs->keys[i].use == KEY_TICKETS ? read_tickets(&docs->keys[i], g, why)
                                               : read_url_key(&docs->keys[i], g, why);
    return err;
}

int given_read(struct given **out, struct span text, struct buf *why)
{
    struct secret_docs docs;
    struct arena mem;
    *out = mem_zalloc(sizeof **out);
    arena_init(&mem, DECODE_BYTES);
    int err = secret_docs_read(text, &docs, &mem, why);
    if (err == 0)
        err = read_docs(&docs, *out, why);
    arena_finish(&mem);
    if (err != 0)
        given_destroy(out);
    return err;
}
