/* SPDX-License-Identifier: MIT
 *
 * The file's sites and the document's become one configuration text, which is read like a file: so
 * the same checks and the same words hold for both. */
#include "edge/edge_sites.h"

#include "edge/edge_options.h"
#include "lib/site/site.h"
#include "edge/policy/signed_url.h"
#include "lib/base/err.h"
#include "lib/base/log.h"
#include "lib/daemon/given.h"
#include "lib/proto/site_doc.h"

#define TEXT_MAX_BYTES ((size_t)16 << 20)

static bool is_in_file(const struct edge_config *c, struct span name)
{
    const struct site *sites = c->sites.v;
    for (size_t i = 0; i < c->sites.count; i++) {
        if (span_eq(span_of(sites[i].name), name))
            return true;
    }
    return false;
}

/* Appends the document's sites; those without origins are known to control only. */
static int add_document(const struct edge_config *c, struct span document, struct buf *text,
                        struct buf *why)
{
    struct site_docs docs;
    struct arena mem;
    arena_init(&mem, TEXT_MAX_BYTES);
    int err = site_docs_read(document, &docs, &mem, why);
    for (size_t i = 0; err == 0 && i < docs.count; i++) {
        if (docs.v[i].origins.count > 0 && !is_in_file(c, docs.v[i].name)) {
            buf_add_char(text, '\n');
            site_doc_write_conf(&docs.v[i], text);
        }
    }
    arena_finish(&mem);
    return err;
}

/* The keys that sign URLs, for as long as the sites live; NULL: none were given yet. */
static struct signings *signings_of(const struct given *given)
{
    if (given == NULL)
        return NULL;
    struct signings *s = signings_create(given->key_count);
    for (size_t i = 0; i < s->count; i++) {
        const struct given_key *from = &given->keys[i];
        struct span *secrets = arena_zalloc(&s->mem, (from->count + 1) * sizeof *secrets);
        for (size_t k = 0; k < from->count; k++)
            secrets[k] = arena_dup(&s->mem, buf_span(&from->secrets[k]));
        s->v[i] = (struct signing){arena_dup(&s->mem, span_of(from->name)), secrets, from->count};
    }
    return s;
}

/* A site whose key is not there is a fault; but before the control plane was heard of (given NULL)
 * it is one that lets nobody in. */
static int find_keys(const struct edge_config *c, const char *file, const struct signings *signings,
                     struct buf *why)
{
    static const struct signing closed;
    struct site *sites = c->sites.v;
    int err = 0;
    for (size_t i = 0; i < c->sites.count; i++) {
        struct site *s = &sites[i];
        if (s->signed_by[0] == '\0')
            continue;
        s->signing = signings != NULL ? signings_find(signings, span_of(s->signed_by)) : &closed;
        if (s->signing != NULL)
            continue;
        option_error(why, file, s->line, "site \"%s\": signed_by: there is no key \"%s\"", s->name,
                     s->signed_by);
        err = ERR_CONFIG;
    }
    return err;
}

/* The store's segments are as large as the largest block known at its start. */
static void bound_blocks(const struct edge_config *c, int64_t max_bytes)
{
    struct site *sites = c->sites.v;
    for (size_t i = 0; max_bytes > 0 && i < c->sites.count; i++) {
        if (sites[i].block_bytes <= max_bytes)
            continue;
        LOG_WARN("block-reduced", "site=%s wanted=%lld bytes=%lld", sites[i].name,
                 (long long)sites[i].block_bytes, (long long)max_bytes);
        sites[i].block_bytes = max_bytes;
    }
}

static int make(struct upstream_set **out, struct option_config **config,
                const struct edge_sites_from *from, struct peers *peers, struct buf *why)
{
    const struct edge_config *c = option_record(*config);
    struct signings *signings = signings_of(from->given);
    int err = find_keys(c, option_file(*config), signings, why);
    if (err == 0)
        err = upstream_set_create(out, config, &c->sites, peers, why);
    if (err == 0)
        (*out)->signings = signings;
    else
        signings_destroy(&signings);
    return err;
}

static int lines_of(struct span text)
{
    int lines = 1;
    for (size_t i = 0; i < text.n; i++)
        lines += text.p[i] == '\n';
    return lines;
}

int edge_sites_make(struct upstream_set **out, const struct edge_sites_from *from,
                    struct peers *peers, struct buf *why)
{
    struct span own = option_source(from->config);
    struct option_config *config = NULL;
    struct buf text;
    int err = 0;
    buf_init(&text, TEXT_MAX_BYTES);
    buf_add_span(&text, own);
    if (from->document.n > 0)
        err = add_document(option_record(from->config), from->document, &text, why);
    if (err == 0)
        err = option_load_text(&config, &edge_section, option_file(from->config), buf_span(&text),
                               why);
    if (err == 0) {
        bound_blocks(option_record(config), from->block_max_bytes);
        err = make(out, &config, from, peers, why);
    }
    if (err == 0)
        (*out)->file_lines = lines_of(own);
    option_free(&config);
    buf_finish(&text);
    return err;
}
