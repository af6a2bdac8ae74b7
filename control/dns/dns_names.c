/* SPDX-License-Identifier: MIT
 * The table of a zone's names. Keys are labels as they stand in a message before the zone's name,
 * so that looking one up needs no text. A name is two lines of the processor's cache, each of which
 * can be asked for before it is needed: its slot, and its meaning with its labels behind it. */
#include "control/dns/dns_names.h"

#include "control/route/decide.h"
#include "lib/base/hash.h"
#include "lib/base/mem.h"

#define NAMES_BYTES (64 << 20)
#define TOGETHER    32 /* look-ups whose misses of the caches overlap */

struct known {
    struct dns_meaning meaning;
    uint8_t bytes;
    char labels[];
};

struct slot {
    uint64_t hash;
    const struct known *known; /* NULL: free */
};

struct dns_names {
    struct map *by_labels; /* struct known; while it is being made */
    struct slot *slots;    /* [mask + 1]; half of them are free at least */
    size_t mask;
    struct arena mem;
    uint64_t routing, hosts; /* of the picture it was made from */
    uint32_t count;
};

static const struct dns_meaning absent = {.kind = DNS_NAME_ABSENT};

/* Without a seed: strangers choose what is looked up, not what is in the table. */
static uint64_t hash_of(struct span labels)
{
    return hash64(labels.p, labels.n);
}

/* ---- making ---- */

static void put_if_absent(struct dns_names *n, struct span labels, const struct dns_meaning *m)
{
    if (map_get(n->by_labels, labels) != NULL)
        return;
    struct known *k = arena_alloc(&n->mem, sizeof *k + labels.n);
    k->meaning = *m;
    k->meaning.id = ++n->count;
    k->bytes = (uint8_t)labels.n;
    memcpy(k->labels, labels.p, labels.n);
    map_put(n->by_labels, labels, k);
}

/* A name and, once all names are there, the branches above it. */
static void put_name(struct dns_names *n, struct span text, const struct dns_meaning *m)
{
    struct dns_name name;
    if (dns_name_parse(&name, text) == 0) /* one that is no domain name cannot be asked for */
        put_if_absent(n, span_make(name.v, name.bytes - 1), m);
}

/* Under the zone, and as itself where it is in it. */
static void put_host(struct dns_names *n, const struct dns_zone *zone, struct span host,
                     const struct picture_site *site)
{
    bool is_wild = host.n > 0 && host.p[0] == '.';
    struct span bare = is_wild ? span_skip(host, 1) : host;
    struct dns_meaning m = {.kind = DNS_NAME_SITE,
                            .key_hash = decide_key(bare, SPAN("/")),
                            .price_class = site->price_class};
    const struct span parts[] = {is_wild ? SPAN("*.") : SPAN(""), bare};
    struct span text = arena_join(&n->mem, parts, ARRAY_LEN(parts));
    struct dns_name name;
    if (dns_name_parse(&name, text) != 0)
        return;
    ptrdiff_t below = dns_name_below(name.v, name.bytes, &zone->name);
    if (below > 0)
        put_if_absent(n, span_make(name.v, (size_t)below), &m);
    put_if_absent(n, span_make(name.v, name.bytes - 1), &m);
}

static void put_sites(struct dns_names *n, const struct dns_zone *zone, const struct picture *p)
{
    struct span host;
    void *site;
    for (size_t at = 0; map_next(p->site_by_host, &at, &host, &site);)
        put_host(n, zone, host, site);
    for (size_t at = 0; map_next(p->site_by_host, &at, &host, &site);) {
        const struct picture_site *its = site;
        put_name(n, its->name,
                 &(struct dns_meaning){.kind = DNS_NAME_SITE,
                                       .key_hash = decide_key(its->name, SPAN("/")),
                                       .price_class = its->price_class});
    }
}

static void put_branches(struct dns_names *n)
{
    struct map *names = n->by_labels, *all = map_create();
    struct span labels;
    void *known;
    n->by_labels = all;
    for (size_t at = 0; map_next(names, &at, &labels, &known);)
        map_put(all, labels, known);
    for (size_t at = 0; map_next(names, &at, &labels, &known);)
        for (struct span rest = labels; rest.n > 0;) {
            rest = span_skip(rest, (size_t)(uint8_t)rest.p[0] + 1);
            put_if_absent(n, rest, &(struct dns_meaning){.kind = DNS_NAME_BRANCH});
        }
    map_destroy(names);
}

static void put_slots(struct dns_names *n)
{
    struct span labels;
    void *known;
    size_t slots = 1;
    while (slots < 2 * map_count(n->by_labels))
        slots *= 2;
    n->slots = mem_zarray(slots, sizeof *n->slots);
    n->mask = slots - 1;
    for (size_t at = 0; map_next(n->by_labels, &at, &labels, &known);) {
        uint64_t hash = hash_of(labels);
        size_t i = hash & n->mask;
        while (n->slots[i].known != NULL)
            i = (i + 1) & n->mask;
        n->slots[i] = (struct slot){hash, known};
    }
    map_destroy(n->by_labels);
    n->by_labels = NULL;
}

struct dns_names *dns_names_create(const struct dns_zone *zone, const struct picture *picture)
{
    struct dns_names *n = mem_zalloc(sizeof *n);
    arena_init(&n->mem, NAMES_BYTES);
    n->by_labels = map_create();
    n->routing = picture->routing;
    n->hosts = picture->hosts;
    put_if_absent(n, SPAN(""), &(struct dns_meaning){.kind = DNS_NAME_ZONE});
    for (size_t i = 0; i < zone->server_count; i++) {
        const struct dns_name *name = &zone->servers[i].name;
        ptrdiff_t below = dns_name_below(name->v, name->bytes, &zone->name);
        if (below > 0)
            put_if_absent(n, span_make(name->v, (size_t)below),
                          &(struct dns_meaning){.kind = DNS_NAME_SERVER, .index = (uint32_t)i});
    }
    for (size_t i = 0; i < picture->node_count; i++)
        put_name(n, picture->nodes[i].spec.id,
                 &(struct dns_meaning){.kind = DNS_NAME_NODE, .index = (uint32_t)i});
    put_sites(n, zone, picture);
    put_branches(n);
    put_slots(n);
    return n;
}

void dns_names_destroy(struct dns_names **pn)
{
    struct dns_names *n = *pn;
    *pn = NULL;
    if (n == NULL)
        return;
    mem_free(n->slots);
    arena_finish(&n->mem);
    mem_free(n);
}

bool dns_names_fits(const struct dns_names *n, const struct picture *picture)
{
    return n != NULL && n->routing == picture->routing && n->hosts == picture->hosts;
}

/* ---- look-ups ---- */

static const struct dns_meaning *find(const struct dns_names *n, struct span labels, uint64_t hash)
{
    for (size_t i = hash & n->mask; n->slots[i].known != NULL; i = (i + 1) & n->mask) {
        const struct known *k = n->slots[i].known;
        if (n->slots[i].hash == hash && span_eq(span_make(k->labels, k->bytes), labels))
            return &k->meaning;
    }
    return &absent;
}

static const struct dns_meaning *find_wild(const struct dns_names *n, struct span labels)
{
    uint8_t wild[2 + 255] = {1, '*'};
    const struct dns_meaning *m = &absent;
    for (struct span rest = labels; rest.n > 0 && m == &absent;) {
        rest = span_skip(rest, (size_t)(uint8_t)rest.p[0] + 1);
        memcpy(wild + 2, rest.p, rest.n);
        struct span name = span_make(wild, 2 + rest.n);
        m = find(n, name, hash_of(name));
    }
    return m;
}

static const struct dns_meaning *find_any(const struct dns_names *n, struct span labels,
                                          uint64_t hash)
{
    const struct dns_meaning *m = find(n, labels, hash);
    if (m->kind != DNS_NAME_ABSENT && m->kind != DNS_NAME_BRANCH)
        return m;
    const struct dns_meaning *wild = find_wild(n, labels);
    return wild != &absent ? wild : m;
}

static void find_together(const struct dns_names *n, const struct span *labels, size_t count,
                          const struct dns_meaning **out)
{
    uint64_t hashes[TOGETHER];
    for (size_t i = 0; i < count; i++) {
        hashes[i] = hash_of(labels[i]);
        __builtin_prefetch(&n->slots[hashes[i] & n->mask]);
    }
    for (size_t i = 0; i < count; i++)
        __builtin_prefetch(n->slots[hashes[i] & n->mask].known);
    for (size_t i = 0; i < count; i++)
        out[i] = find_any(n, labels[i], hashes[i]);
}

void dns_names_find(const struct dns_names *n, const struct span *labels, size_t count,
                    const struct dns_meaning **out)
{
    for (size_t at = 0, many; at < count; at += many) {
        many = count - at < TOGETHER ? count - at : TOGETHER;
        find_together(n, labels + at, many, out + at);
    }
}
