/* SPDX-License-Identifier: MIT
 *
 * Signed URLs. Signatures are compared in a time that does not depend on where they differ. */
#include "edge/policy/signed_url.h"

#include "lib/base/digest.h"
#include "lib/base/mem.h"

#include <inttypes.h>

#define DIGITS          (2 * DIGEST_SHA256_BYTES)
#define TEXT_MAX_BYTES  (128 << 10)
#define SIGNINGS_BYTES  (16 << 20)
#define EXPIRES_NAME    "expires="
#define SIGNATURE_NAME  "signature="
#define SIGNATURE_BYTES (sizeof SIGNATURE_NAME - 1 + DIGITS)

struct signings *signings_create(size_t count)
{
    struct signings *s = mem_zalloc(sizeof *s);
    arena_init(&s->mem, SIGNINGS_BYTES);
    s->v = arena_zalloc(&s->mem, (count + 1) * sizeof *s->v);
    s->count = count;
    return s;
}

void signings_destroy(struct signings **ps)
{
    struct signings *s = *ps;
    *ps = NULL;
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->count; i++)
        for (size_t k = 0; k < s->v[i].count; k++)
            explicit_bzero((void *)(uintptr_t)s->v[i].secrets[k].p, s->v[i].secrets[k].n);
    arena_finish(&s->mem);
    mem_free(s);
}

const struct signing *signings_find(const struct signings *s, struct span name)
{
    for (size_t i = 0; s != NULL && i < s->count; i++)
        if (span_eq(s->v[i].name, name))
            return &s->v[i];
    return NULL;
}

/* What is signed: host, line feed, path, and the query up to the signature. */
static void write_text(const struct signed_target *t, struct span query, struct buf *out)
{
    for (size_t i = 0; i < t->host.n; i++) {
        char c = t->host.p[i];
        buf_add_char(out, c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c);
    }
    buf_add_char(out, '\n');
    buf_add_span(out, t->path);
    buf_add_char(out, '?');
    buf_add_span(out, query);
}

static bool is_signed(const struct signing *k, struct span text, const uint8_t *claimed)
{
    bool is_one = false;
    for (size_t i = 0; i < k->count; i++) {
        uint8_t mac[DIGEST_SHA256_BYTES];
        digest_hmac_sha256(k->secrets[i], text, mac);
        is_one |= digest_is_equal(span_make(mac, sizeof mac), span_make(claimed, sizeof mac));
    }
    return is_one;
}

/* The query's last parameter apart: what stands before it, without its '&'. */
static struct span take_last(struct span *query)
{
    size_t at = query->n;
    while (at > 0 && query->p[at - 1] != '&')
        at--;
    struct span last = span_skip(*query, at);
    *query = span_make(query->p, at > 0 ? at - 1 : 0);
    return last;
}

enum signed_verdict signed_url_open(const struct signing *k, const struct signed_target *t,
                                    sec_t now, struct span *rest)
{
    uint8_t claimed[DIGEST_SHA256_BYTES];
    uint64_t expires;
    struct span query = t->query;
    struct span last = take_last(&query), before = query;
    if (last.n != SIGNATURE_BYTES || !span_starts(last, SPAN(SIGNATURE_NAME)) ||
        !digest_unhex(span_skip(last, last.n - DIGITS), claimed, sizeof claimed))
        return SIGNED_NOT;
    struct span moment = take_last(&query);
    if (!span_starts(moment, SPAN(EXPIRES_NAME)) ||
        !span_u64(span_skip(moment, sizeof EXPIRES_NAME - 1), &expires))
        return SIGNED_NOT;
    struct buf text;
    buf_init(&text, TEXT_MAX_BYTES);
    write_text(t, before, &text);
    bool is_good = !buf_overflowed(&text) && is_signed(k, buf_span(&text), claimed);
    buf_finish(&text);
    *rest = query.n > 0 ? query : SPAN_NONE;
    if (!is_good)
        return SIGNED_WRONG;
    return expires > (uint64_t)now ? SIGNED_GOOD : SIGNED_EXPIRED;
}

struct span signed_url_query(const struct signing *k, const struct signed_target *t, sec_t expires,
                             struct arena *mem)
{
    uint8_t mac[DIGEST_SHA256_BYTES];
    char hex[DIGITS + 1];
    struct buf text;
    if (k->count == 0)
        return t->query;
    struct span query = arena_printf(mem, "%.*s%s" EXPIRES_NAME "%" PRId64, SPAN_FMT(t->query),
                                     t->query.n > 0 ? "&" : "", expires);
    buf_init(&text, TEXT_MAX_BYTES);
    write_text(t, query, &text);
    digest_hmac_sha256(k->secrets[0], buf_span(&text), mac);
    buf_finish(&text);
    digest_hex(mac, sizeof mac, hex);
    return arena_printf(mem, "%.*s&" SIGNATURE_NAME "%s", SPAN_FMT(query), hex);
}
