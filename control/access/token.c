/* SPDX-License-Identifier: MIT
 * Tokens in a list by name, found by their digests. There are as many as nodes and programs of
 * operators; who bears one that we do not know learns that from one look into a hash table. */
#include "control/access/token.h"

#include "lib/base/log.h"
#include "lib/base/map.h"
#include "lib/base/mem.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"

#include <pthread.h>

#define FACT_BYTES    2048
#define RANDOM_BYTES  32
#define PREFIX        "byt_"
#define DIGEST_DIGITS (2 * DIGEST_SHA256_BYTES)

_Static_assert(TOKEN_TEXT_BYTES == sizeof PREFIX - 1 + 2 * RANDOM_BYTES, "a token's length");

struct tokens {
    pthread_mutex_t lock;
    struct token **v; /* in order of names */
    size_t count;
    struct map *by_digest; /* struct token */
};

static const struct {
    unsigned right;
    const char *name;
} rights[] = {{TOKEN_NODE, "node"},
              {TOKEN_READ, "read"},
              {TOKEN_PURGE, "purge"},
              {TOKEN_PREFILL, "prefill"},
              {TOKEN_ADMIN, "admin"}};

static unsigned right_named(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(rights); i++)
        if (span_eq(name, span_of(rights[i].name)))
            return rights[i].right;
    return 0;
}

unsigned token_right_of(struct span name)
{
    return right_named(name) & ~(unsigned)TOKEN_NODE;
}

bool token_has(const struct token *t, unsigned wanted)
{
    unsigned has = t->rights;
    if ((has & TOKEN_ADMIN) != 0)
        has |= TOKEN_READ | TOKEN_PURGE | TOKEN_PREFILL;
    return (has & wanted) != 0;
}

void token_make(struct token *t, char out[TOKEN_TEXT_BYTES + 1])
{
    uint8_t random[RANDOM_BYTES];
    digest_random(random, sizeof random);
    memcpy(out, PREFIX, sizeof PREFIX - 1);
    digest_hex(random, sizeof random, out + sizeof PREFIX - 1);
    digest_sha256(span_of(out), t->digest);
    explicit_bzero(random, sizeof random);
}

struct tokens *tokens_create(void)
{
    struct tokens *t = mem_zalloc(sizeof *t);
    CHECK(pthread_mutex_init(&t->lock, NULL) == 0);
    t->by_digest = map_create();
    return t;
}

void tokens_destroy(struct tokens **pt)
{
    struct tokens *t = *pt;
    *pt = NULL;
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->count; i++)
        mem_free(t->v[i]);
    mem_free(t->v);
    map_destroy(t->by_digest);
    pthread_mutex_destroy(&t->lock);
    mem_free(t);
}

static struct span digest_span(const uint8_t digest[DIGEST_SHA256_BYTES])
{
    return span_make(digest, DIGEST_SHA256_BYTES);
}

/* The lock is held by who calls. */
static size_t place_of(const struct tokens *t, struct span name, bool *is_there)
{
    size_t i = 0;
    while (i < t->count && span_cmp(span_of(t->v[i]->name), name) < 0)
        i++;
    *is_there = i < t->count && span_eq(span_of(t->v[i]->name), name);
    return i;
}

static void drop_at(struct tokens *t, size_t at)
{
    map_remove(t->by_digest, digest_span(t->v[at]->digest));
    mem_free(t->v[at]);
    memmove(&t->v[at], &t->v[at + 1], (--t->count - at) * sizeof(struct token *));
}

void tokens_put(struct tokens *t, const struct token *one)
{
    struct token *copy = mem_alloc(sizeof *copy);
    bool is_there;
    *copy = *one;
    pthread_mutex_lock(&t->lock);
    size_t at = place_of(t, span_of(one->name), &is_there);
    if (is_there)
        drop_at(t, at);
    t->v = mem_grow(t->v, t->count + 1, sizeof(struct token *));
    memmove(&t->v[at + 1], &t->v[at], (t->count++ - at) * sizeof(struct token *));
    t->v[at] = copy;
    map_put(t->by_digest, digest_span(copy->digest), copy);
    pthread_mutex_unlock(&t->lock);
}

void tokens_take_out(struct tokens *t, struct span name)
{
    bool is_there;
    pthread_mutex_lock(&t->lock);
    size_t at = place_of(t, name, &is_there);
    if (is_there)
        drop_at(t, at);
    pthread_mutex_unlock(&t->lock);
}

bool tokens_has(struct tokens *t, struct span name)
{
    bool is_there;
    pthread_mutex_lock(&t->lock);
    place_of(t, name, &is_there);
    pthread_mutex_unlock(&t->lock);
    return is_there;
}

bool tokens_find(struct tokens *t, const uint8_t digest[DIGEST_SHA256_BYTES], struct token *out)
{
    pthread_mutex_lock(&t->lock);
    const struct token *one = map_get(t->by_digest, digest_span(digest));
    if (one != NULL)
        *out = *one;
    pthread_mutex_unlock(&t->lock);
    return one != NULL;
}

/* ---- JSON ---- */

void token_write(const struct token *t, struct json_out *o)
{
    char at[CLOCK_ISO_BYTES + 1];
    json_out_text(o, "name", span_of(t->name));
    json_out_array(o, "rights");
    for (size_t i = 0; i < ARRAY_LEN(rights); i++)
        if ((t->rights & rights[i].right) != 0)
            json_out_text(o, NULL, span_of(rights[i].name));
    json_out_end_array(o);
    if (t->node[0] != '\0')
        json_out_text(o, "node", span_of(t->node));
    clock_iso(t->at_wall_ms, at);
    json_out_text(o, "at", span_of(at));
    json_out_text(o, "by", span_of(t->by));
}

void tokens_write(struct tokens *t, struct json_out *o)
{
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->count; i++) {
        json_out_object(o, NULL);
        token_write(t->v[i], o);
        json_out_end_object(o);
    }
    pthread_mutex_unlock(&t->lock);
}

struct state_change tokens_change(struct span name, const struct token *t, struct arena *mem)
{
    struct state_change c = {STATE_TOKEN, arena_dup(mem, name), SPAN_NONE};
    char digest[DIGEST_DIGITS + 1];
    struct json_out o;
    struct buf text;
    if (t == NULL)
        return c;
    buf_init(&text, FACT_BYTES);
    digest_hex(t->digest, sizeof t->digest, digest);
    json_out_begin(&o, &text);
    json_out_object(&o, NULL);
    token_write(t, &o);
    json_out_int(&o, "at_ms", t->at_wall_ms);
    json_out_text(&o, "sha256", span_of(digest));
    json_out_end_object(&o);
    c.value = arena_dup(mem, buf_span(&text));
    buf_finish(&text);
    return c;
}

static void copy_text(char out[TOKEN_NAME_BYTES + 1], struct span s)
{
    CHECK(s.n <= TOKEN_NAME_BYTES);
    if (s.n > 0)
        memcpy(out, s.p, s.n);
    out[s.n] = '\0';
}

static bool read_digest(struct span hex, uint8_t out[DIGEST_SHA256_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    if (hex.n != DIGEST_DIGITS)
        return false;
    for (size_t i = 0; i < hex.n; i++) {
        const char *at = strchr(digits, hex.p[i]);
        if (at == NULL || *at == '\0')
            return false;
        out[i / 2] = (uint8_t)(out[i / 2] << 4 | (at - digits));
    }
    return true;
}

static void read_token(struct json_in *in, struct token *t)
{
    const struct json_t *list = json_in_array(in, in->root, "rights", ARRAY_LEN(rights));
    for (size_t i = 0; i < json_in_count(list); i++)
        t->rights |= right_named(json_in_text_at(in, list, i, TOKEN_NAME_BYTES));
    copy_text(t->node, json_in_text(in, in->root, "node", TOKEN_NAME_BYTES));
    copy_text(t->by, json_in_text(in, in->root, "by", TOKEN_NAME_BYTES));
    t->at_wall_ms = (msec_t)json_in_u64(in, in->root, "at_ms", 0);
    if (!read_digest(json_in_text(in, in->root, "sha256", DIGEST_DIGITS), t->digest))
        json_in_fault(in, "sha256", "is no digest");
}

/* A damaged one opens nothing. */
static bool on_token(void *ctx, struct span key, struct span value)
{
    struct token t = {.rights = 0};
    struct json_in in;
    if (key.n == 0 || key.n > TOKEN_NAME_BYTES)
        return true;
    copy_text(t.name, key);
    if (json_in_parse(&in, value, FACT_BYTES) == 0)
        read_token(&in, &t);
    if (json_in_is_faulty(&in))
        LOG_WARN("state-token-damaged", "name=%.*s reason=\"%s\"", SPAN_FMT(key), in.fault);
    else
        tokens_put(ctx, &t);
    json_in_finish(&in);
    return true;
}

int tokens_load(struct tokens *t, struct state *s)
{
    return state_each(s, STATE_TOKEN, SPAN_NONE, on_token, t);
}
