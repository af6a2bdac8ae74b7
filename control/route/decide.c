/* SPDX-License-Identifier: MIT
 * The decision. Distances are compared as cosines of the angle between unit vectors (one product
 * of three terms an edge); kilometres are computed only for edges that are answered.
 *
 * A vague place is not a point: where the database says "within 500 km", two edges 100 and 400 km
 * from the centre of that circle cannot be told apart, and to prefer the first would pile a whole
 * country's unplaced users on the edge nearest to its middle. So edges whose distance is within
 * the place's radius of the nearest are one group, and hashing spreads users over it. */
#include "control/route/decide.h"

#include "lib/base/hash.h"
#include "lib/base/hrw.h"

#include <math.h>

#define HALF_TURN_KM (GEO_EARTH_KM * 3.14159265358979323846)

/* One decision as it is being made. */
struct deciding {
    const struct picture *picture;
    const struct decide_question *q;
    double x, y, z; /* of the client's place, where it has a point */
    double near_km;
    size_t count; /* chosen so far */
    struct decide_verdict *out;
    struct shape *shape; /* NULL, or: only the groups are wanted, and out is NULL */
};

struct shape {
    uint8_t *taken; /* [node_count]; those of earlier groups */
    struct hash128 hash;
};

enum decide_class decide_class_of(const struct picture_node *node)
{
    if (node->mode == NODE_DOWN)
        return DECIDE_OUT;
    if (node->mode == NODE_FORCED)
        return DECIDE_ABLE;
    if (node->health != HEALTH_UP)
        return DECIDE_DOUBTFUL;
    return node->mode == NODE_DRAIN ? DECIDE_DRAIN : DECIDE_ABLE;
}

const char *decide_rule_name(enum decide_rule rule)
{
    static const char *const names[] = {[DECIDE_OVERRIDE] = "override",
                                        [DECIDE_CITY] = "city",
                                        [DECIDE_COUNTRY] = "country",
                                        [DECIDE_DEFAULT] = "default"};
    return names[rule];
}

const char *decide_class_name(enum decide_class class)
{
    static const char *const names[] = {[DECIDE_ABLE] = "able",
                                        [DECIDE_DRAIN] = "drain",
                                        [DECIDE_DOUBTFUL] = "doubtful",
                                        [DECIDE_OUT] = "down"};
    return names[class];
}

uint64_t decide_key(struct span host, struct span path)
{
    struct hash128 h = hash128(host.p, host.n, 0);
    return hash128(path.p, path.n, h.lo).lo;
}

static bool has_url(const struct picture_node *n, enum decide_scheme scheme)
{
    switch (scheme) {
    case DECIDE_HTTP:
        return n->spec.http_url.n > 0;
    case DECIDE_HTTPS:
        return n->spec.https_url.n > 0;
    case DECIDE_ANY:
        break;
    }
    return n->spec.http_url.n > 0 || n->spec.https_url.n > 0;
}

static bool has_address(const struct picture_node *n, enum decide_family family)
{
    return family == DECIDE_ANY_FAMILY ||
           (family == DECIDE_IPV4 ? n->spec.addresses.v4_count : n->spec.addresses.v6_count) > 0;
}

static bool is_chosen(const struct deciding *d, const struct picture_node *n)
{
    if (d->shape != NULL)
        return d->shape->taken[n - d->picture->nodes] != 0;
    for (size_t i = 0; i < d->out->count; i++)
        if (d->out->v[i].node == n)
            return true;
    return false;
}

static bool is_candidate(const struct deciding *d, const struct picture_node *n,
                         enum decide_class class)
{
    return decide_class_of(n) == class && has_url(n, d->q->scheme) &&
           has_address(n, d->q->family) && !is_chosen(d, n);
}

static bool is_full(const struct deciding *d)
{
    return d->count >= d->q->wanted;
}

/* -1 .. 1, greater is nearer. */
static double cosine(const struct deciding *d, const struct picture_node *n)
{
    return d->x * n->x + d->y * n->y + d->z * n->z;
}

static double km_of_cosine(double c)
{
    return GEO_EARTH_KM * acos(c > 1 ? 1 : c < -1 ? -1 : c);
}

static double km_of(const struct deciding *d, const struct picture_node *n)
{
    if (!d->q->place->has_point || !n->spec.has_point)
        return -1;
    return geo_km(d->q->place->lat, d->q->place->lon, n->spec.lat, n->spec.lon);
}

/* Members of a group are added in the picture's order, which is no rank: `mark` ends a group. */
static void add_to_shape(struct deciding *d, const struct picture_node *n, uint64_t mark)
{
    struct shape *s = d->shape;
    const uint64_t words[] = {s->hash.lo, s->hash.hi, mark,
                              n != NULL ? (uint64_t)(n - d->picture->nodes) + 1 : 0};
    s->hash = hash128(words, sizeof words, 0);
    if (n == NULL)
        return;
    s->taken[n - d->picture->nodes] = 1;
    d->count++;
}

static void choose(struct deciding *d, const struct picture_node *n, enum decide_rule rule,
                   enum decide_class class)
{
    if (d->shape != NULL) {
        add_to_shape(d, n, 0);
        add_to_shape(d, NULL, class);
        return;
    }
    d->count++;
    if (d->out->count == 0)
        d->out->rule = rule;
    d->out->v[d->out->count++] = (struct decide_choice){n, rule, class, km_of(d, n)};
}

/* Which of the candidates that fit belong to the group. NULL: all. */
typedef bool (*in_group_fn)(const struct deciding *d, const struct picture_node *n, double limit);

struct group {
    in_group_fn has;
    double limit;
    enum decide_rule rule;
    enum decide_class class;
};

static bool is_member(const struct deciding *d, const struct group *g, const struct picture_node *n)
{
    return g->has(d, n, g->limit) && is_candidate(d, n, g->class);
}

static void shape_group(struct deciding *d, const struct group *g)
{
    size_t before = d->count;
    for (size_t i = 0; i < d->picture->node_count; i++)
        if (is_member(d, g, &d->picture->nodes[i]))
            add_to_shape(d, &d->picture->nodes[i], 0);
    if (d->count > before)
        add_to_shape(d, NULL, g->class);
}

/* The best of a group by rendezvous, again and again, until it is empty or enough are chosen. */
static void choose_group(struct deciding *d, const struct group *g)
{
    if (d->shape != NULL && !is_full(d))
        shape_group(d, g);
    while (d->shape == NULL && !is_full(d)) {
        const struct picture_node *best = NULL;
        double best_score = -1;
        for (size_t i = 0; i < d->picture->node_count; i++) {
            const struct picture_node *n = &d->picture->nodes[i];
            if (!is_member(d, g, n))
                continue;
            double score = hrw_score(d->q->key_hash, n->hash, n->spec.weight);
            if (score > best_score) {
                best = n;
                best_score = score;
            }
        }
        if (best == NULL)
            return;
        choose(d, best, g->rule, g->class);
    }
}

static bool is_within(const struct deciding *d, const struct picture_node *n, double least_cosine)
{
    return n->spec.has_point && cosine(d, n) >= least_cosine;
}

static bool is_in_country(const struct deciding *d, const struct picture_node *n, double unused)
{
    (void)unused;
    return span_eq(n->spec.country, span_of(d->q->place->country));
}

static bool is_any(const struct deciding *d, const struct picture_node *n, double unused)
{
    (void)d;
    (void)n;
    (void)unused;
    return true;
}

/* The longest network decides; where none of its edges can serve, the next shorter one. */
static void by_override(struct deciding *d, const struct override_table *table,
                        enum decide_class class)
{
    const struct override *o = override_find(table, d->q->client, NULL);
    for (; o != NULL && !is_full(d); o = override_find(table, d->q->client, o))
        for (size_t i = 0; i < o->edge_count && !is_full(d); i++) {
            const struct picture_node *n = picture_node_named(d->picture, o->edges[i]);
            if (n == NULL || !is_candidate(d, n, class))
                continue;
            if (d->count == 0 && d->shape == NULL)
                d->out->override = o;
            choose(d, n, DECIDE_OVERRIDE, class);
        }
}

static void by_distance(struct deciding *d, enum decide_class class)
{
    while (!is_full(d)) {
        double nearest = -2;
        for (size_t i = 0; i < d->picture->node_count; i++) {
            const struct picture_node *n = &d->picture->nodes[i];
            if (n->spec.has_point && cosine(d, n) > nearest && is_candidate(d, n, class))
                nearest = cosine(d, n);
        }
        if (nearest < -1.5)
            return;
        double km = km_of_cosine(nearest) + d->near_km;
        double limit = km >= HALF_TURN_KM ? -2 : fmin(nearest, cos(km / GEO_EARTH_KM));
        choose_group(d, &(struct group){is_within, limit, DECIDE_CITY, class});
    }
}

static void decide_class(struct deciding *d, const struct decide_rules *rules,
                         enum decide_class class)
{
    by_override(d, rules->overrides, class);
    if (d->q->place->has_point)
        by_distance(d, class);
    if (d->q->place->country[0] != '\0')
        choose_group(d, &(struct group){is_in_country, 0, DECIDE_COUNTRY, class});
    choose_group(d, &(struct group){is_any, 0, DECIDE_DEFAULT, class});
}

static void run(struct deciding *d, const struct decide_rules *rules)
{
    const struct place *place = d->q->place;
    CHECK(d->q->wanted >= 1 && d->q->wanted <= DECIDE_MAX);
    if (place->has_point)
        picture_point(place->lat, place->lon, &d->x, &d->y, &d->z);
    d->near_km = fmax(rules->near_km, place->radius_km);
    for (int class = DECIDE_ABLE; class < DECIDE_OUT && !is_full(d); class ++) {
        decide_class(d, rules, (enum decide_class) class);
        if (d->q->has_one_class && d->count > 0)
            break;
    }
}

void decide(const struct picture *picture, const struct decide_rules *rules,
            const struct decide_question *question, struct decide_verdict *out)
{
    out->rule = DECIDE_DEFAULT;
    out->override = NULL;
    out->count = 0;
    struct deciding d = {.picture = picture, .q = question, .out = out};
    run(&d, rules);
}

struct hash128 decide_shape(const struct picture *picture, const struct decide_rules *rules,
                            const struct decide_question *question, uint8_t *taken)
{
    struct shape shape = {.taken = taken};
    struct deciding d = {.picture = picture, .q = question, .shape = &shape};
    memset(taken, 0, picture->node_count);
    run(&d, rules);
    return shape.hash;
}
