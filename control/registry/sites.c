/* SPDX-License-Identifier: MIT
 * Sites by name. The lock is the registry's. */
#include "control/registry/sites.h"

#include "lib/base/err.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"
#include "lib/codec/json_out.h"

struct known_site {
    struct arena mem;
    struct site_doc doc;
    struct span text; /* its document; p == NULL: from the configuration file */
};

struct sites {
    struct known_site **v; /* in order of names, so that documents are the same each time */
    size_t count;
    uint64_t version;
};

struct sites *sites_create(void)
{
    return mem_zalloc(sizeof(struct sites));
}

static void free_site(struct known_site *k)
{
    arena_finish(&k->mem);
    mem_free(k);
}

void sites_destroy(struct sites **ps)
{
    struct sites *s = *ps;
    *ps = NULL;
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->count; i++)
        free_site(s->v[i]);
    mem_free(s->v);
    mem_free(s);
}

static size_t place_of(const struct sites *s, struct span name, bool *is_there)
{
    size_t i = 0;
    while (i < s->count && span_cmp(s->v[i]->doc.name, name) < 0)
        i++;
    *is_there = i < s->count && span_eq(s->v[i]->doc.name, name);
    return i;
}

static void set_site(struct sites *s, const struct site_doc *doc, struct span text)
{
    struct known_site *k = mem_zalloc(sizeof *k);
    arena_init(&k->mem, 4 * SITE_DOC_MAX_BYTES);
    k->text = text.p != NULL ? arena_dup(&k->mem, text) : SPAN_NONE;
    k->doc.name = arena_dup(&k->mem, doc->name);
    k->doc.hosts.count = doc->hosts.count;
    k->doc.hosts.v = arena_zalloc(&k->mem, (doc->hosts.count + 1) * sizeof *doc->hosts.v);
    for (size_t i = 0; i < doc->hosts.count; i++)
        k->doc.hosts.v[i] = arena_dup(&k->mem, doc->hosts.v[i]);
    k->doc.price_class = doc->price_class;
    k->doc.origins.count = doc->origins.count; /* only whether there are any is asked here */
    CHECK(!arena_overflowed(&k->mem));
    bool is_there;
    size_t at = place_of(s, doc->name, &is_there);
    if (is_there) {
        free_site(s->v[at]);
    } else {
        s->v = mem_grow(s->v, s->count + 1, sizeof *s->v);
        memmove(&s->v[at + 1], &s->v[at], (s->count++ - at) * sizeof *s->v);
    }
    s->v[at] = k;
}

void sites_set_file(struct sites *s, const struct site_doc *docs, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->v[i]->text.p == NULL)
            free_site(s->v[i]);
        else
            s->v[kept++] = s->v[i];
    s->count = kept;
    for (size_t i = 0; i < count; i++)
        set_site(s, &docs[i], SPAN_NONE);
}

static const struct known_site *owner_of_host(const struct sites *s, struct span host)
{
    for (size_t i = 0; i < s->count; i++)
        for (size_t k = 0; k < s->v[i]->doc.hosts.count; k++)
            if (span_eq(s->v[i]->doc.hosts.v[k], host))
                return s->v[i];
    return NULL;
}

static int may_put(const struct sites *s, const struct site_doc *doc, bool only_file,
                   struct buf *why)
{
    bool is_there;
    size_t at = place_of(s, doc->name, &is_there);
    if (is_there && s->v[at]->text.p == NULL) {
        buf_printf(why, "site %.*s stands in the configuration file", SPAN_FMT(doc->name));
        return ERR_EXISTS;
    }
    for (size_t i = 0; i < doc->hosts.count; i++) {
        const struct known_site *owner = owner_of_host(s, doc->hosts.v[i]);
        if (owner == NULL || span_eq(owner->doc.name, doc->name) ||
            (only_file && owner->text.p != NULL))
            continue;
        buf_printf(why, "host %.*s belongs to site %.*s", SPAN_FMT(doc->hosts.v[i]),
                   SPAN_FMT(owner->doc.name));
        return ERR_EXISTS;
    }
    return 0;
}

int sites_may_put(const struct sites *s, const struct site_doc *doc, struct buf *why)
{
    return may_put(s, doc, false, why);
}

int sites_may_follow(const struct sites *s, const struct site_doc *doc, struct buf *why)
{
    return may_put(s, doc, true, why);
}

void sites_clear(struct sites *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->v[i]->text.p != NULL)
            free_site(s->v[i]);
        else
            s->v[kept++] = s->v[i];
    s->count = kept;
}

size_t sites_count(const struct sites *s)
{
    return s->count;
}

void sites_put(struct sites *s, const struct site_doc *doc, struct span text, uint64_t version)
{
    set_site(s, doc, text);
    s->version = version;
}

void sites_set_version(struct sites *s, uint64_t version)
{
    s->version = version;
}

uint64_t sites_version(const struct sites *s)
{
    return s->version;
}

int sites_may_take_out(const struct sites *s, struct span name, struct buf *why)
{
    bool is_there;
    size_t at = place_of(s, name, &is_there);
    if (!is_there) {
        buf_printf(why, "There is no site %.*s.", SPAN_FMT(name));
        return ERR_NOT_FOUND;
    }
    if (s->v[at]->text.p != NULL)
        return 0;
    buf_printf(why, "site %.*s stands in the configuration file", SPAN_FMT(name));
    return ERR_EXISTS;
}

void sites_take_out(struct sites *s, struct span name, uint64_t version)
{
    bool is_there;
    size_t at = place_of(s, name, &is_there);
    CHECK(is_there);
    free_site(s->v[at]);
    memmove(&s->v[at], &s->v[at + 1], (--s->count - at) * sizeof(struct known_site *));
    s->version = version;
}

void sites_each(const struct sites *s, void (*fn)(void *ctx, struct span name), void *ctx)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->v[i]->text.p != NULL)
            fn(ctx, s->v[i]->doc.name);
}

/* One that is put anew stands where its name belongs: the same sites give the same document. */
void sites_document(const struct sites *s, struct span name, struct span text, struct json_out *o)
{
    bool is_due = text.p != NULL;
    json_out_array(o, "sites");
    for (size_t i = 0; i < s->count; i++) {
        const struct known_site *k = s->v[i];
        int order = name.p != NULL ? span_cmp(k->doc.name, name) : -1;
        if (order >= 0 && is_due) {
            json_out_raw(o, NULL, text);
            is_due = false;
        }
        if (order != 0 && k->text.p != NULL)
            json_out_raw(o, NULL, k->text);
    }
    if (is_due)
        json_out_raw(o, NULL, text);
    json_out_end_array(o);
}

static struct span host_key(struct span host)
{
    return span_starts(host, SPAN("*.")) ? span_skip(host, 1) : host;
}

static void put_host(struct picture *p, struct span host, struct picture_site *site)
{
    struct hash128 h = hash128(host.p, host.n, p->hosts + site->price_class);
    p->hosts = hash128(site->name.p, site->name.n, h.lo).lo;
    map_put(p->site_by_host, host, site);
}

void sites_draw(const struct sites *s, struct picture *p)
{
    for (int from_file = 0; from_file <= 1; from_file++) /* the file's last: they win */
        for (size_t i = 0; i < s->count; i++) {
            const struct known_site *k = s->v[i];
            if ((k->text.p == NULL) != (from_file == 1))
                continue;
            struct picture_site *site = arena_alloc(&p->mem, sizeof *site);
            *site = (struct picture_site){arena_dup(&p->mem, k->doc.name), k->doc.price_class};
            p->price_limits |= 1U << site->price_class;
            for (size_t h = 0; h < k->doc.hosts.count; h++)
                put_host(p, host_key(k->doc.hosts.v[h]), site);
        }
    p->config_version = s->version;
}

static void write_site(const struct known_site *k, struct json_out *o)
{
    if (k->text.p != NULL) {
        json_out_raw(o, NULL, k->text);
        return;
    }
    json_out_object(o, NULL);
    json_out_text(o, "name", k->doc.name);
    json_out_array(o, "hosts");
    for (size_t i = 0; i < k->doc.hosts.count; i++)
        json_out_text(o, NULL, k->doc.hosts.v[i]);
    json_out_end_array(o);
    json_out_bool(o, "from_file", true);
    json_out_end_object(o);
}

bool sites_write(const struct sites *s, struct span name, struct json_out *o)
{
    bool is_there;
    size_t at = place_of(s, name, &is_there);
    if (is_there)
        write_site(s->v[at], o);
    return is_there;
}

void sites_write_all(const struct sites *s, struct json_out *o)
{
    for (size_t i = 0; i < s->count; i++)
        write_site(s->v[i], o);
}
