/* SPDX-License-Identifier: MIT
 * The life of pictures and look-ups in them. Who fills them is registry.c; what decisions read of
 * them is picture_seal.c's. */
#include "control/registry/picture.h"

#include "lib/base/mem.h"

struct picture *picture_create(size_t nodes)
{
    struct picture *p = mem_zalloc(sizeof *p);
    p->magic = PICTURE_MAGIC;
    p->refs = 1;
    arena_init(&p->mem, PICTURE_MAX_BYTES);
    p->nodes = mem_zarray(nodes > 0 ? nodes : 1, sizeof *p->nodes);
    p->node_by_id = map_create();
    p->site_by_host = map_create();
    return p;
}

struct picture *picture_ref(struct picture *p)
{
    CHECK_OBJ(p, PICTURE_MAGIC);
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void picture_unref(struct picture **pp)
{
    struct picture *p = *pp;
    *pp = NULL;
    if (p == NULL)
        return;
    CHECK_OBJ(p, PICTURE_MAGIC);
    if (atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    p->magic = 0;
    map_destroy(p->node_by_id);
    map_destroy(p->site_by_host);
    mem_free(p->nodes);
    mem_free(p->edges);
    mem_free(p->places);
    mem_free(p->points);
    arena_finish(&p->mem);
    mem_free(p);
}

const struct picture_node *picture_node_named(const struct picture *p, struct span id)
{
    return map_get(p->node_by_id, id);
}

const struct picture_site *picture_site_of(const struct picture *p, struct span host)
{
    const struct picture_site *site = map_get(p->site_by_host, host);
    for (size_t i = 0; site == NULL && i < host.n; i++)
        if (host.p[i] == '.' && i > 0)
            site = map_get(p->site_by_host, span_skip(host, i));
    return site;
}

struct span picture_site(const struct picture *p, struct span host)
{
    const struct picture_site *site = picture_site_of(p, host);
    return site != NULL ? site->name : SPAN_NONE;
}

enum standing picture_standing(const struct picture_node *n, enum node_family family)
{
    const struct standing_facts facts = {
        .mode = n->mode,
        .health = n->health,
        .is_full = n->is_full,
        .has_family = {false, n->spec.addresses.v4_count > 0, n->spec.addresses.v6_count > 0},
        .is_cut = {false, n->is_cut[NODE_IPV4], n->is_cut[NODE_IPV6]},
    };
    return standing_of(&facts, family);
}
