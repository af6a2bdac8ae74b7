/* SPDX-License-Identifier: MIT
 * The decision. Distances are compared as cosines of the angle between unit vectors, one product
 * of three terms a place; kilometres are computed only for edges that are answered.
 *
 * A vague place is not a point: where the database says "within 500 km", two edges 100 and 400 km
 * from the centre of that circle cannot be told apart, and to prefer the first would pile a whole
 * country's unplaced users on the edge nearest to its middle. So edges whose distance is within
 * the place's radius of the nearest are one group; and where even the country is more than the
 * place tells, the country is the group. Hashing spreads users over it. */
#include "control/route/decide.h"

#include "control/route/near.h"
#include "control/route/rank.h"

#include <math.h>
#include <netinet/in.h>
#include <stdlib.h>

#define HALF_TURN_KM (GEO_EARTH_KM * 3.14159265358979323846)

/* A key that is more than this of a group member's fair share is cut into parts, each for another
 * edge. Loads of edges are sums of such parts: as small as this, they differ by some percent. */
#define KEY_PART (1.0 / 128)

_Static_assert(DECIDE_MAX <= RANK_MAX, "a verdict is one ranking");

/* One decision as it is being made. */
struct deciding {
    const struct picture *picture;
    const struct decide_rules *rules;
    const struct decide_question *q;
    uint8_t offers; /* all of these */
    bool has_point;
    struct near_point point;   /* of the client's place, where it has one */
    double near_cos, near_sin; /* of the angle within which distances are alike, */
    bool is_all_near;          /* where that is less than half a turn */
    const struct region *home; /* of the client */
    size_t count;              /* chosen so far */
    struct decide_verdict *out;
    struct shape *shape; /* NULL, or: only the groups are wanted, and out is NULL */
};

struct shape {
    uint8_t *taken; /* [node_count]; those of earlier groups */
    struct hash128 hash;
};

#define BAND_KEPT 16

/* The nearest place that has a candidate, as it is being found; and the places seen meanwhile that
 * are as near as it, of which there is one, nearly always. */
struct nearest {
    double below;         /* it is not as near as this, */
    double cosine, least; /* but as this; and what is as near as `least`, is as near as it */
    enum standing standing;
    const struct picture_place *place; /* NULL: there is none */
    struct {
        double cosine;
        const struct picture_place *place;
    } v[BAND_KEPT];
    size_t count;
    bool has_more; /* than there was room for */
};

/* Candidates that are equal to the rule. */
struct group {
    enum decide_rule rule;
    enum standing standing;
    const struct nearest *nearest; /* CITY; all its places, unless it has more */
    uint16_t code;                 /* COUNTRY, CONTINENT */
    uint64_t area;
};

struct span decide_rule_name(enum decide_rule rule)
{
    static const struct span names[] = {
        [DECIDE_OVERRIDE] = SPAN("override"),   [DECIDE_ASN] = SPAN("asn"),
        [DECIDE_CITY] = SPAN("city"),           [DECIDE_COUNTRY] = SPAN("country"),
        [DECIDE_CONTINENT] = SPAN("continent"), [DECIDE_DEFAULT] = SPAN("default")};
    return names[rule];
}

uint64_t decide_key(struct span host, struct span path)
{
    struct hash128 h = hash128(host.p, host.n, 0);
    return hash128(path.p, path.n, h.lo).lo;
}

double decide_band_km(double cosine)
{
    return GEO_EARTH_KM * acos(cosine > 1 ? 1 : cosine < -1 ? -1 : cosine);
}

double decide_km(const struct place *client, const struct picture_node *n)
{
    if (!client->has_point || !n->spec.has_point)
        return -1;
    return geo_km(&client->at, &n->at);
}

/* ---- candidates ---- */

static uint8_t offers_of(const struct decide_question *q)
{
    static const uint8_t schemes[] = {[DECIDE_HTTP] = PICTURE_HTTP, [DECIDE_HTTPS] = PICTURE_HTTPS};
    static const uint8_t families[] = {[NODE_IPV4] = PICTURE_IPV4, [NODE_IPV6] = PICTURE_IPV6};
    uint8_t scheme = q->scheme != DECIDE_ANY ? schemes[q->scheme] : 0;
    uint8_t family = q->family != NODE_ANY_FAMILY ? families[q->family] : 0;
    return scheme | family;
}

static inline enum standing standing_for(const struct picture_edge *e,
                                         const struct decide_question *q)
{
    enum standing s = (enum standing)e->standing[q->family];
    bool is_dear = q->price_class != 0 && e->price_class > q->price_class;
    return is_dear && s < STANDING_DEAR ? STANDING_DEAR : s;
}

enum standing decide_standing(const struct picture_edge *e, const struct decide_question *q)
{
    return standing_for(e, q);
}

static inline bool is_chosen(const struct deciding *d, const struct picture_edge *e)
{
    if (d->shape != NULL)
        return d->shape->taken[e->node] != 0;
    for (size_t i = 0; i < d->out->count; i++)
        if (d->out->v[i].edge == e)
            return true;
    return false;
}

static inline bool is_candidate(const struct deciding *d, const struct picture_edge *e,
                                enum standing standing)
{
    return standing_for(e, d->q) == standing && (e->offers & d->offers) == d->offers &&
           (e->offers & (PICTURE_HTTP | PICTURE_HTTPS)) != 0 &&
           (d->rules->regions == NULL || region_lets(d->rules->regions, d->home, e->region)) &&
           !is_chosen(d, e);
}

static inline bool is_member(const struct deciding *d, const struct group *g,
                             const struct picture_edge *e)
{
    if (g->rule == DECIDE_COUNTRY && e->country != g->code)
        return false;
    if (g->rule == DECIDE_CONTINENT && e->continent != g->code)
        return false;
    return is_candidate(d, e, g->standing);
}

static bool is_full(const struct deciding *d)
{
    return d->count >= d->q->wanted;
}

/* ---- choosing ---- */

/* Members of a group are added in the picture's order, which is no rank: `mark` ends a group. */
static void add_to_shape(struct deciding *d, const struct picture_edge *e, uint64_t mark)
{
    struct shape *s = d->shape;
    const uint64_t words[] = {s->hash.lo, s->hash.hi, mark, e != NULL ? (uint64_t)e->node + 1 : 0};
    s->hash = hash128(words, sizeof words, 0);
    if (e == NULL)
        return;
    s->taken[e->node] = 1;
    d->count++;
}

/* e is of the group that was begun last. */
static void choose(struct deciding *d, const struct picture_edge *e)
{
    struct decide_verdict *out = d->out;
    const struct decide_group *g = &out->groups[out->group_count - 1];
    const struct picture_node *n = &d->picture->nodes[e->node];
    if (out->count == 0)
        out->rule = g->rule;
    out->v[out->count++] = (struct decide_choice){n, e, g->rule, g->standing, out->group_count - 1};
    d->count++;
}

static void begin_group(struct deciding *d, const struct decide_group *g)
{
    d->out->groups[d->out->group_count++] = *g;
}

/* ---- groups ---- */

/* Where members of a group go: into a ranking, or, without one, into the shape. */
static void take_members(struct deciding *d, const struct group *g, struct rank *r, size_t from,
                         size_t count)
{
    for (const struct picture_edge *e = d->picture->edges + from, *end = e + count; e < end; e++) {
        if (!is_member(d, g, e))
            continue;
        if (r != NULL)
            rank_add(r, e);
        else
            add_to_shape(d, e, 0);
    }
}

/* By all places there are. */
static void take_band(struct deciding *d, const struct group *g, struct rank *r)
{
    const struct picture *p = d->picture;
    double c[PICTURE_BLOCK], least = g->nearest->least, below = g->nearest->below;
    size_t from = near_home(p, &d->point), blocks = near_blocks(p);
    while (from > 0 && near_reaches(p, &d->point, from - 1, least))
        from--;
    for (size_t b = from; b < blocks && near_reaches(p, &d->point, b, least); b++) {
        unsigned left = near_cosines(p, &d->point, b, least, c);
        const struct picture_place *places = &p->places[b * PICTURE_BLOCK];
        for (; left != 0; left &= left - 1) {
            unsigned i = (unsigned)__builtin_ctz(left);
            if (c[i] < below)
                take_members(d, g, r, places[i].first, places[i].count);
        }
    }
}

static void take_group(struct deciding *d, const struct group *g, struct rank *r)
{
    const struct nearest *n = g->nearest;
    if (n == NULL)
        take_members(d, g, r, 0, d->picture->node_count);
    else if (n->has_more)
        take_band(d, g, r);
    else
        for (size_t i = 0; i < n->count; i++)
            take_members(d, g, r, n->v[i].place->first, n->v[i].place->count);
}

/* Users behind one network prefix go together, as far as a hot key is spread. */
static uint64_t user_of(const struct decide_question *q)
{
    uint8_t prefix[7] = {0};
    if (q->client->sa_family == AF_INET6)
        memcpy(prefix, &((const struct sockaddr_in6 *)(const void *)q->client)->sin6_addr, 7);
    else if (q->client->sa_family == AF_INET)
        memcpy(prefix, &((const struct sockaddr_in *)(const void *)q->client)->sin_addr, 3);
    return hash64(prefix, sizeof prefix) ^ q->key_hash;
}

/* The parts a key is cut into, beyond those that fit into a ranking all members. */
static size_t spread_of(const struct rank *r, double share)
{
    double parts = ceil(share / KEY_PART * (double)r->members);
    if (parts <= 1)
        return 1;
    return parts <= RANK_MAX && parts < (double)r->members ? (size_t)parts : r->members;
}

/* A hot key's first edge is its user's; the others follow in the order of the key. Few keys are
 * hot, so the ranking has no room for all parts until one is. */
static size_t spread_key(struct deciding *d, const struct group *g, const struct heat_spot *spot,
                         struct rank *r)
{
    double share = heat_share(d->q->heat, spot);
    size_t spread = share > 0 ? spread_of(r, share) : 1;
    if (spread <= 1)
        return 1;
    if (spread <= RANK_MAX) {
        rank_init(r, d->q->key_hash, RANK_MAX);
        take_group(d, g, r);
        rank_prefer(r, spread, user_of(d->q));
        return spread;
    }
    struct rank all;
    rank_init(&all, user_of(d->q), 1);
    take_group(d, g, &all);
    rank_put_first(r, all.v[0]);
    return spread;
}

static struct decide_group told(const struct group *g, const struct rank *r, size_t spread)
{
    return (struct decide_group){.rule = g->rule,
                                 .standing = g->standing,
                                 .members = r->members,
                                 .spread = spread,
                                 .from_cos = g->nearest != NULL ? g->nearest->below : 0,
                                 .to_cos = g->nearest != NULL ? g->nearest->least : 0};
}

static void choose_group(struct deciding *d, const struct group *g)
{
    if (is_full(d))
        return;
    if (d->shape != NULL) {
        size_t before = d->count;
        take_group(d, g, NULL);
        if (d->count > before)
            add_to_shape(d, NULL, g->standing);
        return;
    }
    struct rank r;
    struct heat_spot spot = {0};
    bool may_spread = d->count == 0 && d->q->heat != NULL;
    rank_init(&r, d->q->key_hash, d->q->wanted - d->count);
    if (may_spread)
        spot = heat_find(d->q->heat, d->q->key_hash, g->area);
    take_group(d, g, &r);
    if (r.count == 0)
        return;
    size_t spread = may_spread ? spread_key(d, g, &spot, &r) : 1;
    if (d->count == 0) {
        d->out->area = g->area;
        d->out->spot = spot;
    }
    struct decide_group t = told(g, &r, spread);
    begin_group(d, &t);
    for (size_t i = 0; i < r.count && !is_full(d); i++)
        choose(d, r.v[i].edge);
}

/* ---- rules ---- */

/* Edges one after the other, as the operator has them. */
struct list_of_edges {
    const struct span *v;
    size_t count;
    enum decide_rule rule;
    const struct override *override; /* NULL: it is none */
};

static void choose_listed(struct deciding *d, const struct list_of_edges *l, enum standing standing)
{
    for (size_t i = 0; i < l->count && !is_full(d); i++) {
        const struct picture_node *n = picture_node_named(d->picture, l->v[i]);
        const struct picture_edge *e = n != NULL ? &d->picture->edges[n->edge] : NULL;
        if (e == NULL || !is_candidate(d, e, standing))
            continue;
        if (d->shape != NULL) {
            add_to_shape(d, e, 0);
            add_to_shape(d, NULL, standing);
            continue;
        }
        if (d->count == 0)
            d->out->override = l->override;
        begin_group(d, &(struct decide_group){
                           .rule = l->rule, .standing = standing, .members = 1, .spread = 1});
        choose(d, e);
    }
}

/* The longest network decides; where none of its edges can serve, the next shorter one. */
static void by_override(struct deciding *d, enum standing standing)
{
    const struct override_table *t = d->rules->overrides;
    const struct override *o = override_find(t, d->q->client, NULL);
    for (; o != NULL && !is_full(d); o = override_find(t, d->q->client, o))
        choose_listed(d, &(struct list_of_edges){o->edges, o->edge_count, DECIDE_OVERRIDE, o},
                      standing);
}

static int compare_asn(const void *key, const void *element)
{
    uint32_t asn = *(const uint32_t *)key, other = ((const struct asn_rule *)element)->asn;
    return asn < other ? -1 : asn > other;
}

const struct asn_rule *decide_asn_rule(const struct decide_rules *rules, uint32_t asn)
{
    if (asn == 0 || rules->asn_count == 0)
        return NULL;
    return bsearch(&asn, rules->asns, rules->asn_count, sizeof *rules->asns, compare_asn);
}

static void by_asn(struct deciding *d, enum standing standing)
{
    const struct asn_rule *r = decide_asn_rule(d->rules, d->q->place->asn);
    if (r != NULL)
        choose_listed(d, &(struct list_of_edges){r->edges, r->edge_count, DECIDE_ASN, NULL},
                      standing);
}

static bool has_candidate(const struct deciding *d, const struct picture_place *p,
                          enum standing standing)
{
    for (uint32_t i = p->first; i < p->first + p->count; i++)
        if (is_candidate(d, &d->picture->edges[i], standing))
            return true;
    return false;
}

/* Of those that are equally near, the southernmost, wherever the search began. */
static bool is_nearer(const struct nearest *n, double cosine, const struct picture_place *place)
{
    return cosine > n->cosine || (cosine == n->cosine && place < n->place);
}

/* The nearest of some places (bits), or -1: none is below the band before. */
static int nearest_of(const double *cosines, unsigned places, double below)
{
    int nearest = -1;
    double most = -INFINITY;
    for (; places != 0; places &= places - 1) {
        int i = __builtin_ctz(places);
        if (cosines[i] > most && cosines[i] < below) {
            most = cosines[i];
            nearest = i;
        }
    }
    return nearest;
}

/* The least cosine that is as near as `nearest`: of the sum of two angles. */
static double least_of(const struct deciding *d, double nearest)
{
    if (d->is_all_near || nearest <= -d->near_cos)
        return -2;
    double sine = nearest < 1 ? sqrt((1 - nearest) * (1 + nearest)) : 0;
    return fmin(nearest, nearest * d->near_cos - sine * d->near_sin);
}

/* Those that have turned out not to be as near as the nearest. */
static void leave_out_far(struct nearest *n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n->count; i++)
        if (n->v[i].cosine >= n->least)
            n->v[kept++] = n->v[i];
    n->count = kept;
}

/* In the picture's order, so that the same places are the same group however they were found. */
static void keep(struct nearest *n, double cosine, const struct picture_place *place)
{
    if (n->count == BAND_KEPT)
        leave_out_far(n);
    if (n->count == BAND_KEPT) {
        n->has_more = true;
        return;
    }
    size_t at = n->count++;
    for (; at > 0 && n->v[at - 1].place > place; at--)
        n->v[at] = n->v[at - 1];
    n->v[at].cosine = cosine;
    n->v[at].place = place;
}

/* The nearest of a block that has a candidate, where it is nearer than what was found before. */
static bool take_nearest(const struct deciding *d, const struct picture_place *places,
                         const double *cosines, unsigned left, struct nearest *n)
{
    for (int i; (i = nearest_of(cosines, left, n->below)) >= 0; left &= ~(1U << i)) {
        if (!is_nearer(n, cosines[i], &places[i]))
            return false;
        if (!has_candidate(d, &places[i], n->standing))
            continue;
        n->cosine = cosines[i];
        n->place = &places[i];
        return true;
    }
    return false;
}

static void look_into(const struct deciding *d, size_t block, struct nearest *n)
{
    double c[PICTURE_BLOCK];
    unsigned near = near_cosines(d->picture, &d->point, block, n->least, c);
    const struct picture_place *places = &d->picture->places[block * PICTURE_BLOCK];
    if (near == 0)
        return;
    if (take_nearest(d, places, c, near, n))
        n->least = least_of(d, n->cosine);
    for (; near != 0; near &= near - 1) {
        int i = __builtin_ctz(near);
        if (c[i] >= n->least && c[i] < n->below)
            keep(n, c[i], &places[i]);
    }
}

static void find_nearest(const struct deciding *d, struct nearest *n)
{
    const struct picture *p = d->picture;
    size_t home = near_home(p, &d->point), blocks = near_blocks(p);
    for (size_t b = home; b < blocks && near_reaches(p, &d->point, b, n->least); b++)
        look_into(d, b, n);
    for (size_t b = home; b > 0 && near_reaches(p, &d->point, b - 1, n->least); b--)
        look_into(d, b - 1, n);
    leave_out_far(n);
}

static void by_distance(struct deciding *d, enum standing standing)
{
    double below = 2;
    while (!is_full(d)) {
        struct nearest n;
        n.below = below;
        n.cosine = n.least = -2;
        n.standing = standing;
        n.place = NULL;
        n.count = 0;
        n.has_more = false;
        find_nearest(d, &n);
        if (n.place == NULL)
            return;
        choose_group(d, &(struct group){.rule = DECIDE_CITY,
                                        .standing = standing,
                                        .nearest = &n,
                                        .area = n.place->hash | 1});
        below = n.least;
    }
}

static void by_code(struct deciding *d, enum decide_rule rule, uint16_t code,
                    enum standing standing)
{
    if (rule == DECIDE_DEFAULT || (code != 0 && picture_may_have(d->picture, code)))
        choose_group(d, &(struct group){.rule = rule,
                                        .standing = standing,
                                        .code = code,
                                        .area = (uint64_t)rule << 32 | code});
}

static void decide_among(struct deciding *d, enum standing standing)
{
    const struct place *place = d->q->place;
    uint16_t country = picture_code(span_of(place->country));
    bool is_vague = d->rules->vague_km > 0 && place->radius_km >= d->rules->vague_km;
    by_override(d, standing);
    by_asn(d, standing);
    if (is_vague)
        by_code(d, DECIDE_COUNTRY, country, standing);
    if (d->has_point)
        by_distance(d, standing);
    by_code(d, DECIDE_COUNTRY, country, standing);
    by_code(d, DECIDE_CONTINENT, picture_code(span_of(place->continent)), standing);
    by_code(d, DECIDE_DEFAULT, 0, standing);
}

static void set_point(struct deciding *d, const struct place *place)
{
    double near_km = fmax(d->rules->near_km, place->radius_km);
    d->point = near_point_of(&place->at);
    sincos(near_km / GEO_EARTH_KM, &d->near_sin, &d->near_cos);
    d->is_all_near = near_km >= HALF_TURN_KM;
}

static void run(struct deciding *d)
{
    const struct place *place = d->q->place;
    CHECK(d->q->wanted >= 1 && d->q->wanted <= DECIDE_MAX);
    d->offers = offers_of(d->q);
    d->has_point = place->has_point;
    if (d->has_point)
        set_point(d, place);
    if (d->rules->regions != NULL)
        d->home = region_of(d->rules->regions, picture_code(span_of(place->country)),
                            picture_code(span_of(place->continent)));
    for (int s = STANDING_ABLE; s < STANDING_OUT && !is_full(d); s++) {
        bool is_any = (d->picture->standings[d->q->family] >> s & 1) != 0;
        if (!is_any && (s != STANDING_DEAR || d->q->price_class == 0))
            continue;
        decide_among(d, (enum standing)s);
        if (d->q->has_one_standing && d->count > 0)
            break;
    }
}

void decide(const struct picture *picture, const struct decide_rules *rules,
            const struct decide_question *question, struct decide_verdict *out)
{
    out->rule = DECIDE_DEFAULT;
    out->override = NULL;
    out->area = 0;
    out->group_count = out->count = 0;
    struct deciding d = {.picture = picture, .rules = rules, .q = question, .out = out};
    run(&d);
    out->region = d.home;
}

struct hash128 decide_shape(const struct picture *picture, const struct decide_rules *rules,
                            const struct decide_question *question, uint8_t *taken)
{
    struct shape shape = {.taken = taken};
    struct deciding d = {.picture = picture, .rules = rules, .q = question, .shape = &shape};
    memset(taken, 0, picture->node_count);
    run(&d);
    return shape.hash;
}
