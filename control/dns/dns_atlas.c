/* SPDX-License-Identifier: MIT
 * The atlas: a binary tree over address bits, one for each family, whose leaves are regions.
 *
 * Making it walks the GeoIP tree once. A record is asked about once, however many networks share
 * it; a part of the GeoIP tree that several places point to (IPv4 inside IPv6) is walked once as
 * well, unless something else reaches into it: an override, or the database of countries or of
 * network operators, whose trees are walked side by side with it. What several trees cut up may be
 * more than any of them, so the walk has a budget. */
#include "control/dns/dns_atlas.h"

#include "lib/base/err.h"
#include "lib/base/mem.h"

#include <endian.h>
#include <stdatomic.h>

#define ATLAS_MAGIC 0x6fa3d11eU
#define IS_REGION   0x80000000U /* a reference: to a region, else to a fork */
#define NO_REF      0x7fffffffU
#define TOGETHER    32 /* look-ups side by side */
#define STEPS_SPARE (1U << 20)
#define IPV4_PREFIX 96 /* ::ffff:0:0, as overrides have it */

struct fork {
    uint32_t half[2];
};

/* Where a walk is after the first JUMP_BITS of an address, or before where it ends sooner. */
#define JUMP_BITS 16
struct jump {
    uint32_t at, bits;
};

struct dns_atlas {
    uint32_t magic;
    atomic_uint refs;
    uint64_t routing, config_version; /* what it holds for */
    struct fork *forks;
    uint32_t fork_count, fork_room;
    struct dns_resident *residents;
    uint32_t region_count, region_room;
    struct jump *v4, *v6; /* [1 << JUMP_BITS] */
    uint32_t elsewhere;   /* region of who has no place and no override */
};

/* ---- a table from two words to a number, that only grows ---- */

struct pairs {
    struct pair {
        uint64_t a, b;
        uint32_t value; /* NO_REF: free */
    } * v;
    size_t room, count;
};

static struct pair *pairs_slot(const struct pairs *t, uint64_t a, uint64_t b)
{
    size_t i = (size_t)((a ^ (b * 0x9e3779b97f4a7c15U)) * 0xff51afd7ed558ccdU >> 32);
    for (i &= t->room - 1; t->v[i].value != NO_REF; i = (i + 1) & (t->room - 1))
        if (t->v[i].a == a && t->v[i].b == b)
            break;
    return &t->v[i];
}

static void pairs_grow(struct pairs *t)
{
    struct pairs old = *t;
    t->room = old.room > 0 ? old.room * 2 : 1024;
    t->v = mem_zarray(t->room, sizeof *t->v);
    for (size_t i = 0; i < t->room; i++)
        t->v[i].value = NO_REF;
    for (size_t i = 0; i < old.room; i++)
        if (old.v[i].value != NO_REF)
            *pairs_slot(t, old.v[i].a, old.v[i].b) = old.v[i];
    mem_free(old.v);
}

static uint32_t pairs_get(const struct pairs *t, uint64_t a, uint64_t b)
{
    return t->room > 0 ? pairs_slot(t, a, b)->value : NO_REF;
}

static void pairs_put(struct pairs *t, uint64_t a, uint64_t b, uint32_t value)
{
    if (t->count * 2 >= t->room)
        pairs_grow(t);
    *pairs_slot(t, a, b) = (struct pair){a, b, value};
    t->count++;
}

/* ---- making ---- */

struct making {
    struct dns_atlas *atlas;
    const struct dns_view *view;
    size_t wanted;
    uint8_t *taken;      /* room for decide_shape */
    struct pairs places; /* GeoIP record and rules → region */
    struct pairs shapes; /* → region */
    uint32_t *walked;    /* [nodes of the GeoIP tree]: where it was drawn, or NO_REF */
    uint64_t steps_left;
    int family;
};

/* A network that is being drawn. Its address is as overrides have it: 16 bytes. */
struct part {
    struct geo_net nets[GEO_KINDS];
    uint8_t address[16];
    unsigned bits;   /* of the 128 */
    bool is_held;    /* an override holds all of it */
    bool is_reached; /* an override holds some of it */
};

static struct addr address_of(const struct making *m, const struct part *p)
{
    struct addr a = {.any = {.sa_family = (sa_family_t)m->family}};
    if (m->family == AF_INET)
        memcpy(&a.v4.sin_addr, p->address + IPV4_PREFIX / 8, sizeof a.v4.sin_addr);
    else
        memcpy(&a.v6.sin6_addr, p->address, sizeof a.v6.sin6_addr);
    return a;
}

static uint32_t new_region(struct dns_atlas *a, const struct dns_resident *r)
{
    if (a->region_count == a->region_room) {
        a->region_room = a->region_room * 2 + 64;
        a->residents = mem_grow(a->residents, a->region_room, sizeof *a->residents);
    }
    a->residents[a->region_count] = *r;
    return a->region_count++;
}

/* The shapes of both families, and of all that sites pay for, at once: a name's A and AAAA then
 * have the same scope, so that a resolver keeps them for the same clients. */
static struct hash128 shape_of(struct making *m, const struct dns_resident *r)
{
    struct decide_question q = {.client = &r->client.any,
                                .place = &r->place,
                                .has_one_standing = true,
                                .wanted = m->wanted};
    struct hash128 all = {0, 0};
    for (int limit = 0; limit <= NODE_PRICE_CLASSES; limit++) {
        if (limit > 0 && (m->view->picture->price_limits >> limit & 1) == 0)
            continue;
        q.price_class = (uint8_t)limit;
        for (q.family = NODE_IPV4; q.family <= NODE_IPV6; q.family++) {
            struct hash128 one = decide_shape(m->view->picture, m->view->rules, &q, m->taken);
            all = hash128(&one, sizeof one, all.lo ^ all.hi);
        }
    }
    return all;
}

static bool is_placed(const struct part *p)
{
    return p->nets[GEO_CITY].kind == GEO_NET_PLACE;
}

/* As geo_set_find has it. */
static void place_of(const struct making *m, const struct part *p, struct place *out)
{
    const struct geo_set *geo = m->view->geo;
    enum geo_kind kind = is_placed(p) ? GEO_CITY : GEO_COUNTRY;
    geo_place(geo != NULL ? geo->v[kind] : NULL, p->nets[kind], out);
    if (p->nets[GEO_ASN].kind == GEO_NET_PLACE)
        out->asn = geo_asn(geo->v[GEO_ASN], p->nets[GEO_ASN]);
}

static uint32_t region_for(struct making *m, const struct part *p)
{
    struct dns_resident r = {.client = address_of(m, p)};
    place_of(m, p, &r.place);
    struct hash128 shape = shape_of(m, &r);
    uint32_t region = pairs_get(&m->shapes, shape.lo, shape.hi);
    if (region == NO_REF) {
        region = new_region(m->atlas, &r);
        pairs_put(&m->shapes, shape.lo, shape.hi, region);
    }
    return region;
}

/* The rules that name who is in this network: nearly always none. */
static uint64_t rules_of(const struct making *m, const struct part *p)
{
    const void *rules[2] = {NULL, NULL};
    if (p->is_held) {
        struct addr a = address_of(m, p);
        rules[0] = override_find(m->view->rules->overrides, &a.any, NULL);
    }
    if (p->nets[GEO_ASN].kind == GEO_NET_PLACE)
        rules[1] =
            decide_asn_rule(m->view->rules, geo_asn(m->view->geo->v[GEO_ASN], p->nets[GEO_ASN]));
    return rules[0] != NULL || rules[1] != NULL ? hash64(rules, sizeof rules) : 0;
}

static uint32_t draw_leaf(struct making *m, const struct part *p)
{
    const struct geo_net *net = &p->nets[is_placed(p) ? GEO_CITY : GEO_COUNTRY];
    uint64_t place = (uint64_t)is_placed(p) << 40 | (uint64_t)net->kind << 32 | net->id;
    uint64_t rules = rules_of(m, p);
    uint32_t region = pairs_get(&m->places, place, rules);
    if (region == NO_REF) {
        region = region_for(m, p);
        pairs_put(&m->places, place, rules, region);
    }
    return region | IS_REGION;
}

static uint32_t new_fork(struct dns_atlas *a, const uint32_t half[2])
{
    if (half[0] == half[1] && (half[0] & IS_REGION) != 0)
        return half[0];
    if (a->fork_count == a->fork_room) {
        a->fork_room = a->fork_room * 2 + 1024;
        a->forks = mem_grow(a->forks, a->fork_room, sizeof *a->forks);
    }
    a->forks[a->fork_count] = (struct fork){{half[0], half[1]}};
    return a->fork_count++;
}

static void look_for_overrides(const struct making *m, struct part *p)
{
    if (!p->is_reached)
        return;
    switch (override_extent_of(m->view->rules->overrides, p->address, p->bits)) {
    case OVERRIDE_NONE:
        p->is_reached = false;
        break;
    case OVERRIDE_ALL:
        p->is_held = true;
        p->is_reached = false;
        break;
    case OVERRIDE_SOME:
        break;
    }
}

static int draw(struct making *m, struct part *p, uint32_t *out);

static int draw_halves(struct making *m, const struct part *p, uint32_t *out)
{
    struct geo_net nets[GEO_KINDS][2];
    uint32_t half[2] = {NO_REF, NO_REF};
    int err = 0;
    for (int k = 0; k < GEO_KINDS; k++)
        geo_halves(m->view->geo != NULL ? m->view->geo->v[k] : NULL, p->nets[k], nets[k]);
    for (int i = 0; i < 2 && err == 0; i++) {
        struct part part = *p;
        for (int k = 0; k < GEO_KINDS; k++)
            part.nets[k] = nets[k][i];
        part.bits = p->bits + 1;
        if (i == 1)
            part.address[p->bits / 8] |= (uint8_t)(0x80 >> p->bits % 8);
        err = draw(m, &part, &half[i]);
    }
    if (err == 0)
        *out = new_fork(m->atlas, half);
    return err;
}

static bool has_halves(const struct part *p)
{
    for (int k = 0; k < GEO_KINDS; k++)
        if (p->nets[k].kind == GEO_NET_HALVES)
            return true;
    return false;
}

/* Nothing but the City database has a say in this network. */
static bool is_plain(const struct part *p)
{
    return !p->is_held && !p->is_reached && p->nets[GEO_CITY].kind == GEO_NET_HALVES &&
           p->nets[GEO_COUNTRY].kind == GEO_NET_UNKNOWN && p->nets[GEO_ASN].kind == GEO_NET_UNKNOWN;
}

/* What a look-up would not go into. */
static void close_nets(struct part *p)
{
    if (is_placed(p))
        p->nets[GEO_COUNTRY].kind = GEO_NET_UNKNOWN;
    for (int k = 0; k < GEO_KINDS && p->bits == 128; k++)
        if (p->nets[k].kind == GEO_NET_HALVES)
            p->nets[k].kind = GEO_NET_UNKNOWN;
}

static int draw(struct making *m, struct part *p, uint32_t *out)
{
    if (m->steps_left-- == 0)
        return ERR_CORRUPT;
    look_for_overrides(m, p);
    close_nets(p);
    if (!has_halves(p) && !p->is_reached) {
        *out = draw_leaf(m, p);
        return 0;
    }
    uint32_t *walked = is_plain(p) ? &m->walked[p->nets[GEO_CITY].id] : NULL;
    if (walked != NULL && *walked != NO_REF) {
        *out = *walked;
        return 0;
    }
    int err = draw_halves(m, p, out);
    if (err == 0 && walked != NULL)
        *walked = *out;
    return err;
}

static int draw_family(struct making *m, int family, uint32_t *out)
{
    const struct geo_set *geo = m->view->geo;
    struct part all = {.is_reached = m->view->rules->overrides != NULL};
    for (int k = 0; k < GEO_KINDS; k++)
        all.nets[k] = geo_root(geo != NULL ? geo->v[k] : NULL, family);
    if (m->view->rules->asn_count == 0)
        all.nets[GEO_ASN].kind = GEO_NET_UNKNOWN;
    m->family = family;
    if (family == AF_INET) {
        memset(all.address + 10, 0xff, 2);
        all.bits = IPV4_PREFIX;
    }
    return draw(m, &all, out);
}

static uint32_t nodes_of(const struct geo_set *geo, enum geo_kind kind)
{
    return geo != NULL && geo->v[kind] != NULL ? geo_facts_of(geo->v[kind])->nodes : 0;
}

/* ---- the first steps of all walks, taken once ---- */

static void put_jumps(const struct dns_atlas *a, struct jump from, struct jump *out)
{
    size_t count = (size_t)1 << (JUMP_BITS - from.bits);
    if ((from.at & IS_REGION) != 0 || count == 1) {
        for (size_t i = 0; i < count; i++)
            out[i] = from;
        return;
    }
    for (size_t i = 0; i < 2; i++)
        put_jumps(a, (struct jump){a->forks[from.at].half[i], from.bits + 1}, out + i * count / 2);
}

static int draw_jumps(struct making *m, int family, struct jump **out)
{
    struct jump root = {.bits = 0};
    int err = draw_family(m, family, &root.at);
    if (err != 0)
        return err;
    *out = mem_zarray((size_t)1 << JUMP_BITS, sizeof **out);
    put_jumps(m->atlas, root, *out);
    return 0;
}

/* ---- the public face ---- */

int dns_atlas_create(struct dns_atlas **out, const struct dns_view *view, size_t wanted)
{
    struct dns_atlas *a = mem_zalloc(sizeof *a);
    uint32_t nodes = nodes_of(view->geo, GEO_CITY);
    a->magic = ATLAS_MAGIC;
    a->refs = 1;
    a->routing = view->picture->routing;
    a->config_version = view->config_version;
    struct making m = {.atlas = a, .view = view, .wanted = wanted};
    m.steps_left = STEPS_SPARE;
    for (int k = 0; k < GEO_KINDS; k++)
        m.steps_left += 8 * (uint64_t)nodes_of(view->geo, (enum geo_kind)k);
    m.taken = mem_zalloc(view->picture->node_count + 1);
    m.walked = mem_zarray((size_t)nodes + 1, sizeof *m.walked);
    for (uint32_t i = 0; i <= nodes; i++)
        m.walked[i] = NO_REF;
    a->elsewhere = region_for(&m, &(struct part){.bits = 0});
    int err = draw_jumps(&m, AF_INET, &a->v4);
    if (err == 0)
        err = draw_jumps(&m, AF_INET6, &a->v6);
    mem_free(m.taken);
    mem_free(m.walked);
    mem_free(m.places.v);
    mem_free(m.shapes.v);
    if (err != 0)
        dns_atlas_unref(&a);
    *out = a;
    return err;
}

struct dns_atlas *dns_atlas_ref(struct dns_atlas *a)
{
    CHECK_OBJ(a, ATLAS_MAGIC);
    atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
    return a;
}

void dns_atlas_unref(struct dns_atlas **pa)
{
    struct dns_atlas *a = *pa;
    *pa = NULL;
    if (a == NULL)
        return;
    CHECK_OBJ(a, ATLAS_MAGIC);
    if (atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) != 1)
        return;
    a->magic = 0;
    mem_free(a->v4);
    mem_free(a->v6);
    mem_free(a->forks);
    mem_free(a->residents);
    mem_free(a);
}

bool dns_atlas_fits(const struct dns_atlas *a, const struct dns_view *view)
{
    return a != NULL && a->routing == view->picture->routing &&
           a->config_version == view->config_version;
}

/* ---- look-ups ---- */

static bool is_v6(const struct addr *a)
{
    return a->any.sa_family == AF_INET6;
}

static const uint8_t *address_of_client(const struct addr *a)
{
    return is_v6(a) ? a->v6.sin6_addr.s6_addr : (const uint8_t *)&a->v4.sin_addr;
}

static const struct jump *jump_of(const struct dns_atlas *a, const struct addr *client)
{
    const uint8_t *address = address_of_client(client);
    return &(is_v6(client) ? a->v6 : a->v4)[address[0] << 8 | address[1]];
}

/* Down from where `way` is until a region or the `end` of these bits of an address, of which the
 * highest is the first to follow. */
static struct jump walk(const struct dns_atlas *a, struct jump way, uint64_t bits, uint32_t end)
{
    const struct fork *forks = a->forks;
    uint32_t at = way.at, depth = way.bits;
    for (; (at & IS_REGION) == 0 && depth < end; depth++, bits <<= 1)
        at = forks[at].half[bits >> 63];
    return (struct jump){at, depth};
}

static struct jump walk_address(const struct dns_atlas *a, struct jump way,
                                const struct addr *client)
{
    uint64_t halves[2];
    if (!is_v6(client)) {
        uint64_t bits = (uint64_t)ntohl(client->v4.sin_addr.s_addr) << 32;
        return walk(a, way, bits << way.bits, 32);
    }
    memcpy(halves, &client->v6.sin6_addr, sizeof halves);
    way = walk(a, way, be64toh(halves[0]) << way.bits, 64);
    return walk(a, way, be64toh(halves[1]), 128);
}

/* A broken database's tree may be deeper than addresses are long: look-ups find nothing then. */
static struct dns_region region_at(const struct dns_atlas *a, struct jump end)
{
    bool is_found = (end.at & IS_REGION) != 0;
    return (struct dns_region){is_found ? end.at & ~IS_REGION : a->elsewhere, end.bits};
}

static void find_together(const struct dns_atlas *a, const struct addr *const *clients,
                          size_t count, struct dns_region *out)
{
    const struct jump *jumps[TOGETHER];
    for (size_t i = 0; i < count; i++) {
        jumps[i] = jump_of(a, clients[i]);
        __builtin_prefetch(jumps[i]);
    }
    for (size_t i = 0; i < count; i++)
        if ((jumps[i]->at & IS_REGION) == 0)
            __builtin_prefetch(&a->forks[jumps[i]->at]);
    for (size_t i = 0; i < count; i++)
        out[i] = region_at(a, walk_address(a, *jumps[i], clients[i]));
}

void dns_atlas_find(const struct dns_atlas *a, const struct addr *const *clients, size_t count,
                    struct dns_region *out)
{
    for (size_t at = 0, many; at < count; at += many) {
        many = count - at < TOGETHER ? count - at : TOGETHER;
        find_together(a, clients + at, many, out + at);
    }
}

const struct dns_resident *dns_atlas_resident(const struct dns_atlas *a, uint32_t region)
{
    return &a->residents[region];
}

size_t dns_atlas_regions(const struct dns_atlas *a)
{
    return a->region_count;
}

size_t dns_atlas_networks(const struct dns_atlas *a)
{
    return (size_t)a->fork_count + 2;
}
