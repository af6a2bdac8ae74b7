/* SPDX-License-Identifier: MIT
 * Secrets by digest, and from which version on nobody needs one any more. */
#include "control/access/secrets.h"

#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"

#define FACT_BYTES     (4 * SECRET_TEXT_BYTES)
#define DOCUMENT_BYTES (2 << 20)
#define READ_BYTES     (16 << 20)

struct kept {
    char sha256[SECRET_DIGEST_DIGITS + 1];
    char *text;
    size_t bytes;
    uint64_t gone_at; /* the first version that did not name it; 0: the newest names it */
    uint64_t next;    /* gone_at as secrets_plan found it */
    bool is_stale;    /* the state has it as it is, or by another key than the newest */
};

struct secrets {
    struct seal_keys *keys; /* NULL: the state has them as they are */
    struct kept **v;
    size_t count;
    struct map *by_digest;
};

struct secrets *secrets_create(struct seal_keys *keys)
{
    struct secrets *s = mem_zalloc(sizeof *s);
    s->keys = keys;
    s->by_digest = map_create();
    return s;
}

static void free_kept(struct kept *k)
{
    explicit_bzero(k->text, k->bytes);
    mem_free(k->text);
    mem_free(k);
}

void secrets_destroy(struct secrets **ps)
{
    struct secrets *s = *ps;
    *ps = NULL;
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->count; i++)
        free_kept(s->v[i]);
    mem_free(s->v);
    map_destroy(s->by_digest);
    seal_keys_destroy(&s->keys);
    mem_free(s);
}

/* NULL: it was there already. */
static struct kept *add(struct secrets *s, const struct secret *from, uint64_t gone_at)
{
    if (map_get(s->by_digest, span_of(from->sha256)) != NULL)
        return NULL;
    struct kept *k = mem_zalloc(sizeof *k);
    memcpy(k->sha256, from->sha256, sizeof k->sha256);
    k->text = mem_strndup(from->text.p, from->text.n);
    k->bytes = from->text.n;
    k->gone_at = k->next = gone_at;
    s->v = mem_grow(s->v, s->count + 1, sizeof(struct kept *));
    s->v[s->count++] = k;
    map_put(s->by_digest, span_of(k->sha256), k);
    return k;
}

/* ---- facts ---- */

static void write_sealed(const struct seal_keys *keys, struct span about, struct span text,
                         struct json_out *o)
{
    struct buf hex;
    buf_init(&hex, FACT_BYTES);
    seal_make(keys, about, text, &hex);
    json_out_text(o, "key", seal_id(keys));
    json_out_text(o, "sealed", buf_span(&hex));
    buf_finish(&hex);
}

static struct state_change change_of(const struct secrets *s, const struct secret *one,
                                     uint64_t gone_at, struct arena *mem)
{
    struct json_out o;
    struct buf fact;
    buf_init(&fact, FACT_BYTES);
    json_out_begin(&o, &fact);
    json_out_object(&o, NULL);
    if (s->keys != NULL)
        write_sealed(s->keys, span_of(one->sha256), one->text, &o);
    else
        json_out_text(&o, "text", one->text);
    json_out_u64(&o, "gone_at", gone_at);
    json_out_end_object(&o);
    struct state_change c = {STATE_SECRET, arena_dup(mem, span_of(one->sha256)),
                             arena_dup(mem, buf_span(&fact))};
    explicit_bzero(fact.p, fact.n);
    buf_finish(&fact);
    return c;
}

static struct state_change change_of_kept(const struct secrets *s, const struct kept *k,
                                          uint64_t gone_at, struct arena *mem)
{
    struct secret one = {.text = span_make(k->text, k->bytes)};
    memcpy(one.sha256, k->sha256, sizeof one.sha256);
    return change_of(s, &one, gone_at, mem);
}

struct loading {
    struct secrets *secrets;
    struct buf *why;
    int err;
};

/* The text of a fact, into text where it is sealed. 0, ERR_CORRUPT, ERR_NOT_FOUND. */
static int read_text(struct loading *l, struct json_in *in, struct secret *one, struct buf *text)
{
    const struct seal_keys *keys = l->secrets->keys;
    struct sealed sealed = {json_in_text(in, in->root, "key", SEAL_ID_DIGITS), span_of(one->sha256),
                            json_in_text(in, in->root, "sealed", FACT_BYTES)};
    one->text = json_in_text(in, in->root, "text", SECRET_TEXT_BYTES);
    if (sealed.hex.n > 0) {
        int err = seal_open(keys, &sealed, text);
        if (err == ERR_NOT_FOUND)
            buf_printf(l->why,
                       "secret_key_file: the state's secrets are sealed with key %.*s, %s: ",
                       SPAN_FMT(sealed.key_id),
                       keys == NULL ? "and no file is named" : "which is not in the file");
        if (err != 0)
            return err;
        one->text = buf_span(text);
    }
    return one->text.n > 0 ? 0 : ERR_CORRUPT;
}

static bool on_fact(void *ctx, struct span key, struct span value)
{
    struct loading *l = ctx;
    struct json_in in;
    struct secret one = {.text = SPAN_NONE};
    struct buf text;
    buf_init(&text, SECRET_TEXT_BYTES);
    int err = json_in_parse(&in, value, FACT_BYTES);
    if (err == 0 && key.n == SECRET_DIGEST_DIGITS) {
        memcpy(one.sha256, key.p, key.n);
        err = read_text(l, &in, &one, &text);
    }
    if (err == ERR_NOT_FOUND) {
        l->err = ERR_DENIED;
    } else if (err != 0 || one.text.n == 0) {
        LOG_WARN("state-secret-damaged", "sha256=%.*s", SPAN_FMT(key));
    } else {
        struct kept *k = add(l->secrets, &one, json_in_u64(&in, in.root, "gone_at", 0));
        struct span by = json_in_text(&in, in.root, "key", SEAL_ID_DIGITS);
        CHECK(k != NULL); /* keys of facts differ */
        k->is_stale = l->secrets->keys != NULL && !span_eq(by, seal_id(l->secrets->keys));
    }
    if (text.n > 0)
        explicit_bzero(text.p, text.n);
    buf_finish(&text);
    json_in_finish(&in);
    return l->err == 0;
}

/* The fact that tells by which key all was sealed, and that what it was before is gone from the
 * file: it is committed last, so that a crash in between begins anew. */
#define SEALED_BY SPAN("secrets_sealed_by")

static struct state_change sealed_by(const struct secrets *s, struct arena *mem)
{
    const struct span parts[] = {SPAN("\""), seal_id(s->keys), SPAN("\"")};
    return (struct state_change){STATE_META, SEALED_BY, arena_join(mem, parts, ARRAY_LEN(parts))};
}

struct seeking {
    struct state_change what;
    bool is_there;
};

static bool on_meta(void *ctx, struct span key, struct span value)
{
    struct seeking *s = ctx;
    s->is_there |= span_eq(key, s->what.key) && span_eq(value, s->what.value);
    return true;
}

/* Those that the newest key has not sealed yet. */
static int seal_anew(struct secrets *s, struct state *state, struct arena *mem)
{
    struct seeking done = {.what = sealed_by(s, mem)};
    struct state_change *changes = arena_zalloc(mem, (s->count + 1) * sizeof *changes);
    size_t count = 0;
    int err = state_each(state, STATE_META, SPAN_NONE, on_meta, &done);
    for (size_t i = 0; i < s->count; i++)
        if (s->v[i]->is_stale)
            changes[count++] = change_of_kept(s, s->v[i], s->v[i]->gone_at, mem);
    if (err != 0 || (done.is_there && count == 0))
        return err;
    if (count > 0)
        err = state_commit(state, changes, count);
    if (err != 0)
        return err;
    err = state_scrub(state);
    if (err == 0)
        err = state_commit(state, &done.what, 1);
    if (err == 0)
        LOG_INFO("secrets-sealed", "count=%zu key=%.*s", count, SPAN_FMT(seal_id(s->keys)));
    else /* they are sealed: no reason not to start */
        LOG_WARN("secrets-not-wiped", "error=\"%s\" note=\"the next start tries again\"",
                 err_text(err));
    return 0;
}

int secrets_load(struct secrets *s, struct state *state, struct buf *why)
{
    struct loading l = {.secrets = s, .why = why};
    int err = state_each(state, STATE_SECRET, SPAN_NONE, on_fact, &l);
    if (err == 0)
        err = l.err;
    if (err != 0 || s->keys == NULL)
        return err;
    struct arena mem;
    arena_init(&mem, SIZE_MAX);
    err = seal_anew(s, state, &mem);
    arena_finish(&mem);
    return err;
}

/* ---- a new version ---- */

static struct span text_of(const struct secrets *s, const struct secrets_version *v,
                           const char *sha256)
{
    for (size_t i = 0; i < v->fresh_count; i++)
        if (strcmp(v->fresh[i].sha256, sha256) == 0)
            return v->fresh[i].text;
    const struct kept *k = map_get(s->by_digest, span_of(sha256));
    return k != NULL ? span_make(k->text, k->bytes) : SPAN_NONE;
}

static void mark(struct secrets *s, const struct secret *named)
{
    struct kept *k = map_get(s->by_digest, span_of(named->sha256));
    if (k != NULL)
        k->next = 0;
}

static void mark_named(struct secrets *s, const struct secret_docs *docs)
{
    for (size_t i = 0; i < docs->certificate_count; i++)
        mark(s, &docs->certificates[i].key);
    for (size_t i = 0; i < docs->key_count; i++)
        for (size_t k = 0; k < docs->keys[i].count; k++)
            mark(s, &docs->keys[i].secrets[k]);
}

static bool is_done_with(const struct kept *k, const struct secrets_version *v)
{
    return k->next > 0 && k->next + v->keep <= v->version;
}

static struct state_change fact_of_kept(const struct secrets *s, const struct kept *k,
                                        const struct secrets_version *v, struct arena *mem)
{
    if (is_done_with(k, v))
        return (struct state_change){STATE_SECRET, arena_dup(mem, span_of(k->sha256)), SPAN_NONE};
    return change_of_kept(s, k, k->next, mem);
}

int secrets_plan(struct secrets *s, const struct secrets_version *v, struct state_change **out,
                 size_t *count, struct arena *mem)
{
    struct secret_docs docs = {0};
    struct buf why;
    int err = 0;
    buf_init(&why, 256);
    for (size_t i = 0; i < s->count; i++)
        s->v[i]->next = s->v[i]->gone_at > 0 ? s->v[i]->gone_at : v->version;
    if (s->count > 0)
        err = secret_docs_read(v->document, &docs, mem, &why);
    if (err == 0)
        mark_named(s, &docs);
    *out = arena_zalloc(mem, (s->count + v->fresh_count + 1) * sizeof **out);
    *count = 0;
    for (size_t i = 0; i < v->fresh_count; i++)
        (*out)[(*count)++] = change_of(s, &v->fresh[i], 0, mem);
    for (size_t i = 0; err == 0 && i < s->count; i++)
        if (s->v[i]->next != s->v[i]->gone_at || is_done_with(s->v[i], v))
            (*out)[(*count)++] = fact_of_kept(s, s->v[i], v, mem);
    buf_finish(&why);
    return err;
}

void secrets_done(struct secrets *s, const struct secrets_version *v)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++) {
        struct kept *k = s->v[i];
        k->gone_at = k->next;
        if (!is_done_with(k, v)) {
            s->v[kept++] = k;
            continue;
        }
        map_remove(s->by_digest, span_of(k->sha256));
        free_kept(k);
    }
    s->count = kept;
    for (size_t i = 0; i < v->fresh_count; i++)
        (void)add(s, &v->fresh[i], 0);
}

/* ---- telling ---- */

static int tell_docs(const struct secrets *s, const struct secrets_version *v,
                     struct secret_docs *docs, struct json_out *o)
{
    bool are_there = true;
    if (docs->certificate_count > 0)
        json_out_array(o, "certificates");
    for (size_t i = 0; i < docs->certificate_count; i++) {
        struct certificate_doc *c = &docs->certificates[i];
        c->key.text = text_of(s, v, c->key.sha256);
        are_there &= c->key.text.p != NULL;
        certificate_doc_write(c, true, o);
    }
    if (docs->certificate_count > 0)
        json_out_end_array(o);
    if (docs->key_count > 0)
        json_out_array(o, "keys");
    for (size_t i = 0; i < docs->key_count; i++) {
        struct key_doc *k = &docs->keys[i];
        for (size_t n = 0; n < k->count; n++) {
            k->secrets[n].text = text_of(s, v, k->secrets[n].sha256);
            are_there &= k->secrets[n].text.p != NULL;
        }
        key_doc_write(k, true, o);
    }
    if (docs->key_count > 0)
        json_out_end_array(o);
    return are_there ? 0 : ERR_NOT_FOUND;
}

/* All other members as they are. */
static int tell_others(struct span document, struct json_out *o)
{
    struct json_in in;
    struct span key;
    const struct json_t *value;
    struct buf text;
    int err = json_in_parse(&in, document, DOCUMENT_BYTES);
    buf_init(&text, DOCUMENT_BYTES);
    for (void *at = NULL; err == 0 && json_in_each(in.root, &at, &key, &value);) {
        if (span_eq(key, SPAN("certificates")) || span_eq(key, SPAN("keys")))
            continue;
        buf_clear(&text);
        json_in_dump(value, &text);
        json_out_key(o, key);
        json_out_raw(o, NULL, buf_span(&text));
    }
    buf_finish(&text);
    json_in_finish(&in);
    return err;
}

int secrets_tell(const struct secrets *s, const struct secrets_version *v, struct buf *out)
{
    struct secret_docs docs;
    struct json_out o;
    struct arena mem;
    struct buf why;
    arena_init(&mem, READ_BYTES);
    buf_init(&why, 256);
    int err = secret_docs_read(v->document, &docs, &mem, &why);
    if (err == 0 && docs.certificate_count + docs.key_count == 0) {
        buf_add_span(out, v->document);
    } else if (err == 0) {
        json_out_begin(&o, out);
        json_out_object(&o, NULL);
        err = tell_others(v->document, &o);
        if (err == 0)
            err = tell_docs(s, v, &docs, &o);
        json_out_end_object(&o);
    }
    if (err == 0 && buf_overflowed(out))
        err = ERR_TOO_BIG;
    buf_finish(&why);
    arena_finish(&mem);
    return err;
}
