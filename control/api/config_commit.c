/* SPDX-License-Identifier: MIT
 * Versions of the configuration: made, taken back, made stable. */
#include "control/api/config_commit.h"

#include "control/rollout/config_log.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"
#include "lib/codec/json_in.h"

#include <inttypes.h>
#include <stdio.h>

#define META_CHANGES 2
#define READ_BYTES   (32 << 20)

static struct state_change meta(const char *key, uint64_t version, struct arena *mem)
{
    return (struct state_change){STATE_META, span_of(key), arena_printf(mem, "%" PRIu64, version)};
}

int config_commit(struct api *a, struct state *s, const struct config_commit *c,
                  const struct audit_entry *e, uint64_t *version)
{
    struct arena mem;
    arena_init(&mem, SIZE_MAX);
    *version = registry_next_site_version(a->registry);
    struct config_version v = {*version, e->at_wall_ms, e->who, e->what, c->document};
    struct state_change *all =
        arena_alloc(&mem, (c->count + META_CHANGES + CONFIG_LOG_CHANGES) * sizeof *all);
    size_t n = c->count;
    if (n > 0)
        memcpy(all, c->changes, n * sizeof *all);
    all[n++] = meta("site_version", *version, &mem);
    if (c->is_direct || !rollout_would_hold(a->rollout))
        all[n++] = meta("config_stable", *version, &mem);
    n += config_log_changes(&v, all + n, &mem);
    int err =
        c->document.n > CONFIG_DOCUMENT_BYTES ? ERR_TOO_BIG : audit_commit(a->audit, s, e, all, n);
    if (err == 0) {
        rollout_put(a->rollout, *version, c->document, c->is_direct);
        LOG_INFO("configuration", "version=%" PRIu64 " who=%.*s what=\"%.*s\"", *version,
                 SPAN_FMT(e->who), SPAN_FMT(e->what));
    }
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
                     const struct audit_entry *e, uint64_t *version)
{
    struct registry_sites sites;
    struct config_commit c = {.document = document, .is_direct = true};
    struct state_change *changes;
    struct arena mem;
    struct buf why;
    arena_init(&mem, READ_BYTES);
    buf_init(&why, 1024);
    int err = read_sites(document, &sites, &mem);
    if (err == 0)
        err = registry_may_replace_sites(a->registry, &sites, &why);
    if (err == 0) {
        c.count = site_changes(a, &sites, &changes, &mem);
        c.changes = changes;
        err = config_commit(a, s, &c, e, version);
    }
    if (err == 0)
        registry_replace_sites(a->registry, &sites, *version);
    buf_finish(&why);
    arena_finish(&mem);
    return err;
}

int config_return(struct api *a, struct state *s, uint64_t to, const struct audit_entry *e,
                  uint64_t *version)
{
    struct config_version v;
    struct arena mem;
    arena_init(&mem, READ_BYTES);
    int err = config_log_find(s, to, &v, &mem);
    if (err == 0)
        err = use_again(a, s, v.document, e, version);
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

/* A version that was on its way begins anew with its canary. */
int config_load(struct api *a, struct state *s)
{
    uint64_t newest = registry_next_site_version(a->registry) - 1, stable = newest;
    struct config_version v;
    struct arena mem;
    struct buf text;
    if (newest == 0)
        return 0;
    arena_init(&mem, READ_BYTES);
    buf_init(&text, HEARTBEAT_MAX_BYTES);
    int err = state_each(s, STATE_META, SPAN_NONE, on_meta, &stable);
    if (err == 0 && stable != newest && config_log_find(s, stable, &v, &mem) == 0)
        rollout_put(a->rollout, stable, v.document, true);
    registry_sites_document(a->registry, SPAN_NONE, SPAN_NONE, &text);
    rollout_put(a->rollout, newest, buf_span(&text), false);
    buf_finish(&text);
    arena_finish(&mem);
    return err;
}
