/* SPDX-License-Identifier: MIT
 * Certificates and keys as JSON, with or without what must stay secret in them. */
#include "lib/proto/secret_doc.h"

#include "lib/base/err.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"
#include "lib/proto/site_doc.h"

#include <stdio.h>

#define DOCUMENT_MAX_BYTES (2 << 20) /* a whole configuration */

static const char *const uses[KEY_USES] = {[KEY_TICKETS] = "tickets", [KEY_URLS] = "urls"};

const char *key_use_name(enum key_use use)
{
    return uses[use];
}

static void set_digest(struct secret *s)
{
    uint8_t digest[DIGEST_SHA256_BYTES];
    digest_sha256(s->text, digest);
    digest_hex(digest, sizeof digest, s->sha256);
}

/* Text, or {"sha256": "64 digits"}. */
static struct secret read_secret(struct json_in *in, const struct json_t *v, const char *key,
                                 struct arena *mem)
{
    struct secret s = {.text = SPAN_NONE};
    uint8_t digest[DIGEST_SHA256_BYTES];
    if (json_in_kind(v) == JSON_KIND_TEXT) {
        s.text = arena_dup(mem, json_in_text_of(in, v, key, SECRET_TEXT_BYTES));
        if (s.text.n == 0)
            json_in_fault(in, key, "is empty or too long");
        set_digest(&s);
        return s;
    }
    struct span hex = json_in_kind(v) == JSON_KIND_OBJECT
                          ? json_in_text(in, v, "sha256", SECRET_DIGEST_DIGITS)
                          : SPAN_NONE;
    if (!digest_unhex(hex, digest, sizeof digest))
        json_in_fault(in, key, "is neither text nor the digest of one");
    else
        digest_hex(digest, sizeof digest, s.sha256);
    return s;
}

static struct span read_name(struct json_in *in, const struct json_t *o, struct span otherwise,
                             struct arena *mem)
{
    struct span name = json_in_text(in, o, "name", SITE_DOC_NAME_BYTES);
    name = name.p != NULL ? arena_dup(mem, name) : otherwise;
    if (!site_doc_name_is_valid(name))
        json_in_fault(in, "name", "must be 1 to 64 letters, digits, '.', '_' or '-'");
    return name;
}

static struct certificate_doc read_certificate(struct json_in *in, const struct json_t *o,
                                               struct span name, struct arena *mem)
{
    struct certificate_doc c = {.name = read_name(in, o, name, mem)};
    c.chain = arena_dup(mem, json_in_text(in, o, "chain", SECRET_CHAIN_MAX_BYTES));
    if (c.chain.n == 0)
        json_in_fault(in, "chain", "must be given");
    c.key = read_secret(in, json_in_member(o, "key"), "key", mem);
    return c;
}

static enum key_use read_use(struct json_in *in, const struct json_t *o)
{
    struct span use = json_in_text(in, o, "use", SITE_DOC_NAME_BYTES);
    for (int i = 0; i < KEY_USES; i++)
        if (span_eq(use, span_of(uses[i])))
            return (enum key_use)i;
    json_in_fault(in, "use", "must be tickets or urls");
    return KEY_TICKETS;
}

static struct key_doc read_key(struct json_in *in, const struct json_t *o, struct span name,
                               struct arena *mem)
{
    struct key_doc k = {.name = read_name(in, o, name, mem), .use = read_use(in, o)};
    const struct json_t *list = json_in_array(in, o, "secrets", SECRET_MAX_OF_A_KEY);
    k.count = json_in_count(list);
    k.secrets = arena_zalloc(mem, (k.count + 1) * sizeof *k.secrets);
    for (size_t i = 0; i < k.count; i++)
        k.secrets[i] = read_secret(in, json_in_at(list, i), "secrets", mem);
    return k;
}

/* The parser would quote what stands there. */
static int end_reading(struct json_in *in, int err, const struct arena *mem, struct buf *why)
{
    if (err == ERR_SYNTAX)
        snprintf(in->fault, sizeof in->fault, "is no JSON");
    return json_in_end(in, err, mem, why);
}

int certificate_doc_read(struct span text, struct span name, struct certificate_doc *out,
                         struct arena *mem, struct buf *why)
{
    struct json_in in;
    int err = json_in_parse(&in, text, SECRET_DOC_MAX_BYTES);
    if (err == 0)
        *out = read_certificate(&in, in.root, name, mem);
    return end_reading(&in, err, mem, why);
}

int key_doc_read(struct span text, struct span name, struct key_doc *out, struct arena *mem,
                 struct buf *why)
{
    struct json_in in;
    int err = json_in_parse(&in, text, SECRET_DOC_MAX_BYTES);
    if (err == 0)
        *out = read_key(&in, in.root, name, mem);
    return end_reading(&in, err, mem, why);
}

static void read_all(struct json_in *in, struct secret_docs *out, struct arena *mem)
{
    const struct json_t *list = json_in_array(in, in->root, "certificates", SECRET_MAX_DOCS);
    out->certificates = arena_zalloc(mem, (json_in_count(list) + 1) * sizeof *out->certificates);
    for (size_t i = 0; i < json_in_count(list) && !arena_overflowed(mem); i++)
        out->certificates[out->certificate_count++] =
            read_certificate(in, json_in_at(list, i), SPAN_NONE, mem);
    list = json_in_array(in, in->root, "keys", SECRET_MAX_DOCS);
    out->keys = arena_zalloc(mem, (json_in_count(list) + 1) * sizeof *out->keys);
    for (size_t i = 0; i < json_in_count(list) && !arena_overflowed(mem); i++)
        out->keys[out->key_count++] = read_key(in, json_in_at(list, i), SPAN_NONE, mem);
}

int secret_docs_read(struct span text, struct secret_docs *out, struct arena *mem, struct buf *why)
{
    struct json_in in;
    *out = (struct secret_docs){0};
    int err = json_in_parse(&in, text, DOCUMENT_MAX_BYTES);
    if (err == 0)
        read_all(&in, out, mem);
    return end_reading(&in, err, mem, why);
}

/* ---- writing ---- */

static void write_secret(const struct secret *s, bool tells, const char *key, struct json_out *o)
{
    if (tells && s->text.p != NULL) {
        json_out_text(o, key, s->text);
        return;
    }
    json_out_object(o, key);
    json_out_text(o, "sha256", span_of(s->sha256));
    json_out_end_object(o);
}

void certificate_doc_write(const struct certificate_doc *c, bool tells, struct json_out *o)
{
    json_out_object(o, NULL);
    json_out_text(o, "name", c->name);
    json_out_text(o, "chain", c->chain);
    write_secret(&c->key, tells, "key", o);
    json_out_end_object(o);
}

void key_doc_write(const struct key_doc *k, bool tells, struct json_out *o)
{
    json_out_object(o, NULL);
    json_out_text(o, "name", k->name);
    json_out_text(o, "use", span_of(uses[k->use]));
    json_out_array(o, "secrets");
    for (size_t i = 0; i < k->count; i++)
        write_secret(&k->secrets[i], tells, NULL, o);
    json_out_end_array(o);
    json_out_end_object(o);
}

struct secret secret_make(size_t bytes, struct arena *mem)
{
    struct secret s;
    uint8_t *raw = arena_alloc(mem, bytes);
    char *hex = arena_bytes(mem, 2 * bytes + 1);
    digest_random(raw, bytes);
    digest_hex(raw, bytes, hex);
    s.text = span_make(hex, 2 * bytes);
    set_digest(&s);
    return s;
}
