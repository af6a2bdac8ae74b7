/* SPDX-License-Identifier: MIT
 * Versions of the configuration: made, taken back, made stable. */
#include "control/api/config_commit.h"

#include "control/rollout/config_log.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/codec/json_in.h"
#include "lib/codec/json_out.h"
#include "lib/daemon/given.h"

#include <inttypes.h>
#include <stdio.h>

#define META_CHANGES 2
#define READ_BYTES   (32 << 20)

struct facts {
    struct state_change *v;
    size_t count;
    struct arena *mem;
};

static struct state_change meta(const char *key, uint64_t version, struct arena *mem)
{
    return (struct state_change){STATE_META, span_of(key), arena_printf(mem, "%" PRIu64, version)};
}

int config_document(struct api *a, const struct state_change *site, const struct paper *paper,
                    struct buf *out)
{
    struct json_out o;
    json_out_begin(&o, out);
    json_out_object(&o, NULL);
    registry_sites_document(a->registry, site != NULL ? site->key : SPAN_NONE,
                            site != NULL ? site->value : SPAN_NONE, &o);
    papers_write(a->papers, paper, &o);
    json_out_end_object(&o);
    return buf_overflowed(out) ? ERR_TOO_BIG : 0;
}

/* A site's `signed_by` names a key that is there, as edges want it. */
static int check_keys(const struct site_docs *docs, const struct given *given, struct buf *why)
{
    for (size_t i = 0; i < docs->count; i++) {
        const struct site_doc *d = &docs->v[i];
        for (size_t k = 0; k < d->options.count; k++) {
            struct span key = d->values.v[k];
            if (!span_eq(d->options.v[k], SPAN("signed_by")) || d->origins.count == 0 || key.n < 2)
                continue;
            key = span_make(key.p + 1, key.n - 2); /* without its quotes */
            if (key.n == 0 || given_key_named(given, key) != NULL)
                continue;
            buf_printf(why, "site %.*s: signed_by: there is no key %.*s for urls",
                       SPAN_FMT(d->name), SPAN_FMT(key));
            return ERR_CERTIFICATE;
        }
    }
    return 0;
}

static int check_signed(struct span document, const struct given *given, struct buf *why)
{
    struct site_docs docs;
    struct arena mem;
    if (memmem(document.p, document.n, "\"signed_by\"", sizeof "\"signed_by\"" - 1) == NULL)
        return 0;
    arena_init(&mem, READ_BYTES);
    int err = site_docs_read(document, &docs, &mem, why);
    if (err == 0)
        err = check_keys(&docs, given, why);
    arena_finish(&mem);
    return err;
}

/* What edges will be sent, and whether they will take it. */
static int tell(struct api *a, const struct secrets_version *v, struct buf *telling,
                struct buf *why)
{
    struct given *given = NULL;
    int err = secrets_tell(a->secrets, v, telling);
    if (err == 0 && !span_eq(buf_span(telling), v->document))
        err = given_read(&given, buf_span(telling), why);
    if (err == 0)
        err = check_signed(v->document, given, why);
    given_destroy(&given);
    return err;
}

/* The facts of a version: what it changes, its secrets, its number, its place in the history. */
static int facts_of(struct api *a, const struct config_commit *c, const struct secrets_version *sv,
                    const struct config_version *v, struct facts *out)
{
    struct state_change *secrets;
    size_t secret_count;
    int err = secrets_plan(a->secrets, sv, &secrets, &secret_count, out->mem);
    if (err != 0)
        return err;
    size_t most = c->count + secret_count + META_CHANGES + CONFIG_LOG_CHANGES;
    out->v = arena_alloc(out->mem, most * sizeof *out->v);
    if (c->count > 0)
        memcpy(out->v, c->changes, c->count * sizeof *out->v);
    if (secret_count > 0)
        memcpy(out->v + c->count, secrets, secret_count * sizeof *out->v);
    out->count = c->count + secret_count;
    out->v[out->count++] = meta("site_version", v->version, out->mem);
    if (c->is_direct || !rollout_would_hold(a->rollout))
        out->v[out->count++] = meta("config_stable", v->version, out->mem);
    out->count += config_log_changes(v, out->v + out->count, out->mem);
    return 0;
}

int config_commit(struct api *a, struct state *s, const struct config_commit *c,
                  const struct audit_entry *e, struct config_result *out)
{
    struct arena mem;
    struct buf telling;
    struct facts facts = {.mem = &mem};
    arena_init(&mem, SIZE_MAX);
    buf_init(&telling, CONFIG_DOCUMENT_BYTES);
    out->version = registry_next_site_version(a->registry);
    struct config_version v = {out->version, e->at_wall_ms, e->who, e->what, c->document};
    struct secrets_version sv = {v.version, CONFIG_LOG_KEEP, c->document, c->fresh, c->fresh_count};
    int err = tell(a, &sv, &telling, out->why);
    if (err == 0)
        err = facts_of(a, c, &sv, &v, &facts);
    if (err == 0)
        err = audit_commit(a->audit, s, e, facts.v, facts.count);
    if (err == 0) {
        secrets_done(a->secrets, &sv);
        rollout_put(a->rollout, v.version, &(struct rollout_text){c->document, buf_span(&telling)},
                    c->is_direct);
        LOG_INFO("configuration", "version=%" PRIu64 " who=%.*s what=\"%.*s\"", v.version,
                 SPAN_FMT(e->who), SPAN_FMT(e->what));
    }
    buf_finish(&telling);
    arena_finish(&mem);
    return err;
}

/* ---- back ---- */

/* The sites of a document, with their texts. */
static int read_sites(struct span document, struct registry_sites *out, struct arena *mem)
{
    struct site_docs docs;
    struct json_in in;
    struct buf text;
    buf_init(&text, 1024);
    int err = site_docs_read(document, &docs, mem, &text);
    buf_finish(&text);
    if (err != 0)
        return err;
    struct span *texts = arena_zalloc(mem, (docs.count + 1) * sizeof *texts);
    err = json_in_parse(&in, document, HEARTBEAT_MAX_BYTES);
    const struct json_t *list = json_in_array(&in, in.root, "sites", HEARTBEAT_MAX_SITES);
    for (size_t i = 0; i < docs.count && err == 0; i++) {
        buf_init(&text, 2 * SITE_DOC_MAX_BYTES);
        json_in_dump(json_in_at(list, i), &text);
        texts[i] = arena_dup(mem, buf_span(&text));
        buf_finish(&text);
    }
    json_in_finish(&in);
    *out = (struct registry_sites){docs.v, texts, docs.count};
    return err == 0 && arena_overflowed(mem) ? ERR_TOO_BIG : err;
}

/* Facts that make the sites of the API those of `sites`: what is not among them goes. */
static size_t site_changes(struct api *a, const struct registry_sites *sites,
                           struct state_change **out, struct arena *mem)
{
    struct span *names;
    size_t count = registry_site_names(a->registry, &names, mem), n = 0;
    struct state_change *v = arena_zalloc(mem, (count + sites->count + 1) * sizeof *v);
    for (size_t i = 0; i < count; i++)
        v[n++] = (struct state_change){STATE_SITE, names[i], SPAN_NONE};
    for (size_t i = 0; i < sites->count; i++)
        v[n++] = (struct state_change){STATE_SITE, sites->docs[i].name, sites->texts[i]};
    *out = v;
    return n;
}

static int use_again(struct api *a, struct state *s, struct span document,
                     const struct audit_entry *e, struct config_result *out)
{
    struct registry_sites sites;
    struct config_commit c = {.document = document, .is_direct = true};
    struct state_change *changes;
    struct arena mem;
    arena_init(&mem, READ_BYTES);
    int err = read_sites(document, &sites, &mem);
    if (err == 0)
        err = registry_may_replace_sites(a->registry, &sites, out->why);
    if (err == 0) {
        c.count = site_changes(a, &sites, &changes, &mem);
        c.changes = changes;
        err = config_commit(a, s, &c, e, out);
    }
    if (err == 0)
        err = papers_replace(a->papers, document);
    if (err == 0)
        registry_replace_sites(a->registry, &sites, out->version);
    arena_finish(&mem);
    return err;
}

int config_return(struct api *a, struct state *s, uint64_t to, const struct audit_entry *e,
                  struct config_result *out)
{
    struct config_version v;
    struct arena mem;
    arena_init(&mem, READ_BYTES);
    int err = config_log_find(s, to, &v, &mem);
    if (err == 0)
        err = use_again(a, s, v.document, e, out);
    arena_finish(&mem);
    return err;
}

int config_settle(struct api *a, struct state *s, uint64_t version)
{
    struct arena mem;
    arena_init(&mem, 1024);
    struct state_change change = meta("config_stable", version, &mem);
    int err = state_commit(s, &change, 1);
    if (err == 0) {
        rollout_settle(a->rollout, version);
        LOG_INFO("configuration-stable", "version=%" PRIu64, version);
    }
    arena_finish(&mem);
    return err;
}

/* ---- at start ---- */

static bool on_meta(void *ctx, struct span key, struct span value)
{
    uint64_t version;
    if (span_eq(key, SPAN("config_stable")) && span_u64(value, &version))
        *(uint64_t *)ctx = version;
    return true;
}

/* Secrets that are not there (a snapshot has none) are left out: edges refuse what they miss. */
static void put_version(struct api *a, uint64_t version, struct span document, bool is_direct)
{
    struct secrets_version v = {.version = version, .document = document};
    struct buf telling;
    buf_init(&telling, CONFIG_DOCUMENT_BYTES);
    int err = secrets_tell(a->secrets, &v, &telling);
    if (err != 0 && !a->routes_only)
        LOG_WARN("configuration-without-secrets", "version=%" PRIu64 " error=\"%s\"", version,
                 err_text(err));
    rollout_put(a->rollout, version,
                &(struct rollout_text){document, err == 0 ? buf_span(&telling) : document},
                is_direct);
    buf_finish(&telling);
}

static int load_newest(struct api *a, struct state *s, uint64_t newest)
{
    struct config_version v;
    struct arena mem;
    struct buf text;
    arena_init(&mem, READ_BYTES);
    buf_init(&text, CONFIG_DOCUMENT_BYTES);
    int err = config_log_find(s, newest, &v, &mem);
    if (err == 0)
        err = papers_replace(a->papers, v.document);
    if (err == ERR_NOT_FOUND)
        err = 0; /* it has sites only */
    if (err == 0)
        err = config_document(a, NULL, NULL, &text);
    if (err == 0)
        put_version(a, newest, buf_span(&text), false);
    buf_finish(&text);
    arena_finish(&mem);
    return err;
}

/* A version that was on its way begins anew with its canary. */
int config_load(struct api *a, struct state *s, struct buf *why)
{
    uint64_t newest = registry_next_site_version(a->registry) - 1, stable = newest;
    struct config_version v;
    struct arena mem;
    if (newest == 0)
        return 0;
    arena_init(&mem, READ_BYTES);
    int err = secrets_load(a->secrets, s, why);
    if (err == 0)
        err = state_each(s, STATE_META, SPAN_NONE, on_meta, &stable);
    if (err == 0 && stable != newest && config_log_find(s, stable, &v, &mem) == 0)
        put_version(a, stable, v.document, true);
    if (err == 0)
        err = load_newest(a, s, newest);
    arena_finish(&mem);
    return err;
}
