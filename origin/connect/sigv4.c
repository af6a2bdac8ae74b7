/* SPDX-License-Identifier: MIT
 *
 * AWS Signature Version 4: a canonical form of the request, the text to sign, a key for the day,
 * the signature. Pure. */
#include "origin/connect/sigv4.h"

#include "lib/base/digest.h"

#include <stdlib.h>
#include <time.h>

#define HEX_BYTES (2 * (size_t)DIGEST_SHA256_BYTES)
#define ALGORITHM "AWS4-HMAC-SHA256"

/* What is signed, piece by piece. */
struct form {
    const struct sigv4_key *key;
    struct arena *mem;
    struct span date, scope;
    struct sigv4_pair fields[SIGV4_PAIRS_MAX], query[SIGV4_PAIRS_MAX]; /* sorted; query encoded */
    size_t fields_count, query_count;
    struct span names; /* of the fields, "a;b;c" */
};

static bool is_unreserved(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static struct span encode(struct span raw, bool keeps_slash, struct arena *mem)
{
    static const char hex[] = "0123456789ABCDEF";
    char *to = arena_bytes(mem, 3 * raw.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < raw.n; i++) {
        char c = raw.p[i];
        if (is_unreserved(c) || (c == '/' && keeps_slash)) {
            to[n++] = c;
            continue;
        }
        to[n++] = '%';
        to[n++] = hex[(unsigned char)c >> 4];
        to[n++] = hex[(unsigned char)c & 15];
    }
    return span_make(to, n);
}

struct span sigv4_encode(struct span raw, struct arena *mem)
{
    return encode(raw, false, mem);
}

struct span sigv4_encode_path(struct span raw, struct arena *mem)
{
    return encode(raw, true, mem);
}

static int by_name(const void *a, const void *b)
{
    const struct sigv4_pair *x = a, *y = b;
    int c = span_cmp(x->name, y->name);
    return c != 0 ? c : span_cmp(x->value, y->value);
}

static void add_field(struct form *f, struct span name, struct span value)
{
    CHECK(f->fields_count < SIGV4_PAIRS_MAX);
    f->fields[f->fields_count++] = (struct sigv4_pair){name, span_trim(value)};
}

static void add_query(struct form *f, struct span name, struct span value)
{
    CHECK(f->query_count < SIGV4_PAIRS_MAX);
    f->query[f->query_count++] =
        (struct sigv4_pair){sigv4_encode(name, f->mem), sigv4_encode(value, f->mem)};
}

static void form_init(struct form *f, const struct sigv4_key *key, sec_t now, struct arena *mem)
{
    time_t at = (time_t)now;
    struct tm tm;
    CHECK(gmtime_r(&at, &tm) != NULL);
    char *date = arena_bytes(mem, SIGV4_DATE_BYTES + 1);
    CHECK(strftime(date, SIGV4_DATE_BYTES + 1, "%Y%m%dT%H%M%SZ", &tm) == SIGV4_DATE_BYTES);
    f->key = key;
    f->mem = mem;
    f->date = span_make(date, SIGV4_DATE_BYTES);
    f->scope = arena_printf(mem, "%.8s/%.*s/s3/aws4_request", date, SPAN_FMT(key->region));
}

static void add_given(struct form *f, const struct sigv4_request *r)
{
    add_field(f, SPAN("host"), r->host);
    for (size_t i = 0; i < r->fields_count; i++)
        add_field(f, r->fields[i].name, r->fields[i].value);
    for (size_t i = 0; i < r->query_count; i++)
        add_query(f, r->query[i].name, r->query[i].value);
}

static void close_fields(struct form *f)
{
    qsort(f->fields, f->fields_count, sizeof f->fields[0], by_name);
    struct span names = SPAN("");
    for (size_t i = 0; i < f->fields_count; i++)
        names = arena_printf(f->mem, "%.*s%s%.*s", SPAN_FMT(names), i > 0 ? ";" : "",
                             SPAN_FMT(f->fields[i].name));
    f->names = names;
}

static struct span query_text(struct form *f)
{
    qsort(f->query, f->query_count, sizeof f->query[0], by_name);
    struct span text = SPAN("");
    for (size_t i = 0; i < f->query_count; i++)
        text = arena_printf(f->mem, "%.*s%s%.*s=%.*s", SPAN_FMT(text), i > 0 ? "&" : "",
                            SPAN_FMT(f->query[i].name), SPAN_FMT(f->query[i].value));
    return text;
}

static void mac(struct span key, struct span text, uint8_t out[DIGEST_SHA256_BYTES])
{
    digest_hmac_sha256(key, text, out);
}

static struct span hex_of(const uint8_t *bytes, struct arena *mem)
{
    char *hex = arena_bytes(mem, HEX_BYTES + 1);
    digest_hex(bytes, DIGEST_SHA256_BYTES, hex);
    return span_make(hex, HEX_BYTES);
}

static struct span signature_of(struct form *f, struct span canonical)
{
    uint8_t a[DIGEST_SHA256_BYTES], b[DIGEST_SHA256_BYTES];
    digest_sha256(canonical, a);
    struct span text = arena_printf(f->mem, ALGORITHM "\n%.*s\n%.*s\n%.*s", SPAN_FMT(f->date),
                                    SPAN_FMT(f->scope), SPAN_FMT(hex_of(a, f->mem)));
    struct span secret = arena_printf(f->mem, "AWS4%.*s", SPAN_FMT(f->key->secret));
    mac(secret, span_make(f->date.p, 8), a);
    mac(span_make(a, sizeof a), f->key->region, b);
    mac(span_make(b, sizeof b), SPAN("s3"), a);
    mac(span_make(a, sizeof a), SPAN("aws4_request"), b);
    mac(span_make(b, sizeof b), text, a);
    return hex_of(a, f->mem);
}

static struct span canonical_of(struct form *f, const struct sigv4_request *r, struct span query,
                                struct span payload_hash)
{
    struct span fields = SPAN("");
    for (size_t i = 0; i < f->fields_count; i++)
        fields = arena_printf(f->mem, "%.*s%.*s:%.*s\n", SPAN_FMT(fields),
                              SPAN_FMT(f->fields[i].name), SPAN_FMT(f->fields[i].value));
    return arena_printf(f->mem, "%.*s\n%.*s\n%.*s\n%.*s\n%.*s\n%.*s", SPAN_FMT(r->method),
                        SPAN_FMT(r->path), SPAN_FMT(query), SPAN_FMT(fields), SPAN_FMT(f->names),
                        SPAN_FMT(payload_hash));
}

void sigv4_sign(const struct sigv4_key *key, const struct sigv4_request *r, sec_t now,
                struct arena *mem, struct sigv4_signed *out)
{
    struct form f = {.fields_count = 0};
    form_init(&f, key, now, mem);
    add_given(&f, r);
    add_field(&f, SPAN("x-amz-date"), f.date);
    add_field(&f, SPAN("x-amz-content-sha256"), r->payload_hash);
    if (key->session_token.n > 0)
        add_field(&f, SPAN("x-amz-security-token"), key->session_token);
    close_fields(&f);
    struct span query = query_text(&f);
    struct span signature = signature_of(&f, canonical_of(&f, r, query, r->payload_hash));
    out->date = f.date;
    out->query = f.query_count > 0 ? query : SPAN_NONE;
    out->authorization = arena_printf(
        mem, ALGORITHM " Credential=%.*s/%.*s,SignedHeaders=%.*s,Signature=%.*s",
        SPAN_FMT(key->access_key), SPAN_FMT(f.scope), SPAN_FMT(f.names), SPAN_FMT(signature));
}
